"""Reads the recorded history of entities, deleted ones included (GS CIM 009, 5.7.3 and 5.7.4)."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

import orjson

from hiroba.kernel.model.entity import Entity
from hiroba.kernel.model.errors import TooComplexQuery
from hiroba.kernel.store.evolving import Row, Told, bounds_of, cut, spans_in, that_match
from hiroba.kernel.store.port import SCOPE, EntityQuery, Evolution, HistoryQuery
from hiroba.kernel.store.postgres import plan
from hiroba.kernel.store.postgres.keys import id_key
from hiroba.kernel.store.postgres.lines import Connection
from hiroba.kernel.store.postgres.shared import Shared
from hiroba.kernel.store.sqlite.find import id_matcher

_CHUNK: Final = 500
"""Candidates that are fetched at once."""
_INSTANCES: Final = 8000
"""About how many instances are fetched at once, when every entity has a few full attributes."""

_ATTRIBUTES: Final = (
    "CROSS JOIN LATERAL (WITH RECURSIVE s AS ("
    "(SELECT min(attr) AS attr FROM hiroba.history WHERE tenant = $1 AND ref = r.ref) UNION ALL "
    "SELECT (SELECT min(attr) FROM hiroba.history WHERE tenant = $1 AND ref = r.ref AND attr > s.attr) "
    "FROM s WHERE s.attr IS NOT NULL) SELECT attr FROM s WHERE attr IS NOT NULL) a"
)
"""All attributes of each entity, without going through its instances."""

_AT_REFS: Final = (
    "SELECT e.ref, e.doc FROM unnest($2::bigint[]) WITH ORDINALITY AS k(ref, place) "
    "JOIN hiroba.entity e ON e.tenant = $1 AND e.ref = k.ref ORDER BY k.place"
)

Windows = dict[str, list[Row]]


async def evolutions(
    db: Connection, shared: Shared, query: HistoryQuery, *, seconds: float
) -> tuple[list[Evolution], int | None, bool]:
    """Return a page of histories, the number of all entities that have one when asked for, and if more follow."""
    wanted = query.entity
    until = time.monotonic() + seconds
    end = wanted.offset + wanted.limit
    reader = _Reader(db, shared, query)
    page: list[Told] = []
    seen = size = 0
    newest = query.last_n is not None
    async for entity, windows in reader.chosen():
        if time.monotonic() > until:
            raise TooComplexQuery(
                f"The answer took longer than {seconds:g} seconds to find; narrow the query, or ask for less."
            )
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


class _Reader:
    """Read the instances within the time asked for, of some entities at once."""

    def __init__(self, db: Connection, shared: Shared, query: HistoryQuery) -> None:
        self._db = db
        self._shared = shared
        self._query = query
        wanted = query.entity
        self._conditions = wanted.q is not None or wanted.geo is not None or wanted.attrs is not None
        self._scope = shared.names.ids.get(SCOPE, 0)

    async def chosen(self) -> AsyncIterator[tuple[Entity, Windows]]:
        """Yield the entities that are chosen with their instances per attribute, oldest first."""
        query, scope = self._query, self._query.entity.scope
        async for rows in self._candidates():
            refs = [row["ref"] for row in rows]
            scopes = await self._scopes_ever(refs) if scope is not None else {}
            found = await self._windows(refs, None if self._conditions else query.attrs)
            for row in rows:
                ref, entity = row["ref"], orjson.loads(row["doc"])
                spans = None if scope is None else spans_in(scope, scopes.get(ref, ()), entity)
                if spans == []:
                    continue
                windows = that_match(query, entity, found.get(ref, {}), spans=spans)
                if windows:
                    yield entity, windows

    async def _candidates(self) -> AsyncIterator[Sequence[Any]]:
        """Yield refs and last states of entities, there or gone, that ids, pattern and types choose."""
        query, shared = self._query.entity, self._shared
        size = _few(self._query)
        new = plan.Statement(shared.id)
        where = ["e.tenant = $1"]
        if query.ids is not None:
            where.append(f"e.key = ANY({new.put([id_key(id) for id in query.ids])}::bytea[])")
        if query.types is not None:
            where.append(f"e.ref IN ({_typed(new, query, shared)})")
        sql = f"SELECT e.ref, e.doc FROM hiroba.entity e WHERE {' AND '.join(where)}"
        if query.order:
            down = query.order[0].descending
            places = await self._db.fetch(
                f"SELECT s.ref, s.id FROM ({sql.replace('e.doc', 'e.id')}) s ORDER BY s.id{' DESC' if down else ''}",
                *new.values,
            )
            async for rows in self._at_refs(self._that_occur(places), size):
                yield rows
            return
        after = new.put(0)
        page = f"{sql} AND e.ref > {after}::bigint ORDER BY e.ref LIMIT "
        last = 0
        while query.id_pattern is not None and query.ids is None:
            places = await self._db.fetch(f"{page.replace('e.doc', 'e.id')}{_CHUNK}", *new.values[:-1], last)
            async for rows in self._at_refs(self._that_occur(places), size):
                yield rows
            if len(places) < _CHUNK:
                return
            last = places[-1]["ref"]
        while True:
            rows = await self._db.fetch(f"{page}{size}", *new.values[:-1], last)
            if rows:
                yield rows
                last = rows[-1]["ref"]
            if len(rows) < size:
                return

    def _that_occur(self, places: Sequence[Any]) -> list[int]:
        query = self._query.entity
        occurs = id_matcher(query.id_pattern) if query.id_pattern is not None and query.ids is None else None
        return [ref for ref, id in places if occurs is None or occurs(id)]

    async def _at_refs(self, refs: Sequence[int], size: int) -> AsyncIterator[Sequence[Any]]:
        for start in range(0, len(refs), size):
            yield await self._db.fetch(_AT_REFS, self._shared.id, refs[start : start + size])

    async def _windows(self, refs: Sequence[int], attrs: Sequence[str] | None) -> dict[int, Windows]:
        """Return the instances of entities by attribute, those of some attributes or of all."""
        query, shared = self._query, self._shared
        last = query.last_n
        limit = query.limit + 1 if last is None else min(last, query.limit + 1)
        column, condition, bounds = bounds_of(query)
        new = plan.Statement(shared.id)
        each = f"unnest({new.put(list(refs))}::bigint[]) AS r(ref) "
        if attrs is None:
            each += _ATTRIBUTES
        else:
            numbers = [number for iri in dict.fromkeys(attrs) if (number := shared.names.ids.get(iri)) is not None]
            each += f"CROSS JOIN unnest({new.put(numbers)}::int[]) AS a(attr)"
        condition = new.fill(condition, bounds)
        if query.datasets is not None:
            condition += f" AND ds = ANY({new.put(self._datasets(query.datasets))}::int[])"
        order = ", ".join(f"{name}{'' if last is None else ' DESC'}" for name in (column, "at", "seq", "ds"))
        sql = (
            f"SELECT r.ref, a.attr, h.counts, h.doc FROM {each} CROSS JOIN LATERAL (SELECT {column} AS counts, doc, "
            f"row_number() OVER (ORDER BY {order}) AS n FROM hiroba.history WHERE tenant = $1 AND ref = r.ref "
            f"AND attr = a.attr AND {condition} ORDER BY {order} LIMIT {new.put(limit)}) h "
            f"WHERE a.attr <> {new.put(self._scope)}::int ORDER BY r.ref, a.attr, h.n{'' if last is None else ' DESC'}"
        )
        rows = await self._db.fetch(sql, *new.values)
        iris = shared.names.iris
        if any(row["attr"] not in iris for row in rows):
            await shared.learn_names(self._db, 1 << 31)
        found: dict[int, Windows] = {}
        for ref, attr, at, doc in rows:
            found.setdefault(ref, {}).setdefault(iris[attr], []).append((at, orjson.loads(doc)))
        if self._scope and (attrs is None or SCOPE in attrs):
            for ref, scopes in (await self._scopes_then(refs)).items():
                found.setdefault(ref, {})[SCOPE] = scopes
        if attrs is not None:  # in the order asked for
            place = {iri: number for number, iri in enumerate(attrs)}
            found = {ref: dict(sorted(one.items(), key=lambda item: place[item[0]])) for ref, one in found.items()}
        return found

    def _datasets(self, datasets: frozenset[str]) -> list[int]:
        return [0 if one == "@none" else self._shared.names.ids.get(one, -1) for one in datasets]

    async def _scopes_then(self, refs: Sequence[int]) -> dict[int, list[Row]]:
        """Return the scopes of the time, and the one that was in force when it began."""
        time, last = self._query.time, self._query.last_n
        column, condition, bounds = bounds_of(self._query)
        new = plan.Statement(self._shared.id)
        some = f"tenant = $1 AND ref = ANY({new.put(list(refs))}::bigint[]) AND attr = {new.put(self._scope)}::int"
        sql = f"SELECT ref, at, seq, {column} AS counts, doc FROM hiroba.history WHERE {some} AND " + new.fill(
            condition, bounds
        )
        if time.timerel in ("after", "between") and column != "deleted" and self._query.after is None:
            sql += (
                f" UNION ALL SELECT ref, at, seq, counts, doc FROM (SELECT DISTINCT ON (ref) ref, at, seq, "
                f"{column} AS counts, deleted, doc FROM hiroba.history WHERE {some} "
                f"AND {column} < {new.put(time.start)}::bigint ORDER BY ref, at DESC, seq DESC) b "
                "WHERE b.deleted IS NULL"
            )
        rows = await self._db.fetch(f"SELECT ref, counts, doc FROM ({sql}) s ORDER BY ref, at, seq", *new.values)
        found: dict[int, list[Row]] = {}
        for ref, at, doc in rows:
            found.setdefault(ref, []).append((at, orjson.loads(doc)))
        return found if last is None else {ref: scopes[-last:] for ref, scopes in found.items()}

    async def _scopes_ever(self, refs: Sequence[int]) -> dict[int, list[Any]]:
        """Return all scopes that were recorded of entities: at, observed, deleted, doc."""
        sql = (
            "SELECT ref, at, observed, deleted, doc FROM hiroba.history "
            "WHERE tenant = $1 AND ref = ANY($2::bigint[]) AND attr = $3::int ORDER BY ref, at, seq"
        )
        found: dict[int, list[Any]] = {}
        for ref, *row in await self._db.fetch(sql, self._shared.id, list(refs), self._scope):
            found.setdefault(ref, []).append(row)
        return found


def _few(query: HistoryQuery) -> int:
    """Return of how many entities the instances are read at once."""
    each = query.limit + 1 if query.last_n is None else min(query.last_n, query.limit + 1)
    return min(_CHUNK, max(1, _INSTANCES // (4 * each)))


def _typed(new: plan.Statement, query: EntityQuery, shared: Shared) -> str:
    assert query.types is not None
    there, gone = (new.types(query.types, shared.names, table=table) for table in ("entity_type", "gone_type"))
    return f"SELECT ref FROM ({there}) a UNION SELECT ref FROM ({gone}) b"
