"""The queries of NGSIv2: entities by selectors, conditions and service paths, and the types in use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from hiroba.kernel.broker.broker import Broker
from hiroba.kernel.broker.ngsi_v2.entities import Target, namesakes, store_of
from hiroba.kernel.model.entity import Entity
from hiroba.kernel.model.ngsi_v2.errors import OrionError
from hiroba.kernel.model.ngsi_v2.names import EVERYWHERE, ServicePath, is_coded, name_of, type_iri
from hiroba.kernel.model.ngsi_v2.rendering import default_instance
from hiroba.kernel.model.ngsi_v2.values import from_instance
from hiroba.kernel.query.ngsi_v2 import both, path_query, path_scope
from hiroba.kernel.query.patterns import compile_pattern
from hiroba.kernel.query.tree import (
    And,
    Beyond,
    Compare,
    GeoQuery,
    Or,
    OrderBy,
    Path,
    Query,
    TypeIs,
    TypeOr,
    TypeQuery,
)
from hiroba.kernel.store.port import EntityQuery, Page, TenantStore

SAMPLE = 1000
_ID, _TYPE = Path("id"), Path("type")
_ANYTHING = (".*", "", "^.*$", ".+", "^.+$")


@dataclass(slots=True, frozen=True)
class Selector:
    """Entities by ids or an id pattern, and by types or a type pattern; None does not restrict."""

    ids: tuple[str, ...] | None = None
    id_pattern: str | None = None
    types: tuple[str, ...] | None = None
    type_pattern: str | None = None


@dataclass(slots=True, frozen=True)
class Asked:
    """Everything that a query of NGSIv2 asks for."""

    selectors: tuple[Selector, ...] = ()
    q: Query | None = None
    geo: GeoQuery | None = None
    order: tuple[OrderBy, ...] = ()
    paths: tuple[ServicePath, ...] = EVERYWHERE
    limit: int = 20
    offset: int = 0
    count: bool = False


async def query_entities(broker: Broker, tenant: str, asked: Asked) -> Page:
    """Return a page of entities; none for a tenant that nobody has written to."""
    store = await store_of(broker, tenant)
    if store is None:
        return Page([], False, 0 if asked.count else None)
    scope = path_scope(asked.paths)
    query = EntityQuery(
        q=both(asked.q, None if scope is not None else path_query(asked.paths)),
        scope=scope,
        geo=asked.geo,
        order=asked.order,
        limit=asked.limit,
        offset=asked.offset,
        count=asked.count,
    )
    chosen = await _selected(store, query, asked.selectors)
    return await store.find(chosen) if chosen is not None else Page([], False, 0 if asked.count else None)


async def _selected(store: TenantStore, query: EntityQuery, selectors: Sequence[Selector]) -> EntityQuery | None:
    """Restrict a query to what any of the selectors chooses; None when that can be nothing."""
    if not selectors:
        return query
    uses = [use.type for use in await store.type_uses()] if any(one.type_pattern for one in selectors) else []
    typed = [_types(one, uses) for one in selectors]
    live = [(one, types) for one, types in zip(selectors, typed, strict=True) if types != ()]
    if not live:
        return None
    if len(live) == 1:
        return await _by_one(store, query, *live[0])
    alternatives = tuple([await _condition(store, one, types) for one, types in live])
    narrowed = both(query.q, Or(alternatives))
    together = None
    if all(types is not None for _, types in live):
        together = any_type([iri for _, types in live for iri in types or ()])
    return replace(query, q=narrowed, types=together)


async def _by_one(
    store: TenantStore, query: EntityQuery, selector: Selector, types: tuple[str, ...] | None
) -> EntityQuery:
    chosen = any_type(types) if types is not None else None
    if selector.ids is not None:
        return replace(query, ids=tuple(await inside_ids(store, selector.ids)), types=chosen)
    if selector.id_pattern is None or selector.id_pattern in _ANYTHING:
        return replace(query, types=chosen)
    return replace(query, q=both(Beyond("id", _ID, selector.id_pattern), query.q), types=chosen)


async def _condition(store: TenantStore, selector: Selector, types: tuple[str, ...] | None) -> Query:
    parts: list[Query] = []
    if types is not None:
        parts.append(Compare(_TYPE, "==", types))
    if selector.ids is not None:
        parts.append(Compare(_ID, "==", tuple(await inside_ids(store, selector.ids)) or ("",)))
    elif selector.id_pattern is not None and selector.id_pattern not in _ANYTHING:
        parts.append(Beyond("id", _ID, selector.id_pattern))
    return parts[0] if len(parts) == 1 else And(tuple(parts))


def _types(selector: Selector, uses: Sequence[str]) -> tuple[str, ...] | None:
    """Return the types that a selector allows (IRIs), None for any."""
    if selector.type_pattern is not None:
        fits = compile_pattern(selector.type_pattern)
        return tuple(iri for iri in uses if fits(name_of(iri)))
    return tuple(type_iri(name) for name in selector.types) if selector.types is not None else None


def any_type(iris: Sequence[str]) -> TypeQuery:
    """Return the selection of entities of any of these types."""
    distinct = tuple(TypeIs(iri) for iri in dict.fromkeys(iris))
    return distinct[0] if len(distinct) == 1 else TypeOr(distinct)


async def inside_ids(store: TenantStore, ids: Sequence[str]) -> list[str]:
    """Return the ids inside of all entities that have these NGSIv2 ids."""
    found: list[str] = []
    for id in ids:
        if not is_coded(id):
            found.append(id)
        else:
            found += [row.entity["id"] for row in await namesakes(store, Target(id))]
    return found


async def type_names(broker: Broker, tenant: str, paths: tuple[ServicePath, ...]) -> list[str]:
    """Return the names of the types in use in some service paths, sorted."""
    store = await store_of(broker, tenant)
    if store is None:
        return []
    iris = [use.type for use in await store.type_uses()]
    if not any(path.everything for path in paths):
        iris = [iri for iri in iris if (await store.find(_of_type(iri, paths, limit=1))).rows]
    return sorted(name_of(iri) for iri in iris)


async def type_details(
    broker: Broker, tenant: str, name: str, paths: tuple[ServicePath, ...], *, detail: bool
) -> dict[str, Any]:
    """Return how many entities a type has and its attributes with their types; raises OrionError for no entity.

    Attributes and their types are those of the first thousand entities.
    """
    store = await store_of(broker, tenant)
    iri = type_iri(name)
    page = None
    if store is not None and any(use.type == iri for use in await store.type_uses()):
        page = await store.find(replace(_of_type(iri, paths, limit=SAMPLE), count=True))
    if page is None or not page.count:
        raise OrionError(404, "NotFound", "Entity type not found")
    attrs: dict[str, dict[str, list[str]]] = {}
    for row in page.rows:
        _note(attrs, row.entity, detail=detail)
    return {"attrs": dict(sorted(attrs.items())), "count": page.count}


def _of_type(iri: str, paths: tuple[ServicePath, ...], *, limit: int) -> EntityQuery:
    scope = path_scope(paths)
    q = None if scope is not None else path_query(paths)
    return EntityQuery(types=TypeIs(iri), q=q, scope=scope, limit=limit)


def _note(attrs: dict[str, dict[str, list[str]]], entity: Entity, *, detail: bool) -> None:
    for iri, instances in entity["attrs"].items():
        known = attrs.setdefault(name_of(iri), {"types": []})["types"]
        if detail:
            kind, _ = from_instance(default_instance(instances))
            if kind not in known:
                known.append(kind)
