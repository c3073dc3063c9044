"""Finds entities: the indexes narrow the candidates, the query's own matchers have the last word."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Final

from hiroba.kernel.model.entity import Entity
from hiroba.kernel.model.errors import TooComplexQuery, TooManyResults
from hiroba.kernel.query.order import sort_key
from hiroba.kernel.query.patterns import literal_beginning
from hiroba.kernel.query.tree import TypeIs
from hiroba.kernel.store.cache import Row
from hiroba.kernel.store.expiry import expired, now
from hiroba.kernel.store.port import EntityQuery, Page, Stored
from hiroba.kernel.store.postgres import plan
from hiroba.kernel.store.postgres.keys import beginning_bounds, id_key
from hiroba.kernel.store.postgres.lines import Connection
from hiroba.kernel.store.postgres.shared import Shared
from hiroba.kernel.store.sqlite.find import SORTED_AT_MOST, checks_for, id_matcher, narrowed
from hiroba.kernel.store.sqlite.plan import is_exact

SELECTIVE: Final = 2000
"""Candidates up to which an index is used although the page may fill sooner without it."""
PROBE: Final = 256
"""Refs that are sooner read than counted first, which goes through the index twice."""
FIRST_CHUNK: Final = 64
CHUNK: Final = 1000
"""Entities that are fetched at once; a page often fills with the first, smaller chunk."""

COLUMNS: Final = "e.id, e.ref, e.version, e.doc"
_PASSING = (
    "EXISTS (SELECT FROM hiroba.entity x WHERE x.tenant = $1 AND x.expires <= {now}::bigint AND x.expires IS NOT NULL "
    "AND x.deleted IS NULL)"
)
_AT_REFS = (
    f"SELECT {COLUMNS} FROM unnest($2::bigint[]) WITH ORDINALITY AS k(ref, place) "
    "JOIN hiroba.entity e ON e.tenant = $1 AND e.ref = k.ref AND e.deleted IS NULL ORDER BY k.place"
)
_BY_IDS = (
    f"SELECT {COLUMNS} FROM unnest($2::bytea[]) AS k(key) "
    "JOIN hiroba.entity e ON e.tenant = $1 AND e.key = k.key AND e.deleted IS NULL ORDER BY e.ref"
)


async def by_id(shared: Shared, id: str) -> Stored | None:
    """Return an entity that is there; what is kept of it is not sent again, and counts only if it is the newest."""
    sql = (
        "SELECT ref, version, CASE WHEN version = $3::bigint THEN NULL ELSE doc END AS doc "
        "FROM hiroba.entity WHERE tenant = $1 AND key = $2::bytea AND deleted IS NULL"
    )
    known = shared.cache.get(id)
    rows = await shared.lines.fetch(shared.id, sql, shared.id, id_key(id), -1 if known is None else known.version)
    if not rows:
        return None
    ((ref, version, doc),) = rows
    if doc is None and known is not None:
        return known
    found = Row(id, ref, version, doc)
    shared.cache.put(found)
    return found


def row_of(shared: Shared, row: Sequence[Any]) -> Stored:
    """Return a row as an entity, the one that is kept if that is the same version: it may be decoded already."""
    id, ref, version, doc = row[:4]
    known = shared.cache.peek(ref)
    if known is not None and known.version == version:
        return known
    found = Row(id, ref, version, doc)
    shared.cache.put(found)
    return found


async def at_refs(db: Connection, shared: Shared, refs: Sequence[int]) -> list[Stored]:
    """Return the entities behind refs that are there, in the order of the refs."""
    return [row_of(shared, row) for row in await db.fetch(_AT_REFS, shared.id, list(refs))]


class Finder:
    """One find, on one connection; whatever takes more than `seconds` is broken off."""

    def __init__(self, db: Connection, shared: Shared, query: EntityQuery, *, seconds: float) -> None:
        self._db = db
        self._shared = shared
        self._query = query
        self._at = now()
        self._seconds = seconds
        self._until = time.monotonic() + seconds
        self._passing = False

    async def find(self) -> Page:
        """Return the page; raises TooManyResults, TooComplexQuery."""
        query = self._query
        if query.ids is not None:
            return await self._sliced(self._with_ids(query.ids))
        if not narrowed(query) and not query.order:
            page = await self._plain_page()
            if page is not None:
                return page
        if query.count and self._by_index_alone():
            page = await self._counted_page()
            if page is not None:
                return page
        self._passing = await self._db.fetchval(f"SELECT {_PASSING.format(now='$2')}", self._shared.id, self._at)
        return await self._sliced(self._matches() if narrowed(query) else self._scan())

    async def _plain_page(self) -> Page | None:
        """Answer a query by type alone from the index; None when something has expired and was not swept yet."""
        query, shared = self._query, self._shared
        new = plan.Statement(shared.id)
        live = "SELECT ref FROM hiroba.entity WHERE tenant = $1 AND deleted IS NULL"
        refs = live if query.types is None else new.types(query.types, shared.names)
        window = f"{refs} ORDER BY ref LIMIT {new.put(query.limit + 1)} OFFSET {new.put(query.offset)}"
        passing = _PASSING.format(now=new.put(self._at))
        counted = "NULL::bigint"
        if query.count:
            counted = f"(SELECT count(*) FROM ({refs}) c)"
            if query.types is None or isinstance(query.types, TypeIs):
                counted = self._population(new)
        sql = (
            f"WITH page AS MATERIALIZED ({window}) SELECT {COLUMNS}, a.passing, a.n "
            f"FROM (SELECT {passing} AS passing, {counted} AS n) a LEFT JOIN page p ON true "
            "LEFT JOIN hiroba.entity e ON e.tenant = $1 AND e.ref = p.ref ORDER BY p.ref"
        )
        rows = await self._db.fetch(sql, *new.values)
        if rows[0]["passing"]:
            return None
        found = [row for row in rows if row["id"] is not None]
        count = int(rows[0]["n"] or 0) if query.count else None
        return Page([row_of(shared, row) for row in found[: query.limit]], len(found) > query.limit, count)

    def _population(self, new: plan.Statement) -> str:
        """Return SQL for how many entities there are of the type asked for, or in all."""
        types, ids = self._query.types, self._shared.names.ids
        place = new.put(ids.get(types.type, -1) if isinstance(types, TypeIs) else 0)
        return (
            "coalesce((SELECT u.n FROM hiroba.usage u WHERE u.tenant = $1 AND u.type = "
            f"{place}::int AND u.attr = 0 AND u.kind = ''), 0)"
        )

    def _by_index_alone(self) -> bool:
        query = self._query
        others = query.geo is None and query.scope is None and query.id_pattern is None and not query.order
        return others and narrowed(query) and (query.q is None or is_exact(query.q))

    async def _counted_page(self) -> Page | None:
        """Answer with a count where the index alone decides, fetching only the page; None as `_plain_page`."""
        query, shared = self._query, self._shared
        new = plan.Statement(shared.id)
        refs = new.refs(plan.Both(tuple(plan.sources_of(query, shared.names))))
        if query.types is not None:
            refs = f"({refs}) INTERSECT ({new.types(query.types, shared.names)})"
        limit, offset = new.put(query.limit), new.put(query.offset)
        sql = (
            f"WITH chosen AS MATERIALIZED (SELECT DISTINCT ref FROM ({refs}) c), "
            f"page AS (SELECT ref FROM chosen ORDER BY ref LIMIT {limit} OFFSET {offset}) "
            f"SELECT {COLUMNS}, a.passing, a.n FROM (SELECT {_PASSING.format(now=new.put(self._at))} AS passing, "
            "(SELECT count(*) FROM chosen) AS n) a LEFT JOIN page p ON true "
            "LEFT JOIN hiroba.entity e ON e.tenant = $1 AND e.ref = p.ref ORDER BY p.ref"
        )
        rows = await self._db.fetch(sql, *new.values)
        if rows[0]["passing"]:
            return None
        found = [row_of(shared, row) for row in rows if row["id"] is not None]
        count = int(rows[0]["n"])
        return Page(found, count > query.offset + query.limit, count)

    async def _with_ids(self, ids: Sequence[str]) -> AsyncIterator[list[Stored]]:
        rows = await self._db.fetch(_BY_IDS, self._shared.id, [id_key(id) for id in dict.fromkeys(ids)])
        self._passing = True
        yield [row_of(self._shared, row) for row in rows]

    async def _matches(self) -> AsyncIterator[list[Stored]]:
        """Give the candidates in creation order."""
        sources = plan.sources_of(self._query, self._shared.names)
        refs = await self._collected(sources) if sources else None
        if refs is None:
            async for chunk in self._scan():
                yield chunk
            return
        async for chunk in self._in_chunks(refs):
            yield chunk

    async def _in_chunks(self, refs: Sequence[int]) -> AsyncIterator[list[Stored]]:
        start, size = 0, max(FIRST_CHUNK, self._query.offset + self._query.limit + 1)
        while start < len(refs):
            yield await at_refs(self._db, self._shared, refs[start : start + size])
            start, size = start + size, CHUNK

    async def _collected(self, sources: Sequence[plan.Source]) -> list[int] | None:
        """Return the candidates' refs, or None when every condition gives so many that a scan is sooner done."""
        query, shared = self._query, self._shared
        if len(sources) == 1:
            new = plan.Statement(shared.id)
            sql = f"SELECT ref FROM ({new.refs(sources[0])}) c LIMIT {PROBE}"
            found = [row[0] for row in await self._db.fetch(sql, *new.values)]
            if len(found) < PROBE:
                return sorted(set(found))
        new = plan.Statement(shared.id)
        share = 2 if query.count or query.order else 8
        limit = f"(SELECT greatest({SELECTIVE}, n / {share}) FROM population)"
        sizes = ", ".join(new.size(source, limit) for source in sources)
        sql = f"WITH population AS MATERIALIZED (SELECT {self._population(new)} AS n) SELECT {limit}, {sizes}"
        most, *counts = await self._db.fetchrow(sql, *new.values)
        sized = sorted((count, place) for place, count in enumerate(counts) if count < most)
        if not sized:
            return None
        new = plan.Statement(shared.id)
        chosen = " INTERSECT ".join(f"({new.refs(sources[place])})" for _, place in sized)
        if query.types is not None:
            chosen = f"{chosen} INTERSECT ({new.types(query.types, shared.names)})"
        rows = await self._db.fetch(f"SELECT DISTINCT ref FROM ({chosen}) c ORDER BY ref", *new.values)
        return [row[0] for row in rows]

    async def _scan(self) -> AsyncIterator[list[Stored]]:
        """Go through the entities of the types, or through all, in creation order."""
        query, shared = self._query, self._shared
        new = plan.Statement(shared.id)
        if query.id_pattern is not None:
            async for chunk in self._in_chunks(await self._named(query.id_pattern)):
                yield chunk
            return
        after, size = 0, max(FIRST_CHUNK, query.offset + query.limit + 1)
        source = "SELECT ref FROM hiroba.entity WHERE tenant = $1 AND deleted IS NULL"
        if query.types is not None:
            source = f"SELECT ref FROM ({new.types(query.types, shared.names)}) s"
        start, most = new.put(after), new.put(size)
        where = f"{'WHERE' if query.types is not None else 'AND'} ref > {start}::bigint"
        sql = (
            f"WITH part AS MATERIALIZED ({source} {where} ORDER BY ref LIMIT {most}) SELECT {COLUMNS} FROM part p "
            "JOIN hiroba.entity e ON e.tenant = $1 AND e.ref = p.ref ORDER BY p.ref"
        )
        while True:
            rows = await self._db.fetch(sql, *new.values[:-2], after, size)
            yield [row_of(shared, row) if size < CHUNK else self._apart(row) for row in rows]
            if len(rows) < size:
                return
            after, size = rows[-1]["ref"], CHUNK

    def _apart(self, row: Sequence[Any]) -> Stored:
        """Return a row of a long scan, which leaves the cache alone."""
        id, ref, version, doc = row
        known = self._shared.cache.peek(ref)
        return known if known is not None and known.version == version else Row(id, ref, version, doc)

    async def _named(self, pattern: str) -> list[int]:
        """Return the refs of the entities whose ids match."""
        occurs = id_matcher(pattern)
        new = plan.Statement(self._shared.id)
        types = self._query.types
        chosen = "" if types is None else f"AND e.ref IN ({new.types(types, self._shared.names)}) "
        beginning = literal_beginning(pattern)
        if beginning:
            low, high = map(new.put, beginning_bounds(beginning))
            chosen += f"AND e.key >= {low}::bytea AND e.key < {high}::bytea "
        start, most = new.put(0), new.put(CHUNK)
        sql = (
            f"SELECT e.ref, e.id FROM hiroba.entity e WHERE e.tenant = $1 AND e.deleted IS NULL AND e.ref > {start} "
            f"{chosen}ORDER BY e.ref LIMIT {most}"
        )
        refs: list[int] = []
        after = 0
        while True:
            rows = await self._db.fetch(sql, *new.values[:-2], after, CHUNK)
            refs.extend(ref for ref, id in rows if occurs(id))
            self._look_at_the_clock()
            if len(rows) < CHUNK:
                return refs
            after = rows[-1]["ref"]

    def _look_at_the_clock(self) -> None:
        if time.monotonic() > self._until:
            raise TooComplexQuery(
                f"The answer took longer than {self._seconds:g} seconds to find; narrow the query, or ask for less."
            )

    async def _checked(self, chunks: AsyncIterator[list[Stored]]) -> AsyncIterator[list[Stored]]:
        checks = checks_for(self._query)
        async for chunk in chunks:
            if len(chunk) > 2 * FIRST_CHUNK:
                yield await asyncio.to_thread(self._that_pass, chunk, checks)
            else:
                yield self._that_pass(chunk, checks)

    def _that_pass(self, chunk: list[Stored], checks: Sequence[Callable[[Entity], bool]]) -> list[Stored]:
        at = self._at if self._passing else None
        found = []
        for number, stored in enumerate(chunk):
            if not number % FIRST_CHUNK:
                self._look_at_the_clock()
            entity = stored.entity
            for check in checks:
                if not check(entity):
                    break
            else:
                if at is None or not expired(entity, at):
                    found.append(stored)
        return found

    async def _sliced(self, candidates: AsyncIterator[list[Stored]]) -> Page:
        query = self._query
        if query.order:
            return await self._ordered(candidates)
        end = query.offset + query.limit
        rows: list[Stored] = []
        seen = 0
        async for found in self._checked(candidates):
            rows.extend(found[max(0, query.offset - seen) : max(0, end - seen)])
            seen += len(found)
            if seen > end and not query.count:
                break
        return Page(rows, seen > end, seen if query.count else None)

    async def _ordered(self, candidates: AsyncIterator[list[Stored]]) -> Page:
        query = self._query
        key = sort_key(query.order)
        keyed: list[tuple[Any, int]] = []
        async for found in self._checked(candidates):
            keyed.extend((key(match.entity), match.ref) for match in found)
            if len(keyed) > SORTED_AT_MOST:
                raise TooManyResults(
                    f"More than {SORTED_AT_MOST} entities would have to be sorted. Narrow the query, or drop orderBy."
                )
        keyed.sort(key=lambda pair: pair[0])
        end = query.offset + query.limit
        rows = await at_refs(self._db, self._shared, [ref for _, ref in keyed[query.offset : end]])
        return Page(rows, len(keyed) > end, len(keyed) if query.count else None)
