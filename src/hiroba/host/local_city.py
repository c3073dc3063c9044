"""A tenant of the broker in the same process, as apps and agents see it (`hiroba.sdk.City`)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

from hiroba.host.told import Told
from hiroba.kernel.broker import attributes, batch, discovery, entities, temporal
from hiroba.kernel.broker.broker import Broker
from hiroba.kernel.broker.temporal_aggregates import parse_methods
from hiroba.kernel.broker.temporal_periods import parse_duration
from hiroba.kernel.broker.temporal_shapes import Shape
from hiroba.kernel.model.compact import View, compact_entity
from hiroba.kernel.model.context import Context
from hiroba.kernel.model.entity import LOCATION
from hiroba.kernel.model.errors import (
    BadRequestData,
    HirobaError,
    LdContextNotAvailable,
    NonexistentTenant,
    ResourceNotFound,
)
from hiroba.kernel.model.expand import expand_entity, expand_fragment
from hiroba.kernel.query import parse_geo, parse_order, parse_q, parse_scope, parse_temporal, parse_types
from hiroba.kernel.query.tree import TemporalQuery
from hiroba.kernel.store.port import Change, EntityQuery, Stored, TenantStore
from hiroba.kernel.subscriptions.feed import ChangeFeed
from hiroba.sdk import Answer, Area, Cell, Changed, Entity, Mode, Written, errors

_OWN_MEMBERS = ("id", "type", "scope")
_BREATHE_EVERY = 50
_NEW_TENANT_EVERY = 0.5


@contextlib.contextmanager
def _as_the_sdk_says() -> Iterator[None]:
    try:
        yield
    except HirobaError as error:
        raise sdk_error(error) from error


def sdk_error(error: HirobaError) -> errors.CityError:
    """Return the sdk's name for a kernel's error."""
    told = errors.error_for(error.slug, error.detail, status=error.status)
    told.headers = error.headers
    return told


class LocalCity:
    """Reads and writes go to the broker's operations, so they obey the same rules as those over HTTP."""

    def __init__(self, broker: Broker, tenant: str) -> None:
        self._broker = broker
        self.tenant = tenant

    async def entity(
        self, id: str, *, simplified: bool = False, sys_attrs: bool = False, context: Any = None
    ) -> Entity | None:
        """Return an entity, or None."""
        with _as_the_sdk_says():
            resolved = await self._broker.contexts.resolve(context)
            try:
                found = await entities.retrieve_entity(self._broker, self.tenant, id)
            except (ResourceNotFound, NonexistentTenant):
                return None
            return compact_entity(found.entity, resolved, _view(simplified, sys_attrs))

    async def entities(
        self,
        *,
        types: str | None = None,
        ids: Sequence[str] | None = None,
        id_pattern: str | None = None,
        q: str | None = None,
        scope: str | None = None,
        area: Area | None = None,
        attrs: Sequence[str] | None = None,
        pick: Sequence[str] | None = None,
        order: str | None = None,
        limit: int = 100,
        offset: int = 0,
        count: bool = False,
        simplified: bool = False,
        sys_attrs: bool = False,
        context: Any = None,
    ) -> Answer:
        """Return a page of the entities chosen; texts are in the standard's query languages."""
        with _as_the_sdk_says():
            resolved = await self._broker.contexts.resolve(context)
            query = EntityQuery(
                ids=tuple(ids) if ids is not None else None,
                id_pattern=id_pattern,
                types=parse_types(types, resolved.expand_name) if types and types != "*" else None,
                attrs=_expanded(attrs, resolved),
                q=parse_q(q, resolved.expand_name) if q else None,
                scope=parse_scope(scope) if scope else None,
                geo=_geo(area, resolved) if area is not None else None,
                order=parse_order(order, resolved.expand_name) if order else (),
                limit=limit,
                offset=offset,
                count=count,
            )
            try:
                page = await entities.query_entities(self._broker, self.tenant, query, local=True)
            except NonexistentTenant:
                return Answer([], 0 if count else None)
            view = _view(simplified, sys_attrs, pick=_expanded(pick, resolved), attrs=query.attrs)
            return Answer(await _compacted(page.rows, resolved, view), page.count)

    async def write(self, entities: Sequence[Entity], *, mode: Mode = "upsert", context: Any = None) -> Written:
        """Write many entities; each stands or falls alone, all that stand are durable when this returns."""
        with _as_the_sdk_says():
            whole = mode in ("create", "upsert", "replace")
            good: list[Any] = []
            refused: dict[str, str] = {}
            for number, payload in enumerate(entities):
                if number % _BREATHE_EVERY == _BREATHE_EVERY - 1:
                    await asyncio.sleep(0)
                try:
                    good.append(await self._expanded_payload(payload, context, whole=whole, merging=mode == "merge"))
                except (BadRequestData, LdContextNotAvailable) as error:
                    refused[str(payload.get("id"))] = f"{error.title}: {error.detail}"
            result = await self._carry_out(mode, good)
            refused.update((id, f"{error.title}: {error.detail}") for id, error in result.errors)
            return Written(result.created, [id for id in result.updated if id not in refused], refused)

    async def delete(self, ids: Sequence[str]) -> Written:
        """Delete entities; ids that are not there are in `refused`."""
        with _as_the_sdk_says():
            try:
                result = await batch.delete_entities(self._broker, self.tenant, ids)
            except NonexistentTenant as error:
                return Written(refused=dict.fromkeys(ids, error.detail))
            refused = {id: f"{error.title}: {error.detail}" for id, error in result.errors}
            return Written(updated=result.updated, refused=refused)

    async def delete_attribute(self, id: str, attribute: str, *, context: Any = None) -> None:
        """Delete an attribute with all its instances."""
        with _as_the_sdk_says():
            resolved = await self._broker.contexts.resolve(context)
            iri = resolved.expand_name(attribute)
            await attributes.delete_attribute(self._broker, self.tenant, id, iri, all_instances=True)

    async def types(self) -> dict[str, int]:
        """Return the entity types in use and how many entities each has."""
        with _as_the_sdk_says():
            resolved = await self._broker.contexts.resolve(None)
            try:
                uses = await discovery.type_uses(self._broker, self.tenant)
            except NonexistentTenant:
                return {}
            return {resolved.compact_name(use.type): use.count for use in uses}

    async def cells(
        self,
        types: str,
        *,
        box: tuple[float, float, float, float],
        size: tuple[float, float],
        attrs: Sequence[str] = ("name",),
    ) -> list[Cell]:
        """Group the locations in a box (west, south, east, north) by a grid of cells (degrees)."""
        with _as_the_sdk_says():
            resolved = await self._broker.contexts.resolve(None)
            wanted = parse_types(types, resolved.expand_name)
            if wanted is None:
                raise BadRequestData("cells need a type selection.")
            try:
                store = await self._broker.store.tenant(self.tenant)
            except NonexistentTenant:
                return []
            clusters = await store.clusters(wanted, box, size)
            singles = [cluster.ref for cluster in clusters if cluster.count == 1]
            pick = ("id", "type", *(_expanded(attrs, resolved) or ()))
            view = _view(False, False, pick=pick)
            found = {row.ref: compact_entity(row.entity, resolved, view) for row in await store.get_refs(singles)}
            return [
                Cell(one.lon, one.lat, one.count, found.get(one.ref) if one.count == 1 else None) for one in clusters
            ]

    async def changes(
        self, *, after: int | None = None, types: Sequence[str] | None = None, passed: bool = False
    ) -> AsyncIterator[Changed]:
        """Yield changes as they are committed, for ever; from after a `seq`, or from now."""
        with _as_the_sdk_says():
            resolved = await self._broker.contexts.resolve(None)
            wanted = set(_expanded(types, resolved) or ()) if types is not None else None
            store, position = await self._begin(after)
            async with ChangeFeed(store, position) as feed:
                while True:
                    told = position
                    for change in await feed.next_batch():
                        if (wanted is None or not wanted.isdisjoint(change.types)) and _counts(change):
                            yield Told(change, resolved)
                            told = change.seq
                    if passed and told < feed.position:
                        yield Changed(feed.position, "", "passed", "", (), {})

    async def last_seq(self) -> int:
        """Return the newest change's `seq`."""
        with _as_the_sdk_says():
            try:
                return await (await self._broker.store.tenant(self.tenant)).last_seq()
            except NonexistentTenant:
                return 0

    async def _begin(self, after: int | None) -> tuple[TenantStore, int]:
        """Wait for the tenant to exist; then where to begin is `after`, or now as it was when this was
        called."""
        while True:
            try:
                store = await self._broker.store.tenant(self.tenant)
            except NonexistentTenant:
                after = after or 0
                await asyncio.sleep(_NEW_TENANT_EVERY)
                continue
            return store, await store.last_seq() if after is None else after

    async def _expanded_payload(self, payload: Entity, context: Any, *, whole: bool, merging: bool) -> Any:
        given = context
        if "@context" in payload:
            given = payload["@context"]
            payload = {name: value for name, value in payload.items() if name != "@context"}
        resolved = await self._broker.contexts.resolve(given)
        if whole:
            return expand_entity(payload, resolved)
        fragment = expand_fragment(payload, resolved, allow_null=True, merging=merging)
        if fragment.id is None:
            raise BadRequestData("The entity has no id.")
        return fragment.id, fragment

    async def _carry_out(self, mode: Mode, good: list[Any]) -> batch.BatchResult:
        broker, tenant = self._broker, self.tenant
        try:
            match mode:
                case "create":
                    return await batch.create_entities(broker, tenant, good)
                case "upsert":
                    return await batch.upsert_entities(broker, tenant, good, update=True)
                case "replace":
                    return await batch.upsert_entities(broker, tenant, good, update=False)
                case "update":
                    return await batch.update_entities(broker, tenant, good, overwrite=True)
                case "merge":
                    return await batch.merge_entities(broker, tenant, good)
        except NonexistentTenant as error:
            return batch.BatchResult(errors=[(id, error) for id, _ in good])

    async def history(
        self,
        id: str,
        *,
        attrs: Sequence[str] | None = None,
        start: str | None = None,
        end: str | None = None,
        last: int | None = None,
        aggregate: Sequence[str] | None = None,
        period: str | None = None,
        context: Any = None,
    ) -> Entity | None:
        """Return an entity's history as a temporal entity (simplified for aggregates), or None."""
        with _as_the_sdk_says():
            resolved = await self._broker.contexts.resolve(context)
            wanted = _expanded(attrs, resolved)
            try:
                page = await temporal.retrieve_temporal(
                    self._broker,
                    self.tenant,
                    id,
                    time=_span(start, end),
                    shape=_shape(wanted, aggregate, period),
                    context=resolved,
                    attrs=wanted,
                    last_n=last,
                )
            except (ResourceNotFound, NonexistentTenant):
                return None
            return page.documents[0]


