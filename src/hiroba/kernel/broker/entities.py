"""The operations on whole entities (GS CIM 009, 5.6.1, 5.6.6, 5.6.17, 5.6.18, 5.6.21, 5.7.1, 5.7.2)."""

from __future__ import annotations

from dataclasses import replace as with_
from typing import Any

from hiroba.kernel.broker import decisions
from hiroba.kernel.broker.broker import Broker
from hiroba.kernel.broker.linking import resolved
from hiroba.kernel.model.entity import Entity
from hiroba.kernel.model.errors import BadRequestData, HirobaError, ResourceNotFound
from hiroba.kernel.model.expand import Fragment
from hiroba.kernel.model.ids import check_uri
from hiroba.kernel.model.instants import format_instant, now
from hiroba.kernel.query import types_matcher
from hiroba.kernel.query.tree import TypeQuery, attributes_of, links_of
from hiroba.kernel.store.port import Decide, EntityQuery, Mutation, Page, Stored, TenantStore

PURGE_PAGE = 1000


def stamp() -> str:
    """Return the present moment as the broker writes it into createdAt and modifiedAt."""
    return format_instant(now())


async def write_one(store: TenantStore, id: str, decide: Decide) -> Any:
    """Carry out one mutation and return its answer; raises the HirobaError that it answered with."""
    (answer,) = await store.mutate((Mutation(id, decide),))
    if isinstance(answer, HirobaError):
        raise answer
    return answer


async def create_entity(broker: Broker, tenant: str, entity: Entity) -> None:
    """Create an entity (5.6.1); the tenant comes into being with its first entity. Raises AlreadyExists."""
    store = await broker.store.tenant(tenant, create=True)
    await write_one(store, entity["id"], decisions.create(entity, stamp()))


async def retrieve_entity(broker: Broker, tenant: str, id: str, *, types: TypeQuery | None = None) -> Stored:
    """Return an entity (5.7.1); raises ResourceNotFound, also when it is not of the types asked for."""
    check_uri(id, "entity id")
    found = await (await broker.store.tenant(tenant)).get(id)
    if found is None or (types is not None and not types_matcher(types)(found.entity)):
        raise decisions.unknown(id)
    return found


async def query_entities(broker: Broker, tenant: str, query: EntityQuery, *, local: bool = False) -> Page:
    """Return a page of the entities that a query chooses (5.7.2); raises BadRequestData for one that is too wide."""
    check_width(query, local=local)
    store = await broker.store.tenant(tenant)
    if links_of(query.q):
        query = with_(query, q=await resolved(store, query.q))
    return await store.find(query)


async def replace_entity(broker: Broker, tenant: str, entity: Entity, *, types: TypeQuery | None = None) -> None:
    """Exchange an entity's whole content (5.6.18)."""
    store = await broker.store.tenant(tenant)
    await write_one(store, entity["id"], only_of(types, entity["id"], decisions.replace(entity, stamp())))


async def merge_entity(
    broker: Broker,
    tenant: str,
    id: str,
    fragment: Fragment,
    *,
    observed_at: str | None = None,
    types: TypeQuery | None = None,
) -> decisions.Outcome:
    """Merge a fragment into an entity to any depth (5.6.17)."""
    check_uri(id, "entity id")
    store = await broker.store.tenant(tenant)
    decide = decisions.merge(id, fragment, stamp(), observed_at=observed_at)
    outcome: decisions.Outcome = await write_one(store, id, only_of(types, id, decide))
    return outcome


async def delete_entity(broker: Broker, tenant: str, id: str, *, types: TypeQuery | None = None) -> None:
    """Delete an entity (5.6.6); its history stays."""
    check_uri(id, "entity id")
    store = await broker.store.tenant(tenant)
    await write_one(store, id, only_of(types, id, decisions.delete(id)))


async def purge_entities(
    broker: Broker,
    tenant: str,
    query: EntityQuery,
    *,
    keep: frozenset[str] | None = None,
    drop: frozenset[str] | None = None,
    local: bool = False,
) -> int:
    """Delete all entities that a query chooses, or some attributes of them (5.6.21); returns how many were touched."""
    check_width(query, local=local)
    store = await broker.store.tenant(tenant)
    if keep is not None or drop is not None:
        return await _purge_attributes(store, query, keep=keep, drop=drop)
    purged = 0
    while True:
        page = await store.find(with_(query, limit=PURGE_PAGE, offset=0, count=False))
        if not page.rows:
            return purged
        ids = [row.entity["id"] for row in page.rows]
        answers = await store.mutate([Mutation(id, decisions.delete(id)) for id in ids])
        # an entity that somebody else deleted meanwhile is gone all the same
        for answer in answers:
            if isinstance(answer, HirobaError) and not isinstance(answer, ResourceNotFound):
                raise answer
        purged += len(ids)


async def _purge_attributes(
    store: TenantStore, query: EntityQuery, *, keep: frozenset[str] | None, drop: frozenset[str] | None
) -> int:
    ids: list[str] = []
    while True:
        page = await store.find(with_(query, limit=PURGE_PAGE, offset=len(ids), count=False))
        ids.extend(row.entity["id"] for row in page.rows)
        if not page.more:
            break
    at = stamp()
    for answer in await store.mutate(
        [Mutation(id, decisions.purge_attributes(id, at, keep=keep, drop=drop)) for id in ids]
    ):
        if isinstance(answer, HirobaError):
            raise answer
    return len(ids)


def check_width(query: EntityQuery, *, local: bool) -> None:
    """Raise BadRequestData unless a query says at least one of type, attrs, q and geo (5.7.2.4).

    Attributes that the broker itself writes do not count.
    """
    if local or query.types or query.attrs or query.geo or (query.q and attributes_of(query.q)):
        return
    raise BadRequestData("The query is too wide; give at least one of type, attrs, q and georel, or local=true.")


def only_of(types: TypeQuery | None, id: str, decide: Decide) -> Decide:
    """Let a write happen only to an entity of these types."""
    if types is None:
        return decide
    matches = types_matcher(types)

    def checked(present: Entity | None) -> Any:
        if present is None or not matches(present):
            raise decisions.unknown(id)
        return decide(present)

    return checked
