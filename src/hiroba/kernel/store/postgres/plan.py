"""Turns the parts of a query into SELECTs of refs from the indexes, each a superset of what matches or exactly that."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from hiroba.kernel.model.entity import LOCATION
from hiroba.kernel.query.boxes import geo_boxes
from hiroba.kernel.query.moments import read_moment
from hiroba.kernel.query.paths import plain
from hiroba.kernel.query.tree import (
    ANYWHERE,
    ENTITY_MEMBERS,
    And,
    Compare,
    Exists,
    GeoQuery,
    Or,
    Path,
    Query,
    Range,
    ScopeAnd,
    ScopeIs,
    ScopeOr,
    ScopeQuery,
    TypeAnd,
    TypeIs,
    TypeOr,
    TypeQuery,
    attributes_of,
)
from hiroba.kernel.store import rows
from hiroba.kernel.store.names import Names
from hiroba.kernel.store.port import EntityQuery
from hiroba.kernel.store.postgres.keys import LEAST_OTHER, LEAST_TEXT, number_bounds, scope_bounds, scope_key, value_key


@dataclass(slots=True, frozen=True)
class Leaf:
    """SELECTs that together give the refs of one condition; `?` stands for each value, `{tenant}` for the tenant."""

    selects: tuple[tuple[str, tuple[Any, ...]], ...]


@dataclass(slots=True, frozen=True)
class Both:
    """Refs that are in all parts."""

    parts: tuple[Source, ...]


@dataclass(slots=True, frozen=True)
class Either:
    """Refs that are in some part."""

    parts: tuple[Source, ...]


Source: TypeAlias = Leaf | Both | Either

NOTHING: Final = Leaf(())
_ANY = "SELECT ref FROM hiroba.attr_value WHERE tenant = $1 AND attr = ?::int"
_SPAN = f"{_ANY} AND v >= ?::bytea AND v <= ?::bytea"
_BELOW = f"{_ANY} AND v >= ?::bytea AND v < ?::bytea"
_IN_BOX = f"SELECT id / {rows.SLOTS} AS ref FROM hiroba.boxes(?::float8, ?::float8, ?::float8, ?::float8)"
_MARKER: Final = value_key(rows.MARKER)


class Statement:
    """Number the values of a statement that is put together; $1 is the tenant."""

    def __init__(self, tenant: int) -> None:
        self.values: list[Any] = [tenant]

    def put(self, value: Any) -> str:
        """Return the place of a further value."""
        self.values.append(value)
        return f"${len(self.values)}"

    def fill(self, sql: str, values: Iterable[Any]) -> str:
        """Return SQL with the places of its values."""
        for value in values:
            sql = sql.replace("?", self.put(value), 1)
        return sql

    def refs(self, source: Source) -> str:
        """Return one SELECT of a source's refs, some of them perhaps several times."""
        match source:
            case Leaf(selects):
                some = [self.fill(sql, values) for sql, values in selects]
                return " UNION ALL ".join(f"({one})" for one in some) or "SELECT 0::bigint AS ref WHERE $1::int IS NULL"
            case Both(parts):
                return " INTERSECT ".join(f"({self.refs(part)})" for part in parts)
            case Either(parts):
                return " UNION ALL ".join(f"({self.refs(part)})" for part in parts)

    def size(self, source: Source, limit: str) -> str:
        """Return SQL for about how many refs a source gives, at most `limit` per SELECT."""
        match source:
            case Leaf(selects):
                some = [self.fill(sql, values) for sql, values in selects]
                return " + ".join(f"(SELECT count(*) FROM ({one} LIMIT {limit}) s)" for one in some) or "0"
            case Both(parts):
                return f"least({', '.join(self.size(part, limit) for part in parts)})"
            case Either(parts):
                return " + ".join(self.size(part, limit) for part in parts) or "0"

    def types(self, query: TypeQuery, names: Names, *, table: str = "entity_type") -> str:
        """Return a SELECT of the refs of the entities that a type selection chooses, each once."""
        match query:
            case TypeIs(iri):
                place = self.put(names.ids.get(iri, 0))
                return f"SELECT ref FROM hiroba.{table} WHERE tenant = $1 AND type = {place}::int"
            case TypeOr(parts):
                return " UNION ".join(f"({self.types(part, names, table=table)})" for part in parts)
            case TypeAnd(parts):
                return " INTERSECT ".join(f"({self.types(part, names, table=table)})" for part in parts)


def names_in(query: EntityQuery) -> set[str]:
    """Return all names that a query speaks of, whose numbers have to be known."""
    found: set[str] = set(query.attrs or ())
    if query.geo is not None:
        found.add(query.geo.geoproperty)
    if query.q is not None:
        found |= attributes_of(query.q)
    if query.types is not None:
        found |= types_in(query.types)
    return found


def types_in(query: TypeQuery) -> set[str]:
    """Return the types that a type selection names."""
    return {query.type} if isinstance(query, TypeIs) else set().union(*map(types_in, query.parts))


def sources_of(query: EntityQuery, names: Names) -> list[Source]:
    """Return what the indexes know about a query, its types aside."""
    found: list[Source | None] = []
    if query.geo is not None:
        found.append(geo_source(query.geo, names))
    if query.q is not None:
        found.append(q_source(query.q, names))
    if query.attrs is not None:
        found.append(Either(tuple(_exists(Path(attr), names) or NOTHING for attr in query.attrs)))
    if query.scope is not None:
        found.append(scope_source(query.scope))
    return _flat(source for source in found if source is not None)


def _flat(sources: Iterable[Source]) -> list[Source]:
    flat: list[Source] = []
    for source in sources:
        flat.extend(_flat(source.parts) if isinstance(source, Both) else [source])
    return flat


