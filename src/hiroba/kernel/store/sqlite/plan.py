"""Turns the parts of a query into sets of refs from the indexes, each a superset of what matches or exactly that."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Final, TypeAlias

import apsw

from hiroba.kernel.model.entity import LOCATION
from hiroba.kernel.query.boxes import geo_boxes
from hiroba.kernel.query.moments import read_moment
from hiroba.kernel.query.paths import plain
from hiroba.kernel.query.tree import (
    ANYWHERE,
    ENTITY_MEMBERS,
    And,
    Beyond,
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
)
from hiroba.kernel.store.sqlite import rows
from hiroba.kernel.store.sqlite.names import Names


@dataclass(slots=True, frozen=True)
class Leaf:
    """Statements that together give the refs of one condition."""

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
_ANY = "SELECT ref FROM attr_value WHERE attr = ?"
_TEXT = f"{_ANY} AND v >= '' AND v < x''"
_IN_BOX = f"SELECT id / {rows.SLOTS} AS ref FROM geo WHERE x1 >= ? AND x0 <= ? AND y1 >= ? AND y0 <= ?"
_EMPTY_TEXT, _FIRST_BLOB = "", b""
_SHARP_NUMBERS: Final = 1 << 53
_FIRST: Final = itemgetter(0)
_FEW: Final = 32
"""Candidates that are sooner looked at than narrowed further."""
_PROBE: Final = 256
"""Refs that are sooner read than counted first, which goes through the index twice."""


def estimate(db: apsw.Connection, source: Source, limit: int) -> int:
    """Return about how many refs a source gives, at most `limit` per condition."""
    match source:
        case Leaf(selects):
            total = 0
            for sql, values in selects:
                total += db.execute(f"SELECT count(*) FROM ({sql} LIMIT {limit})", values).get
                if total >= limit:
                    break
            return total
        case Both(parts):
            return min(estimate(db, part, limit) for part in parts)
        case Either(parts):
            return sum(estimate(db, part, limit) for part in parts)


def collect_below(db: apsw.Connection, source: Both, limit: int) -> set[int] | None:
    """Return a source's refs, or None when each of its conditions gives `limit` of them or more."""
    if len(source.parts) == 1 and isinstance(source.parts[0], Leaf) and len(source.parts[0].selects) == 1:
        ((sql, values),) = source.parts[0].selects
        probe = min(limit, _PROBE)
        found = db.execute(f"{sql} LIMIT {probe}", values).fetchall()
        if len(found) < probe:
            return set(map(_FIRST, found))
    return None if estimate(db, source, limit) >= limit else collect(db, source, limit)


def collect(db: apsw.Connection, source: Source, limit: int) -> set[int]:
    """Return a source's refs; of several conditions that all must hold only those below `limit` are read."""
    match source:
        case Leaf(selects):
            refs: set[int] = set()
            for sql, values in selects:
                refs.update(map(_FIRST, db.execute(sql, values).fetchall()))
            return refs
        case Either(parts):
            return set().union(*(collect(db, part, limit) for part in parts))
        case Both(parts):
            sized = sorted((estimate(db, part, limit), place) for place, part in enumerate(parts))
            refs = collect(db, parts[sized[0][1]], limit)
            for size, place in sized[1:]:
                if size >= limit or len(refs) <= _FEW:
                    break
                refs &= collect(db, parts[place], limit)
            return refs


def collect_all(db: apsw.Connection, source: Source) -> set[int]:
    """Return exactly the refs that meet all conditions of a source."""
    match source:
        case Both(parts):
            return set.intersection(*(collect_all(db, part) for part in parts))
        case Either(parts):
            return set().union(*(collect_all(db, part) for part in parts))
        case Leaf():
            return collect(db, source, 0)


def is_exact(query: Query) -> bool:
    """Tell whether the index alone decides a `q`: existence and equality of plain, not too long values."""
    match query:
        case And(parts) | Or(parts):
            return all(is_exact(part) for part in parts)
        case Exists(path):
            return _top(path)
        case Compare(path, "==", values, False):
            ends = [end for one in values for end in ((one.low, one.high) if isinstance(one, Range) else (one,))]
            return _top(path) and all(_sharp(end) for end in ends)
        case Compare() | Beyond():
            return False


def _top(path: Path) -> bool:
    return not path.sub and not path.trail and path.attr not in ENTITY_MEMBERS


def _sharp(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) < rows.TEXT_INDEXED
    return isinstance(value, (int, float)) and abs(value) < _SHARP_NUMBERS


def q_source(query: Query, names: Names) -> Source | None:
    """Return where the entities that meet a `q` are, None when the index cannot tell."""
    match query:
        case And(parts):
            known = [source for part in parts if (source := q_source(part, names)) is not None]
            if not known:
                return None
            return Both(tuple(known))
        case Or(parts):
            sources = [q_source(part, names) for part in parts]
            some = tuple(source for source in sources if source is not None)
            return Either(some) if len(some) == len(sources) else None
        case Exists(path):
            return _exists(path, names)
        case Compare():
            return _compare(query, names)
        case Beyond():
            return None


