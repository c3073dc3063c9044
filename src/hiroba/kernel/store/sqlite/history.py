"""Reads the recorded history of entities, deleted ones included (GS CIM 009, 5.7.3 and 5.7.4)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import apsw
import orjson

from hiroba.kernel.model.entity import Entity
from hiroba.kernel.query.tree import ScopeQuery
from hiroba.kernel.store.evolving import Row, Span, Told, bounds_of, cut, spans_in, that_match
from hiroba.kernel.store.port import SCOPE, EntityQuery, Evolution, HistoryQuery
from hiroba.kernel.store.sqlite import plan
from hiroba.kernel.store.sqlite.find import id_matcher
from hiroba.kernel.store.sqlite.names import Names

_NEXT_ATTR: Final = "SELECT min(attr) FROM history WHERE ref = ? AND attr > ?"


def evolutions(db: apsw.Connection, names: Names, query: HistoryQuery) -> tuple[list[Evolution], int | None, bool]:
    """Return a page of histories, the number of all entities that have one when asked for, and if more follow."""
    wanted = query.entity
    end = wanted.offset + wanted.limit
    reader = _Reader(db, names, query)
    page: list[Told] = []
    seen = size = 0
    newest = query.last_n is not None
    for ref, doc in _candidates(db, names, wanted):
        entity: Entity = orjson.loads(doc)
        windows = reader.windows(ref, entity)
        if windows is None:
            continue
        if wanted.offset <= seen < end:
            told = Told(entity, windows)
            cut([told], query.limit, newest=newest)
            page.append(told)
            size += told.size
            if query.most is not None and size > 2 * query.most:
                cut(page, query.most, newest=newest)
                size = sum(one.size for one in page)
        seen += 1
        if seen > end and not wanted.count:
            break
    if query.most is not None:
        cut(page, query.most, newest=newest)
    return [one.evolution() for one in page], seen if wanted.count else None, seen > end


def _candidates(db: apsw.Connection, names: Names, query: EntityQuery) -> Iterator[tuple[int, bytes]]:
    """Return the refs and last states of entities, there or gone, that ids, pattern and types choose."""
    descending = bool(query.order) and query.order[0].descending
    if query.ids is not None:
        sql = "SELECT ref, id, doc FROM entity WHERE id = ?"
        known = {row[0]: row for id in query.ids for row in db.execute(sql, (id,))}
        if query.types is not None:
            chosen = _typed(names, query)
            known = {ref: row for ref, row in known.items() if db.execute(f"SELECT ? IN ({chosen})", (ref,)).get}
        for ref, _, doc in sorted(known.values(), key=lambda row: row[bool(query.order)], reverse=descending):
            yield ref, doc
        return
    order = "ref" if not query.order else "e.id DESC" if descending else "e.id"
    if query.types is None:
        sql = f"SELECT ref, id FROM entity e ORDER BY {order}"
    elif query.order:
        sql = f"SELECT ref, id FROM entity e WHERE ref IN ({_typed(names, query)}) ORDER BY {order}"
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
        spans = None if wanted.scope is None else self._spans(ref, entity, wanted.scope)
        if spans == []:
            return None
        conditions = wanted.q is not None or wanted.geo is not None or wanted.attrs is not None
        found = self._all(ref, None if conditions else query.attrs)
        return that_match(query, entity, found, spans=spans)

    def _spans(self, ref: int, entity: Entity, scope: ScopeQuery) -> list[Span]:
        sql = "SELECT at, observed, deleted, doc FROM history WHERE ref = ? AND attr = ? ORDER BY at, seq"
        rows: list[Any] = self.db.execute(sql, (ref, self.names.ids.get(SCOPE, 0))).fetchall()
        return spans_in(scope, rows, entity)

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
        last = self.query.last_n
        limit = self.query.limit + 1 if last is None else min(last, self.query.limit + 1)
        direction = "" if last is None else " DESC"
        column, condition, bounds = bounds_of(self.query)
        if attr == self.names.ids.get(SCOPE):
            return self._scopes(ref, attr, (column, condition, bounds), last)
        if self.query.datasets is not None:
            condition = f"{condition} AND ds IN ({', '.join(self._datasets(self.query.datasets))})"
        where = f"ref = ? AND attr = ? AND {condition}"
        sql = f"SELECT {column}, doc FROM history WHERE {where} ORDER BY {column}{direction} LIMIT ?"
        rows: list[Any] = self.db.execute(sql, (ref, attr, *bounds, limit)).fetchall()
        if last is not None:
            rows.reverse()
        return [(at, orjson.loads(doc)) for at, doc in rows]

    def _datasets(self, datasets: frozenset[str]) -> list[str]:
        return [str(0 if one == "@none" else self.names.ids.get(one, -1)) for one in sorted(datasets)]

    def _scopes(self, ref: int, attr: int, bounds: tuple[str, str, tuple[int, ...]], last: int | None) -> list[Row]:
        """Return the scopes of the time, and the one that was in force when it began."""
        column, condition, values = bounds
        sql = f"SELECT {column}, doc FROM history WHERE ref = ? AND attr = ? AND {condition} ORDER BY at, seq"
        rows: list[Any] = self.db.execute(sql, (ref, attr, *values)).fetchall()
        time = self.query.time
        if time.timerel in ("after", "between") and column != "deleted" and self.query.after is None:
            sql = (
                f"SELECT {column}, deleted, doc FROM history WHERE ref = ? AND attr = ? AND {column} < ? "
                "ORDER BY at DESC, seq DESC LIMIT 1"
            )
            before = self.db.execute(sql, (ref, attr, time.start)).fetchone()
            if before is not None and before[1] is None:
                rows.insert(0, (before[0], before[2]))
        found = [(at, orjson.loads(doc)) for at, doc in rows]
        return found if last is None else found[-last:]
