"""Finds entities: the indexes narrow the candidates, the query's own matchers have the last word."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final

import apsw

from hiroba.kernel.model.entity import Entity
from hiroba.kernel.model.errors import BadRequestData, TooManyResults
from hiroba.kernel.query.geo import geo_matcher
from hiroba.kernel.query.matching import matcher
from hiroba.kernel.query.order import sort_key
from hiroba.kernel.query.patterns import LAST_CHARACTER, compile_pattern, literal_beginning
from hiroba.kernel.query.selection import scope_matcher, types_matcher
from hiroba.kernel.query.tree import GeoQuery, Query, ScopeQuery, TypeIs, TypeQuery
from hiroba.kernel.store.port import EntityQuery, Page, Stored
from hiroba.kernel.store.sqlite import plan
from hiroba.kernel.store.sqlite.cache import Row
from hiroba.kernel.store.sqlite.names import Names
from hiroba.kernel.store.sqlite.shared import Shared, expired, now

Matcher = Callable[[Entity], bool]

IN_LOOP: Final = 300
"""Entities that a find looks at in the event loop before it moves to a thread."""
SELECTIVE: Final = 2000
"""Candidates up to which an index is used although the page may fill sooner without it."""
SORTED_AT_MOST: Final = 200_000
STARTS: Final = 4096
"""Beginnings of pages that are remembered."""
_FIRST: Final = itemgetter(0)

_LIVE = "SELECT ref FROM entity WHERE deleted IS NULL"
_BY_ID = "SELECT id, ref, version, doc FROM entity WHERE id = ? AND deleted IS NULL"
_BY_BEGINNING = "SELECT ref, id FROM entity WHERE id >= ? AND id < ? AND deleted IS NULL"
_BY_REF = "SELECT id, ref, version, doc FROM entity WHERE ref = ? AND deleted IS NULL"


class NeedsThread(Exception):
    """Say that a find turned out too long for the event loop."""


@lru_cache(maxsize=512)
def checks_of(
    types: TypeQuery | None,
    attrs: tuple[str, ...] | None,
    *,
    id_pattern: str | None,
    scope: ScopeQuery | None,
    q: Query | None,
    geo: GeoQuery | None,
) -> tuple[Matcher, ...]:
    """Return the tests that an entity must pass to be chosen; raises BadRequestData for an id pattern that is none."""
    checks: list[Matcher] = []
    if types is not None:
        checks.append(types_matcher(types))
    if attrs is not None:
        wanted = frozenset(attrs)
        checks.append(lambda entity: not wanted.isdisjoint(entity["attrs"]))
    if id_pattern is not None:
        occurs = id_matcher(id_pattern)
        checks.append(lambda entity: occurs(entity["id"]))
    if scope is not None:
        checks.append(scope_matcher(scope))
    if q is not None:
        checks.append(matcher(q))
    if geo is not None:
        checks.append(geo_matcher(geo))
    return tuple(checks)


def checks_for(query: EntityQuery) -> tuple[Matcher, ...]:
    """Return the tests of a query; ids take precedence over a pattern (5.7.2)."""
    pattern = query.id_pattern if query.ids is None else None
    return checks_of(query.types, query.attrs, id_pattern=pattern, scope=query.scope, q=query.q, geo=query.geo)


def id_matcher(pattern: str) -> Callable[[str], bool]:
    """Return the test of an id pattern; raises BadRequestData for one that is none."""
    try:
        return compile_pattern(pattern)
    except ValueError as error:
        raise BadRequestData(f"idPattern: not a pattern ({error})") from error


def by_id(db: apsw.Connection, shared: Shared, id: str) -> Stored | None:
    """Return an entity that is kept, expired or not."""
    found = shared.cache.get(id)
    if found is None:
        row = db.execute(_BY_ID, (id,)).fetchone()
        if row is not None:
            found = Row(*row)
            shared.cache.put(found)
    return found


def sources_of(query: EntityQuery, names: Names) -> list[plan.Source]:
    """Return what the indexes know about a query, its types aside."""
    found: list[plan.Source | None] = []
    if query.geo is not None:
        found.append(plan.geo_source(query.geo, names))
    if query.q is not None:
        found.append(plan.q_source(query.q, names))
    if query.attrs is not None:
        found.append(plan.attrs_source(query.attrs, names))
    if query.scope is not None:
        found.append(plan.scope_source(query.scope))
    return [source for source in found if source is not None]


def narrowed(query: EntityQuery) -> bool:
    """Tell whether something other than types and ids restricts a query."""
    return (
        query.q is not None
        or query.geo is not None
        or query.scope is not None
        or query.attrs is not None
        or query.id_pattern is not None
    )


@dataclass(slots=True)
class Finder:
    """One find: `budget` entities may be decoded (None: any number, in a thread, which leaves the cache alone)."""

    db: apsw.Connection
    shared: Shared
    query: EntityQuery
    budget: int | None
    at: int = 0
    looked: float = 0

    def find(self, db: apsw.Connection) -> Page:
        """Return the page; raises NeedsThread, TooManyResults."""
        self.db = db
        self.at = now()
        query = self.query
        if query.ids is not None:
            return self._sliced(self._checked(self._with_ids(query.ids)))
        if not narrowed(query):
            if not query.order and not self.shared.expiring(self.at):
                return self._plain_page()
            return self._sliced(self._checked(self._scan()))
        if self.budget is None and query.count and self._by_index_alone():
            return self._counted_page()
        return self._sliced(self._matches())

    def _by_index_alone(self) -> bool:
        query = self.query
        others = query.geo is None and query.scope is None and query.id_pattern is None and not query.order
        return others and (query.q is None or plan.is_exact(query.q)) and not self.shared.expiring(self.at)

    def _counted_page(self) -> Page:
        """Answer with a count where the index alone decides, decoding only the page."""
        query, shared, db = self.query, self.shared, self.db
        refs = plan.collect_all(db, plan.Both(tuple(sources_of(query, shared.names))))
        if query.types is not None:
            refs &= {ref for (ref,) in db.execute(plan.types_sql(query.types, shared.names))}
        end = query.offset + query.limit
        rows = list(self._at_refs(sorted(refs)[query.offset : end]))
        return Page(rows, len(refs) > end, len(refs))

    def _plain_page(self) -> Page:
        """Answer a query by type alone from the index."""
        query, shared, db = self.query, self.shared, self.db
        sql = _LIVE if query.types is None else plan.types_sql(query.types, shared.names)
        refs = self._window(sql)
        rows = [stored for ref in refs[: query.limit] if (stored := self.stored(ref)) is not None]
        count = None
        if query.count:
            count = self._population()
            if query.types is not None and not isinstance(query.types, TypeIs):
                count = db.execute(f"SELECT count(*) FROM ({sql})").get
        return Page(rows, len(refs) > query.limit, count)

    def _window(self, sql: str) -> list[int]:
        """Return the refs of a page and the one after it.

        Where a page begins is remembered, so that paging through a type does not go over the pages before again.
        """
        query, starts = self.query, self.shared.starts
        types, more = query.types, query.limit + 1
        start = starts.get((types, query.offset))
        if start is not None:
            refs = list(map(_FIRST, self.db.execute(f"{sql} AND ref >= ? ORDER BY ref LIMIT ?", (start, more))))
        else:
            refs = list(map(_FIRST, self.db.execute(f"{sql} ORDER BY ref LIMIT ? OFFSET ?", (more, query.offset))))
        if len(refs) == more and self.budget is not None and (types is None or isinstance(types, TypeIs)):
            if len(starts) >= STARTS:
                starts.clear()
            starts[types, query.offset] = refs[0]
            starts[types, query.offset + query.limit] = refs[-1]
        return refs

    def stored(self, ref: int) -> Stored | None:
        cache = self.shared.cache
        found = cache.by_ref(ref) if self.budget is not None else cache.peek(ref)
        if found is None:
            row = self.db.execute(_BY_REF, (ref,)).fetchone()
            if row is None:
                return None
            found = Row(*row)
            if self.budget is not None:
                cache.put(found)
        return found

    def _with_ids(self, ids: Iterable[str]) -> Iterator[Stored]:
        found: dict[int, Stored] = {}
        for id in ids:
            stored = by_id(self.db, self.shared, id) if self.budget is not None else self._row(id)
            if stored is not None:
                found[stored.ref] = stored
        return (found[ref] for ref in sorted(found))

    def _row(self, id: str) -> Stored | None:
        row = self.db.execute(_BY_ID, (id,)).fetchone()
        return None if row is None else Row(*row)

    def _matches(self) -> Iterator[Stored]:
        """Return what matches, in creation order."""
        query, shared, db = self.query, self.shared, self.db
        sources = sources_of(query, shared.names)
        if not sources:
            return self._checked(self._scan())
        limit = SELECTIVE
        if self.budget is None:
            limit = max(SELECTIVE, self._population() // (2 if query.count or query.order else 8))
        refs = plan.collect_below(db, plan.Both(tuple(sources)), limit)
        if refs is None:
            return self._checked(self._scan())
        if query.types is not None and len(refs) > SELECTIVE:
            refs &= {ref for (ref,) in db.execute(plan.types_sql(query.types, shared.names))}
        return self._checked(self._at_refs(sorted(refs)))

    def _population(self) -> int:
        shared, types = self.shared, self.query.types
        type_ = shared.names.ids.get(types.type, -1) if isinstance(types, TypeIs) else 0
        return shared.usage.get((type_, 0, ""), 0)

    def _at_refs(self, refs: Iterable[int]) -> Iterator[Stored]:
        for ref in refs:
            stored = self.stored(ref)
            if stored is not None:
                yield stored

    def _scan(self) -> Iterator[Stored]:
        """Go through the entities of the types, or through all, in creation order."""
        query, cache = self.query, self.shared.cache
        if query.id_pattern is not None:
            yield from self._named(query.id_pattern)
            return
        if query.types is not None:
            refs = plan.types_sql(query.types, self.shared.names)
            sql = f"{refs} ORDER BY ref"
        else:
            sql = f"{_LIVE} ORDER BY ref"
        if self.budget is not None:
            yield from self._at_refs(ref for (ref,) in self.db.execute(sql))
            return
        sql = f"SELECT e.id, e.ref, e.version, e.doc FROM ({sql}) t CROSS JOIN entity e ON e.ref = t.ref"
        for id, ref, version, doc in self.db.execute(sql):
            known = cache.peek(ref)
            yield known if known is not None and known.version == version else Row(id, ref, version, doc)

    def _named(self, pattern: str) -> Iterator[Stored]:
        """Go through the ids, decoding only the entities whose ids match."""
        occurs = id_matcher(pattern)
        beginning = literal_beginning(pattern)
        if beginning:
            found = self.db.execute(_BY_BEGINNING, (beginning, beginning + LAST_CHARACTER))
            yield from self._at_refs(sorted(ref for ref, id in found if occurs(id)))
            return
        if self.query.types is not None:
            refs = plan.types_sql(self.query.types, self.shared.names)
            sql = f"SELECT e.ref, e.id FROM ({refs} ORDER BY ref) t CROSS JOIN entity e ON e.ref = t.ref"
        else:
            sql = "SELECT ref, id FROM entity WHERE deleted IS NULL ORDER BY ref"
        for ref, id in self.db.execute(sql):
            if not occurs(id):
                self._tick(0.1)
            elif (stored := self.stored(ref)) is not None:
                yield stored

    def _tick(self, cost: float = 1.0) -> None:
        if self.budget is not None:
            self.looked += cost
            if self.looked > self.budget:
                raise NeedsThread

    def _checked(self, candidates: Iterable[Stored]) -> Iterator[Stored]:
        checks = checks_for(self.query)
        at = self.at if self.shared.expiring(self.at) else None
        for stored in candidates:
            self._tick()
            entity = stored.entity
            for check in checks:
                if not check(entity):
                    break
            else:
                if at is None or not expired(entity, at):
                    yield stored

    def _sliced(self, matches: Iterator[Stored]) -> Page:
        query = self.query
        if query.order:
            return self._ordered(matches)
        end = query.offset + query.limit
        rows: list[Stored] = []
        seen = 0
        for stored in matches:
            if query.offset <= seen < end:
                rows.append(stored)
            seen += 1
            if seen > end and not query.count:
                break
        return Page(rows, seen > end, seen if query.count else None)

    def _ordered(self, matches: Iterable[Stored]) -> Page:
        query = self.query
        key = sort_key(query.order)
        keyed: list[tuple[Any, int]] = []
        for match in matches:
            keyed.append((key(match.entity), match.ref))
            if len(keyed) > SORTED_AT_MOST:
                raise TooManyResults(
                    f"More than {SORTED_AT_MOST} entities would have to be sorted. Narrow the query, or drop orderBy."
                )
        keyed.sort(key=lambda pair: pair[0])
        end = query.offset + query.limit
        rows = [stored for _, ref in keyed[query.offset : end] if (stored := self.stored(ref)) is not None]
        return Page(rows, len(keyed) > end, len(keyed) if query.count else None)
