"""Gather linked entities, and answer queries about them (GS CIM 009, 4.5.23 and 4.9)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Final

from hiroba.kernel.model.compact import View
from hiroba.kernel.model.entity import Entity
from hiroba.kernel.model.errors import TooComplexQuery, TooManyResults
from hiroba.kernel.model.linking import Join, links
from hiroba.kernel.query import matcher
from hiroba.kernel.query.tree import And, Compare, Exists, Link, Or, Path, Query, TypeIs, TypeOr, links_of
from hiroba.kernel.store.port import EntityQuery, TenantStore

MOST_LINKED: Final = 10_000
"""Linked entities that one answer holds, or one condition leads to, at most."""
PAGE: Final = 1000
NOWHERE: Final = "urn:ngsi-ld:null"
"""An id that no entity has, so that no link leads to it."""

Get = Callable[[str], Awaitable[Entity | None]]


def getter(store: TenantStore) -> Get:
    """Return the function that reads an entity of a tenant."""

    async def get(id: str) -> Entity | None:
        stored = await store.get(id)
        return None if stored is None else stored.entity

    return get


async def gather(get: Get, entities: Sequence[Entity], view: View, join: Join) -> dict[str, Entity]:
    """Return by id the entities that can be shown with some entities; raises TooManyResults for very many."""
    known: dict[str, Entity | None] = {one["id"]: one for one in entities}
    level = [(one, view, join) for one in entities]
    done: set[tuple[str, Join]] = set()
    while level:
        following: list[tuple[Entity, View, Join]] = []
        for entity, shown, at in level:
            for iri, id in links(entity, shown) if at.levels > 0 else ():
                deeper = at.below(iri)
                if (id, deeper) in done or id in join.contained:
                    continue
                done.add((id, deeper))
                if id not in known:
                    known[id] = await get(id)
                linked = known[id]
                if linked is not None:
                    following.append((linked, deeper.view(view), deeper))
                if len(known) > MOST_LINKED:
                    raise TooManyResults(f"More than {MOST_LINKED} linked entities would have to be shown.")
        level = following
    return {id: one for id, one in known.items() if one is not None}


async def resolved(store: TenantStore, query: Query | None) -> Query | None:
    """Return a query whose conditions on linked entities are conditions on the ids that they lead to."""
    match query:
        case And(parts) | Or(parts):
            fresh = [await resolved(store, part) for part in parts]
            return type(query)(tuple(part for part in fresh if part is not None))
        case Exists(path) | Compare(path) if path.link is not None:
            inner = await resolved(store, replace(query, path=path.link.path))
            ids = await _linked_ids(store, path.link, inner)
            return Compare(Path(path.attr), "==", ids or (NOWHERE,))
        case _:
            return query


async def _linked_ids(store: TenantStore, link: Link, query: Query | None) -> tuple[str, ...]:
    types = tuple(TypeIs(one) for one in link.types)
    wanted = EntityQuery(types=(types[0] if len(types) == 1 else TypeOr(types)) if types else None, q=query, limit=PAGE)
    ids: list[str] = []
    while True:
        page = await store.find(replace(wanted, offset=len(ids)))
        ids.extend(row.entity["id"] for row in page.rows)
        if len(ids) > MOST_LINKED:
            raise TooComplexQuery(
                f"A condition on linked entities leads to more than {MOST_LINKED} of them; narrow it."
            )
        if not page.more or not page.rows:
            return tuple(ids)


async def meets(get: Get, entity: Entity, query: Query) -> bool:
    """Tell whether an entity meets a query that looks at linked entities too."""
    known: dict[str, Entity | None] = {}
    level = [entity]
    for _ in range(links_of(query)):
        following: list[Entity] = []
        for id in [id for one in level for _, id in links(one, View())]:
            if id not in known and len(known) < MOST_LINKED:
                linked = known[id] = await get(id)
                if linked is not None:
                    following.append(linked)
        level = following
    return matcher(query, known.get)(entity)