def q_source(query: Query, names: Names) -> Source | None:
    """Return where the entities that meet a `q` are, None when the index cannot tell."""
    match query:
        case And(parts):
            known = [source for part in parts if (source := q_source(part, names)) is not None]
            return Both(tuple(known)) if known else None
        case Or(parts):
            some = [source for part in parts if (source := q_source(part, names)) is not None]
            return Either(tuple(some)) if len(some) == len(parts) else None
        case Exists(path):
            return _exists(path, names)
        case Compare():
            return _compare(query, names)
        case _:
            return None


def _exists(path: Path, names: Names) -> Leaf | None:
    if path.attr in ENTITY_MEMBERS:
        return None
    attr = names.ids.get(path.attr)
    return NOTHING if attr is None else Leaf(((_ANY, (attr,)),))


def _compare(query: Compare, names: Names) -> Leaf | None:
    path = query.path
    if path.attr in ENTITY_MEMBERS:
        return None
    attr = names.ids.get(path.attr)
    if attr is None:
        return NOTHING
    if path.sub or query.op in ("!=", "!~="):
        return Leaf(((_ANY, (attr,)),))
    selects: list[tuple[str, tuple[Any, ...]]] = []
    if query.op == "~=":
        selects.append((_BELOW, (attr, LEAST_TEXT, LEAST_OTHER)))
    elif query.op == "==":
        for value in query.values:
            low, high = (value.low, value.high) if isinstance(value, Range) else (value, value)
            selects.extend(_span(attr, low, high, instant=query.instant))
    else:
        below = query.op in ("<", "<=")
        bound = query.values[0]
        selects.extend(_span(attr, None if below else bound, bound if below else None, instant=query.instant))
    if path.trail:
        selects.append((_SPAN, (attr, _MARKER, _MARKER)))
    return Leaf(tuple(selects))


def _span(attr: int, low: Any, high: Any, *, instant: bool) -> list[tuple[str, tuple[Any, ...]]]:
    """Return the SELECT of all values of the bounds' class between them, or none for never."""
    low, high = plain(low), plain(high)
    first = low if low is not None else high
    if instant:
        moments = _moment_bounds(low, high)
        return [(_SPAN, (attr, *moments))] if moments else []
    if isinstance(first, bool):
        ends = rows.BOOLEANS[bool(low)], rows.BOOLEANS[high is None or bool(high)]
        return [(_SPAN, (attr, *map(value_key, ends)))]
    if isinstance(first, str):
        bottom = value_key(low[: rows.TEXT_INDEXED]) if isinstance(low, str) else LEAST_TEXT
        if isinstance(high, str):
            return [(_SPAN, (attr, bottom, value_key(high[: rows.TEXT_INDEXED])))]
        return [(_BELOW, (attr, bottom, LEAST_OTHER))]
    if isinstance(first, (int, float)):
        return [(_BELOW, (attr, *number_bounds(low, high)))]
    return []


def _moment_bounds(low: Any, high: Any) -> tuple[bytes, bytes] | None:
    """Return the keys between which moments of the bounds' kind lie; None when the bounds are of different kinds."""
    ends = [read_moment(value) for value in (low, high) if value is not None]
    known = [end for end in ends if end is not None]
    if len(known) != len(ends) or len({end.daily for end in known}) != 1:
        return None
    prefix = rows.INSTANTS[known[0].daily]
    return (
        value_key(rows.moment_key(known[0]) if low is not None else prefix),
        value_key(rows.moment_key(known[-1]) if high is not None else prefix + b"\xff" * 9),
    )


def scope_source(query: ScopeQuery) -> Source | None:
    """Return where the entities in a scope are, None when the index cannot tell."""
    match query:
        case ScopeAnd(parts):
            known = tuple(source for part in parts if (source := scope_source(part)) is not None)
            return Both(known) if known else None
        case ScopeOr(parts):
            some = tuple(source for part in parts if (source := scope_source(part)) is not None)
            return Either(some) if len(some) == len(parts) else None
        case ScopeIs(levels, below):
            fixed = levels[: levels.index("+")] if "+" in levels else levels
            if not fixed:
                return None
            top = "/" + "/".join(fixed)
            base = "SELECT ref FROM hiroba.entity_scope WHERE tenant = $1 AND scope"
            selects: list[tuple[str, tuple[Any, ...]]] = [(f"{base} = ?::bytea", (scope_key(top),))]
            if below or len(fixed) < len(levels):
                selects.append((f"{base} >= ?::bytea AND scope < ?::bytea", scope_bounds(top)))
            return Leaf(tuple(selects))


def geo_source(query: GeoQuery, names: Names) -> Source | None:
    """Return where the entities whose geometry may stand in the relation are, None when everywhere."""
    boxes = geo_boxes(query)
    if query.geoproperty == ANYWHERE:
        sql = f"{_IN_BOX} WHERE $1::int IS NOT NULL"
        return None if boxes is None else Leaf(tuple((sql, box) for box in boxes))
    if boxes is None:
        return _exists(Path(query.geoproperty), names)
    attr = names.ids.get(query.geoproperty)
    if attr is None:
        return NOTHING
    first = f"id % {rows.SLOTS} = 0 OR" if query.geoproperty == LOCATION else f"id % {rows.SLOTS} <> 0 AND"
    sql = f"{_IN_BOX} WHERE $1::int IS NOT NULL AND ({first} (attr = ?::int OR attr IS NULL))"
    return Leaf(tuple((sql, (w, s, e, n, attr)) for w, s, e, n in boxes))
