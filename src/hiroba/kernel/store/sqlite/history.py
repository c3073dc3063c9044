"""Reads the recorded history of entities, deleted ones included (GS CIM 009, 5.7.3 and 5.7.4)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import apsw
import orjson

from hiroba.kernel.model.entity import Entity, Instance
from hiroba.kernel.query.geo import geo_matcher
from hiroba.kernel.query.matching import matcher
from hiroba.kernel.query.selection import scope_matcher
from hiroba.kernel.query.tree import ScopeQuery, TemporalQuery
from hiroba.kernel.store.port import SCOPE, EntityQuery, Evolution, HistoryQuery
from hiroba.kernel.store.sqlite import plan
from hiroba.kernel.store.sqlite.find import id_matcher
from hiroba.kernel.store.sqlite.names import Names

_COLUMNS: Final = {"observedAt": "at", "createdAt": "created", "modifiedAt": "modified", "deletedAt": "deleted"}
_NEXT_ATTR: Final = "SELECT min(attr) FROM history WHERE ref = ? AND attr > ?"

Row = tuple[int, Instance]
"""When an instance counts (µs), and the instance."""


def evolutions(db: apsw.Connection, names: Names, query: HistoryQuery) -> tuple[list[Evolution], int | None, bool]:
    """Return a page of histories, the number of all entities that have one when asked for, and if more follow."""
    wanted = query.entity
    end = wanted.offset + wanted.limit
    reader = _Reader(db, names, query)
    page: list[_Told] = []
    seen = size = 0
    newest = query.last_n is not None
    for ref, doc in _candidates(db, names, wanted):
        entity: Entity = orjson.loads(doc)
        windows = reader.windows(ref, entity)
        if windows is None:
            continue
        if wanted.offset <= seen < end:
            told = _Told(entity, windows)
            _cut([told], query.limit, newest=newest)
            page.append(told)
            size += told.size
            if query.most is not None and size > 2 * query.most:
                _cut(page, query.most, newest=newest)
                size = sum(one.size for one in page)
        seen += 1
        if seen > end and not wanted.count:
            break
    if query.most is not None:
        _cut(page, query.most, newest=newest)
    return [one.evolution() for one in page], seen if wanted.count else None, seen > end


@dataclass(slots=True)
class _Told:
    """One entity's history on its way into the answer."""

    entity: Entity
    windows: dict[str, list[Row]]
    truncated: tuple[int, int] | None = None

    @property
    def size(self) -> int:
        return sum(len(rows) for rows in self.windows.values())

    def evolution(self) -> Evolution:
        instances = {iri: [one for _, one in rows] for iri, rows in self.windows.items() if rows}
        return Evolution(self.entity, instances, self.truncated)


def _cut(page: list[_Told], most: int, *, newest: bool) -> None:
    """Keep the oldest `most` instances of some histories, or the newest ones, and those that count at the same time."""
    if sum(one.size for one in page) <= most:
        return
    times = sorted(at for one in page for rows in one.windows.values() for at, _ in rows)
    start, end = (times[-most], times[-1]) if newest else (times[0], times[most - 1])
    for one in page:
        before = one.size
        one.windows = {iri: [row for row in rows if start <= row[0] <= end] for iri, rows in one.windows.items()}
        if one.size < before or one.truncated is not None:
            one.truncated = (start, end)


def _candidates(db: apsw.Connection, names: Names, query: EntityQuery) -> Iterator[tuple[int, bytes]]:
    """Return the refs and last states of entities, there or gone, that ids, pattern and types choose."""
    if query.ids is not None:
        sql = "SELECT ref, doc FROM entity WHERE id = ?"
        known = {row[0]: row for id in query.ids for row in db.execute(sql, (id,))}
        if query.types is not None:
            chosen = _typed(names, query)
            known = {ref: row for ref, row in known.items() if db.execute(f"SELECT ? IN ({chosen})", (ref,)).get}
        yield from (known[ref] for ref in sorted(known))
        return
    if query.types is None:
        sql = "SELECT ref, id FROM entity ORDER BY ref"
    else:
        sql = f"SELECT e.ref, e.id FROM ({_typed(names, query)} ORDER BY ref) t CROSS JOIN entity e ON e.ref = t.ref"
    occurs = id_matcher(query.id_pattern) if query.id_pattern is not None else None
    for ref, id in db.execute(sql):
        if occurs is None or occurs(id):
            yield ref, db.execute("SELECT doc FROM entity WHERE ref = ?", (ref,)).get


