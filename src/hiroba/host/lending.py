"""What the host lends to one app or agent: cities that refuse what its manifest does not name, and
cursors."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from hiroba.host.local_city import LocalCity
from hiroba.kernel.broker.broker import Broker
from hiroba.kernel.model.errors import NonexistentTenant
from hiroba.sdk import Answer, Cell, Changed, City, Entity, Mode, Written

_READER = "reader"


class LentHost:
    """What one app or agent gets of the host (`hiroba.sdk.Host`): cities that refuse what it may not
    write."""

    def __init__(self, broker: Broker, writes: Sequence[str]) -> None:
        self._broker = broker
        self._writes = None if "*" in writes else frozenset(writes)
        self._known: set[tuple[str, str]] = set()

    def city(self, tenant: str = "") -> City:
        """Return a tenant's city; it need not exist yet, the first write creates it."""
        city = LocalCity(self._broker, tenant)
        return city if self._writes is None else BoundedCity(city, self._writes)

    async def tenants(self) -> list[str]:
        """Return the names of the tenants there are now, the default one ("") first."""
        return await self._broker.store.tenants()

    async def cursor(self, tenant: str, name: str) -> int | None:
        """Return how far a reader of the tenant's changes has come, None for one never seen."""
        try:
            store = await self._broker.store.tenant(tenant)
        except NonexistentTenant:
            return None
        if await store.record(_READER, name) is None:
            return None
        self._known.add((tenant, name))
        return await store.cursor(name)

    async def keep_cursor(self, tenant: str, name: str, seq: int) -> None:
        """Remember how far a reader has come; the first time it is durable at once, later with the next
        commit."""
        store = await self._broker.store.tenant(tenant)
        await store.keep_cursor(name, seq)
        if (tenant, name) not in self._known:
            await store.keep_record(_READER, name, {"name": name})
            self._known.add((tenant, name))


class BoundedCity:
    """A city that refuses to write entity types that the guest's manifest does not name."""

    def __init__(self, city: City, writes: frozenset[str]) -> None:
        self._city = city
        self._may = writes
        self.tenant = city.tenant

    async def write(self, entities: Sequence[Entity], *, mode: Mode = "upsert", context: Any = None) -> Written:
        """Write those whose types the manifest names; the others are in `refused`."""
        allowed = [entity for entity in entities if self._forbidden(entity) is None]
        refused = {
            str(entity.get("id")): f"the manifest does not name the type {kind} under writes"
            for entity in entities
            if (kind := self._forbidden(entity)) is not None
        }
        written = await self._city.write(allowed, mode=mode, context=context) if allowed else Written()
        written.refused.update(refused)
        return written

    def _forbidden(self, entity: Entity) -> str | None:
        kinds = entity.get("type", ())
        for kind in [kinds] if isinstance(kinds, str) else kinds:
            if kind not in self._may:
                return str(kind)
        return None

    async def entity(
        self, id: str, *, simplified: bool = False, sys_attrs: bool = False, context: Any = None
    ) -> Entity | None:
        """Return an entity, or None."""
        return await self._city.entity(id, simplified=simplified, sys_attrs=sys_attrs, context=context)

    async def entities(self, **chosen: Any) -> Answer:
        """Return a page of the entities chosen, as `City.entities`."""
        return await self._city.entities(**chosen)

    async def delete(self, ids: Sequence[str]) -> Written:
        """Delete entities of the types that the manifest names; others are in `refused`."""
        types = ",".join(sorted(self._may))
        if not types:
            return Written(refused=dict.fromkeys(ids, "the manifest names no types under writes"))
        mine: set[str] = set()
        for start in range(0, len(ids), 500):
            page = ids[start : start + 500]
            found = await self._city.entities(types=types, ids=page, pick=("id",), limit=len(page))
            mine.update(entity["id"] for entity in found.entities)
        deleted = await self._city.delete([id for id in ids if id in mine])
        deleted.refused.update((id, "there is none, or not of a type that it writes") for id in ids if id not in mine)
        return deleted

    async def delete_attribute(self, id: str, attribute: str, *, context: Any = None) -> None:
        """Delete an attribute with all its instances."""
        await self._city.delete_attribute(id, attribute, context=context)

    async def history(self, id: str, **chosen: Any) -> Entity | None:
        """Return an entity's history, as `City.history`."""
        return await self._city.history(id, **chosen)

    async def types(self) -> dict[str, int]:
        """Return the entity types in use and how many entities each has."""
        return await self._city.types()

    async def cells(
        self,
        types: str,
        *,
        box: tuple[float, float, float, float],
        size: tuple[float, float],
        attrs: Sequence[str] = ("name",),
    ) -> list[Cell]:
        """Group the locations in a box by a grid of cells (degrees)."""
        return await self._city.cells(types, box=box, size=size, attrs=attrs)

    def changes(
        self, *, after: int | None = None, types: Sequence[str] | None = None, passed: bool = False
    ) -> AsyncIterator[Changed]:
        """Yield changes as they are committed, for ever."""
        return self._city.changes(after=after, types=types, passed=passed)

    async def last_seq(self) -> int:
        """Return the newest change's `seq`."""
        return await self._city.last_seq()
