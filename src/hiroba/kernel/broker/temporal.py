"""The operations that read histories (GS CIM 009, 5.7.3 and 5.7.4)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import Any, Final

from hiroba.kernel.broker.broker import Broker
from hiroba.kernel.broker.entities import check_width
from hiroba.kernel.broker.temporal_aggregates import Aggregates, time_of
from hiroba.kernel.broker.temporal_shapes import Shape, write_aggregates, write_evolution
from hiroba.kernel.model.context import Context
from hiroba.kernel.model.entity import Entity
from hiroba.kernel.model.errors import BadRequestData, ResourceNotFound, TooManyResults
from hiroba.kernel.model.ids import check_uri
from hiroba.kernel.model.instants import parse_instant
from hiroba.kernel.query.tree import TemporalQuery
from hiroba.kernel.store.port import SCOPE, EntityQuery, Evolution, HistoryQuery, TenantStore

PART: Final = 50_000
"""Instances of one entity that are aggregated at a time."""
NEWEST: Final = 250_000
"""The newest instances of all entities together that are aggregated at most."""
IN_LOOP: Final = 200


@dataclass(slots=True, frozen=True)
class HistoryPage:
    """Temporal entities; `truncated` is the span (first, last; µs) covered when not all instances fitted."""

    documents: list[dict[str, Any]]
    more: bool = False
    count: int | None = None
    truncated: tuple[int, int] | None = None


async def retrieve_temporal(
    broker: Broker,
    tenant: str,
    id: str,
    *,
    time: TemporalQuery,
    shape: Shape,
    context: Context,
    attrs: tuple[str, ...] | None = None,
    last_n: int | None = None,
) -> HistoryPage:
    """Return the history of one entity, present or deleted, as a page with one document (5.7.3).

    `attrs` are IRIs. An entity that has nothing in the time asked for is shown without attributes. Raises
    ResourceNotFound for an entity that never was, or never had any of the attributes.
    """
    check_uri(id, "entity id")
    entity = EntityQuery(ids=(id,), limit=1)
    query = HistoryQuery(entity, time, attrs, last_n, broker.limits.temporal_instances, datasets=shape.view.datasets)
    store = await broker.store.tenant(tenant)
    page = await _told(store, query, shape, context)
    if not page.documents:
        known = await _ever(store, id, attrs)
        page = HistoryPage([write_evolution(Evolution(known), context, shape)])
    if not page.documents[0]:
        raise ResourceNotFound(f"The entity {id!r} has none of the members asked for.")
    return page


async def _ever(store: TenantStore, id: str, attrs: tuple[str, ...] | None) -> Entity:
    """Return an entity that has, or had at any time, one of these attributes; raises ResourceNotFound."""
    entity = EntityQuery(ids=(id,), limit=1)
    found = await store.evolutions(HistoryQuery(entity, TemporalQuery(None, None, None), attrs, None, 1))
    if found[0]:
        return found[0][0].entity
    stored = await store.get(id) if attrs is None else None
    if stored is None:
        raise ResourceNotFound(
            f"No entity with the id {id!r} is known" + (" that has the attributes asked for." if attrs else ".")
        )
    return stored.entity


async def query_temporal(
    broker: Broker, tenant: str, query: HistoryQuery, *, shape: Shape, context: Context, local: bool = False
) -> HistoryPage:
    """Return the histories of the entities that a query chooses (5.7.4).

    Raises BadRequestData for a query without time, or one that is too wide.
    """
    if query.time.timerel is None:
        raise BadRequestData("timerel is missing; a query over histories needs a time (timerel and timeAt).")
    check_width(query.entity, local=local)
    store = await broker.store.tenant(tenant)
    return await _told(store, query, shape, context)


async def _told(store: TenantStore, query: HistoryQuery, shape: Shape, context: Context) -> HistoryPage:
    if shape.methods:
        return await _aggregated(store, query, shape, context)
    evolutions, count, more = await store.evolutions(replace(query, most=query.limit))
    evolutions, truncated = _cut(evolutions, query)

    def write() -> list[dict[str, Any]]:
        return [write_evolution(one, context, shape) for one in evolutions]

    size = sum(len(rows) for one in evolutions for rows in one.instances.values())
    documents = write() if size <= IN_LOOP else await asyncio.to_thread(write)
    return HistoryPage(documents, more, count, truncated)


def _cut(evolutions: list[Evolution], query: HistoryQuery) -> tuple[list[Evolution], tuple[int, int] | None]:
    """Cut all histories to the span that every one of them covers, so that the rest can be had from its end on."""
    spans = [one.truncated for one in evolutions if one.truncated is not None]
    if not spans:
        return evolutions, None
    name = query.time.timeproperty
    low, high = min(start for start, _ in spans), max(end for _, end in spans)
    if query.last_n is None:
        high = min(end for _, end in spans)
    else:
        low = max(start for start, _ in spans)
    from_ = low if query.last_n is not None else 0
    kept: list[Evolution] = []
    for one in evolutions:
        instances = {
            iri: [row for row in rows if (from_ if iri != SCOPE else 0) <= parse_instant(time_of(row, name)) <= high]
            for iri, rows in one.instances.items()
        }
        kept.append(Evolution(one.entity, instances))
    return kept, (low, high)


async def _aggregated(store: TenantStore, query: HistoryQuery, shape: Shape, context: Context) -> HistoryPage:
    """Aggregate part by part, so that a long history needs little memory and holds nobody up."""
    time = query.time
    limit = PART if query.last_n is None else NEWEST
    query = replace(query, limit=limit, most=limit)
    evolutions, count, more = await store.evolutions(query)
    if query.last_n is not None and any(one.truncated is not None for one in evolutions):
        raise TooManyResults(f"More than {NEWEST} instances would have to be aggregated; ask for fewer with lastN.")
    documents = []
    for evolution in evolutions:
        aggregates = Aggregates(
            shape.period,
            start=None if time.timerel == "before" else time.start,
            end=time.start if time.timerel == "before" else time.end,
            timeproperty=time.timeproperty,
        )
        part: Evolution | None = evolution
        while part is not None:
            await asyncio.to_thread(aggregates.add, part)
            part = await _rest(store, query, part)
        documents.append(write_aggregates(evolution.entity, aggregates, context, shape))
    return HistoryPage(documents, more, count)


async def _rest(store: TenantStore, query: HistoryQuery, part: Evolution) -> Evolution | None:
    """Return the next part of a history that was cut, None when there is no more."""
    if part.truncated is None:
        return None
    alone = EntityQuery(ids=(part.entity["id"],), limit=1)
    found, _, _ = await store.evolutions(replace(query, entity=alone, after=part.truncated[1]))
    return found[0] if found else None
