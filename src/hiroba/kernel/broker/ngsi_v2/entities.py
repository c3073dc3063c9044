"""The operations of NGSIv2 on entities and their attributes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NoReturn

from hiroba.kernel.broker.broker import Broker
from hiroba.kernel.broker.entities import stamp, write_one
from hiroba.kernel.broker.ngsi_v2 import decisions
from hiroba.kernel.broker.ngsi_v2.decisions import Belongs, How, Outcome, belonging
from hiroba.kernel.model.errors import NonexistentTenant
from hiroba.kernel.model.ngsi_v2.attributes import Given, GivenEntity
from hiroba.kernel.model.ngsi_v2.errors import no_attribute, no_entity, partial_update, too_many, unprocessable
from hiroba.kernel.model.ngsi_v2.names import (
    DEFAULT_TYPE,
    EVERYWHERE,
    ROOT,
    ServicePath,
    entity_urn,
    is_coded,
    path_of,
    urn_prefix,
)
from hiroba.kernel.store.port import Decide, EntityQuery, Stored, TenantStore

MOST_NAMESAKES = 100


@dataclass(slots=True, frozen=True)
class Place:
    """Where a request is at home: the tenant and the service path, None for a request that names none."""

    tenant: str = ""
    path: str | None = None

    @property
    def paths(self) -> tuple[ServicePath, ...]:
        """Return the service paths in which an entity of this place may be."""
        if self.path is None:
            return EVERYWHERE
        return (ServicePath(tuple(self.path.strip("/").split("/")) if self.path != ROOT else ()),)


@dataclass(slots=True, frozen=True)
class Target:
    """Which entity is meant: its NGSIv2 id, its type when one is named, and the service paths to look in."""

    id: str
    type: str | None = None
    paths: tuple[ServicePath, ...] = field(default=EVERYWHERE)

    @property
    def belongs(self) -> Belongs:
        """Return the test whether an entity can be the one meant."""
        return belonging(self.type, self.paths)

    @property
    def label(self) -> str:
        """Return how messages name it."""
        return f"{self.id}/{self.type}" if self.type is not None else self.id


async def store_of(broker: Broker, tenant: str) -> TenantStore | None:
    """Return a tenant's store, None for one that nobody has written to."""
    try:
        return await broker.store.tenant(tenant)
    except NonexistentTenant:
        return None


async def namesakes(store: TenantStore, target: Target) -> list[Stored]:
    """Return the entities that a target may mean."""
    if not is_coded(target.id):
        found = await store.get(target.id)
        rows = [found] if found is not None else []
    else:
        query = EntityQuery(id_pattern=f"^{escaped(urn_prefix(target.id))}", limit=MOST_NAMESAKES)
        rows = (await store.find(query)).rows
    return [row for row in rows if target.belongs(row.entity)]


def escaped(text: str) -> str:
    """Return a pattern that means just this text."""
    return "".join(one if one.isalnum() or one in "_:%@!,~-" else "\\" + one for one in text)


async def locate(store: TenantStore, target: Target) -> Stored:
    """Return the entity that a target means, in the root where several could be and no path was named.

    Raises OrionError for none, and for several.
    """
    rows = await namesakes(store, target)
    if len(rows) > 1 and target.paths == EVERYWHERE:
        top = [row for row in rows if path_of(row.entity) == ROOT]
        rows = top or rows
    if not rows:
        raise no_entity()
    if len(rows) > 1:
        raise too_many()
    return rows[0]


async def retrieve_entity(broker: Broker, tenant: str, target: Target) -> Stored:
    """Return the one entity that is meant; several are refused, wherever they are."""
    store = await store_of(broker, tenant)
    rows = await namesakes(store, target) if store is not None else []
    if not rows:
        raise no_entity()
    if len(rows) > 1:
        raise too_many()
    return rows[0]


async def create_entity(broker: Broker, place: Place, given: GivenEntity, *, upsert: bool, how: How) -> str:
    """Create an entity, or with `upsert` add its attributes to the one that is there; return its type."""
    kind, path, at = given.type or DEFAULT_TYPE, place.path or ROOT, stamp()
    urn = entity_urn(given.id, kind, path)
    entity = decisions.built(urn, kind, path, given.attrs)
    store = await broker.store.tenant(place.tenant, create=True)
    decide = decisions.create_new(entity, at)
    if upsert:
        belongs = belonging(given.type, Place(path=path).paths)
        decide = decisions.append(entity, given.attrs, at, how=how, belongs=belongs, strict=False)
    await write_one(store, urn, decide)
    return kind


async def change_attributes(
    broker: Broker, tenant: str, target: Target, attrs: dict[str, Given], *, only: str, how: How
) -> None:
    """Write attributes of an entity; raises OrionError for those that are (`absent`) or are not (`present`) there."""
    outcome = await _write(
        broker, tenant, target, decisions.change(attrs, stamp(), how=how, belongs=target.belongs, only=only)
    )
    if outcome.failed:
        _refuse(target, outcome, strict=only == "absent")


def _refuse(target: Target, outcome: Outcome, *, strict: bool) -> NoReturn:
    named = f"{target.label} - [ {', '.join(outcome.failed)} ]"
    reason = f"{'one or more of the attributes in the request already exist' if strict else 'do not exist'}: {named}"
    raise partial_update(reason) if outcome.done else unprocessable(reason)


async def replace_attributes(broker: Broker, tenant: str, target: Target, attrs: dict[str, Given], *, how: How) -> None:
    """Exchange all attributes of an entity."""
    await _write(broker, tenant, target, decisions.replace(attrs, stamp(), how=how, belongs=target.belongs))


async def write_attribute(broker: Broker, tenant: str, target: Target, name: str, given: Given, *, how: How) -> None:
    """Write one attribute that is there."""
    decide = decisions.write_attribute(name, given, stamp(), how=how, belongs=target.belongs)
    await _write(broker, tenant, target, decide)


async def remove_attribute(broker: Broker, tenant: str, target: Target, name: str) -> None:
    """Remove one attribute."""
    decide = decisions.remove_attributes([name], stamp(), belongs=target.belongs)
    if (await _write(broker, tenant, target, decide)).failed:
        raise no_attribute()


async def delete_entity(broker: Broker, tenant: str, target: Target) -> None:
    """Remove an entity."""
    store = await store_of(broker, tenant)
    if store is None:
        raise no_entity()
    urn = (await locate(store, target)).entity["id"]
    await write_one(store, urn, decisions.delete(urn, belongs=target.belongs))


async def _write(broker: Broker, tenant: str, target: Target, decide: Decide) -> Outcome:
    store = await store_of(broker, tenant)
    if store is None:
        raise no_entity()
    urn = (await locate(store, target)).entity["id"]
    answer: Any = await write_one(store, urn, decide)
    return answer if isinstance(answer, Outcome) else Outcome()