def attrs_source(attrs: Iterable[str], names: Names) -> Source:
    """Return where the entities with at least one of the attributes are."""
    return Either(tuple(_exists(Path(attr), names) or NOTHING for attr in attrs))


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
    if path.sub or path.link is not None or query.op in ("!=", "!~="):
        return Leaf(((_ANY, (attr,)),))
    selects: list[tuple[str, tuple[Any, ...]]] = []
    if query.op == "~=":
        selects.append((_TEXT, (attr,)))
    elif query.op == "==":
        for value in query.values:
            low, high = (value.low, value.high) if isinstance(value, Range) else (value, value)
            sql, bounds = _span(low, high, instant=query.instant)
            if sql:
                selects.append((f"{_ANY} AND {sql}", (attr, *bounds)))
    else:
        below = query.op in ("<", "<=")
        bound = query.values[0]
        sql, bounds = _span(None if below else bound, bound if below else None, instant=query.instant)
        if sql:
            selects.append((f"{_ANY} AND {sql}", (attr, *bounds)))
    if path.trail:
        selects.append((f"{_ANY} AND v = x''", (attr,)))
    return Leaf(tuple(selects))


def _span(low: Any, high: Any, *, instant: bool) -> tuple[str, tuple[Any, ...]]:
    """Return a condition on `v` for all values of the bounds' class between them; an empty text for never."""
    low, high = plain(low), plain(high)
    first = low if low is not None else high
    if instant:
        moments = _moment_bounds(low, high)
        return ("v >= ? AND v <= ?", moments) if moments else ("", ())
    if isinstance(first, bool):
        return "v >= ? AND v <= ?", (rows.BOOLEANS[bool(low)], rows.BOOLEANS[high is None or bool(high)])
    if isinstance(first, str):
        bottom = low[: rows.TEXT_INDEXED] if isinstance(low, str) else _EMPTY_TEXT
        if isinstance(high, str):
            return "v >= ? AND v <= ?", (bottom, high[: rows.TEXT_INDEXED])
        return "v >= ? AND v < ?", (bottom, _FIRST_BLOB)
    if isinstance(first, (int, float)):
        if low is None:
            return "v <= ?", (rows.number_key(high),)
        if high is None:
            return "v >= ? AND v < ''", (rows.number_key(low),)
        return "v >= ? AND v <= ?", (rows.number_key(low), rows.number_key(high))
    return "", ()


def _moment_bounds(low: Any, high: Any) -> tuple[bytes, bytes] | None:
    """Return the keys between which moments of the bounds' kind lie; None when the bounds are of different kinds."""
    ends = [read_moment(value) for value in (low, high) if value is not None]
    known = [end for end in ends if end is not None]
    if len(known) != len(ends) or len({end.daily for end in known}) != 1:
        return None
    prefix = rows.INSTANTS[known[0].daily]
    return (
        rows.moment_key(known[0]) if low is not None else prefix,
        rows.moment_key(known[-1]) if high is not None else prefix + b"\xff" * 9,
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
            selects: list[tuple[str, tuple[Any, ...]]] = [("SELECT ref FROM entity_scope WHERE scope = ?", (top,))]
            if below or len(fixed) < len(levels):
                beneath = "SELECT ref FROM entity_scope WHERE scope > ? AND scope < ?"
                selects.append((beneath, (top + "/", top + "0")))
            return Leaf(tuple(selects))


def geo_source(query: GeoQuery, names: Names) -> Source | None:
    """Return where the entities whose geometry may stand in the relation are, None when everywhere."""
    boxes = geo_boxes(query)
    if query.geoproperty == ANYWHERE:
        return None if boxes is None else Leaf(tuple((_IN_BOX, (w, e, s, n)) for w, s, e, n in boxes))
    if boxes is None:
        return _exists(Path(query.geoproperty), names)
    attr = names.ids.get(query.geoproperty)
    if attr is None:
        return NOTHING
    # what is kept beside a box costs a look-up of its own; slot 0 tells the default location without it
    first = f"id % {rows.SLOTS} = 0 OR" if query.geoproperty == LOCATION else f"id % {rows.SLOTS} <> 0 AND"
    sql = f"{_IN_BOX} AND ({first} (attr = ? OR attr IS NULL))"
    return Leaf(tuple((sql, (w, e, s, n, attr)) for w, s, e, n in boxes))


def types_sql(query: TypeQuery, names: Names, *, table: str = "entity_type") -> str:
    """Return a SELECT of the refs of the entities that a type selection chooses, each once and in their order."""
    match query:
        case TypeIs(iri):
            return f"SELECT ref FROM {table} WHERE type = {names.ids.get(iri, 0)}"
        case TypeOr(parts):
            return _compound(" UNION ", [types_sql(part, names, table=table) for part in parts])
        case TypeAnd(parts):
            return _compound(" INTERSECT ", [types_sql(part, names, table=table) for part in parts])


def _compound(joint: str, selects: list[str]) -> str:
    return joint.join(f"SELECT ref FROM ({select})" for select in selects)