def _typed(names: Names, query: EntityQuery) -> str:
    assert query.types is not None
    there, gone = (plan.types_sql(query.types, names, table=table) for table in ("entity_type", "gone_type"))
    return f"SELECT ref FROM ({there}) UNION SELECT ref FROM ({gone})"


@dataclass(slots=True)
class _Reader:
    """Read the instances within the time asked for."""

    db: apsw.Connection
    names: Names
    query: HistoryQuery

    def windows(self, ref: int, entity: Entity) -> dict[str, list[Row]] | None:
        """Return the instances per attribute, oldest first; None when the entity is not chosen."""
        query = self.query
        wanted = query.entity
        if wanted.scope is not None and not self._in_scope(ref, entity, wanted.scope):
            return None
        conditions = wanted.q is not None or wanted.geo is not None or wanted.attrs is not None
        found = self._all(ref, None if conditions else query.attrs)
        if conditions:
            # conditions hold for the instances of that time, not for the present ones (5.7.4.4)
            then = {**entity, "attrs": {iri: [one for _, one in rows] for iri, rows in found.items()}}
            if wanted.attrs is not None and not any(iri in found for iri in wanted.attrs):
                return None
            if wanted.q is not None and not matcher(wanted.q)(then):
                return None
            if wanted.geo is not None and not geo_matcher(wanted.geo)(then):
                return None
            if query.attrs is not None:
                found = {iri: rows for iri, rows in found.items() if iri in query.attrs}
        return found or None

    def _in_scope(self, ref: int, entity: Entity, scope: ScopeQuery) -> bool:
        """Tell whether an entity was in a scope within the time; one whose scopes were not recorded, whether it is."""
        attr, matches = self.names.ids.get(SCOPE), scope_matcher(scope)
        if attr is None or not self.db.execute("SELECT 1 FROM history WHERE ref = ? AND attr = ?", (ref, attr)).get:
            return matches(entity)
        return any(matches({"scope": one.get("value")}) for _, one in self._instances(ref, attr))

    def _all(self, ref: int, attrs: Sequence[str] | None) -> dict[str, list[Row]]:
        found: dict[str, list[Row]] = {}
        for attr in self._attributes(ref) if attrs is None else [self.names.ids.get(iri, 0) for iri in attrs]:
            rows = self._instances(ref, attr) if attr else []
            if rows:
                found[self.names.iris[attr]] = rows
        return found

    def _attributes(self, ref: int) -> Iterator[int]:
        attr = self.db.execute(_NEXT_ATTR, (ref, 0)).get
        while attr is not None:
            yield attr
            attr = self.db.execute(_NEXT_ATTR, (ref, attr)).get

    def _instances(self, ref: int, attr: int) -> list[Row]:
        time, last = self.query.time, self.query.last_n
        limit = self.query.limit + 1 if last is None else min(last, self.query.limit + 1)
        direction = "" if last is None else " DESC"
        if time.timerel is None and time.timeproperty == "observedAt":
            # over all time those count too that were never observed: when they were written
            column, condition = "at", "TRUE"
            bounds: tuple[int, ...] = ()
        else:
            column, condition, bounds = _bounds(time)
        if self.query.after is not None:
            condition, bounds = f"{condition} AND {column} > ?", (*bounds, self.query.after)
        where = f"ref = ? AND attr = ? AND {condition}"
        sql = f"SELECT {column}, doc FROM history WHERE {where} ORDER BY {column}{direction} LIMIT ?"
        rows: list[Any] = self.db.execute(sql, (ref, attr, *bounds, limit)).fetchall()
        if last is not None:
            rows.reverse()
        return [(at, orjson.loads(doc)) for at, doc in rows]


def _bounds(time: TemporalQuery) -> tuple[str, str, tuple[int, ...]]:
    """Return the column and the condition of a temporal query; the lower bound is included, the upper one not (4.11).

    The rows of an attribute lie in the order of `at`, which is `observed` where there is one.
    """
    column = _COLUMNS[time.timeproperty]
    there = "observed IS NOT NULL" if column == "at" else f"{column} IS NOT NULL"
    if column == "modified" and time.timerel is not None:
        there = "deleted IS NULL"
    if time.timerel == "before" and time.start is not None:
        return column, f"{column} < ? AND {there}", (time.start,)
    if time.timerel == "after" and time.start is not None:
        return column, f"{column} >= ? AND {there}", (time.start,)
    if time.timerel == "between" and time.start is not None and time.end is not None:
        return column, f"{column} >= ? AND {column} < ? AND {there}", (time.start, time.end)
    return column, there, ()