def _view(
    simplified: bool,
    sys_attrs: bool,
    *,
    pick: tuple[str, ...] | None = None,
    attrs: tuple[str, ...] | None = None,
) -> View:
    return View(format="simplified" if simplified else "normalized", sys_attrs=sys_attrs, pick=pick, attrs=attrs)


def _expanded(names: Sequence[str] | None, context: Context) -> tuple[str, ...] | None:
    if names is None:
        return None
    return tuple(name if name in _OWN_MEMBERS else context.expand_name(name) for name in names)


def _span(start: str | None, end: str | None) -> TemporalQuery:
    if start is not None and end is not None:
        return parse_temporal("between", start, end_time_at=end)
    if start is not None:
        return parse_temporal("after", start)
    return parse_temporal("before", end) if end is not None else TemporalQuery(None, None, None)


def _shape(attrs: tuple[str, ...] | None, aggregate: Sequence[str] | None, period: str | None) -> Shape:
    view = View(attrs=attrs)
    if not aggregate:
        return Shape(view)
    return Shape(view, methods=parse_methods(",".join(aggregate)), period=parse_duration(period or "PT0S"))


def _geo(area: Area, context: Context) -> Any:
    iri = LOCATION if area.geoproperty == "location" else context.expand_name(area.geoproperty)
    return parse_geo(area.georel, area.geometry["type"], area.geometry["coordinates"], iri)


async def _compacted(rows: Sequence[Stored], context: Context, view: View) -> list[Entity]:
    found: list[Entity] = []
    for number, row in enumerate(rows):
        if number % _BREATHE_EVERY == _BREATHE_EVERY - 1:
            await asyncio.sleep(0)
        found.append(compact_entity(row.entity, context, view))
    return found


def _counts(change: Change) -> bool:
    return change.op != "updated" or any(one.kind != "touched" for one in change.changes)
