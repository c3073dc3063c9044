"""One tenant's data in one SQLite database."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import apsw
import orjson

from hiroba.kernel.query.tree import TypeQuery
from hiroba.kernel.store import uses
from hiroba.kernel.store.expiry import expired, now, swept
from hiroba.kernel.store.port import (
    AttributeUse,
    Change,
    Cluster,
    EntityQuery,
    Evolution,
    HistoryEdit,
    HistoryQuery,
    Mutation,
    Page,
    Stored,
    TypeUse,
)
from hiroba.kernel.store.sqlite import amend, changelog, discovery, history, retention
from hiroba.kernel.store.sqlite.files import connect, unavailable
from hiroba.kernel.store.sqlite.find import IN_LOOP, Finder, NeedsThread, by_id
from hiroba.kernel.store.sqlite.readers import Readers
from hiroba.kernel.store.sqlite.schema import prepare
from hiroba.kernel.store.sqlite.shared import Shared
from hiroba.kernel.store.sqlite.writer import Writer


class SqliteTenant:
    """Keep one tenant's data; see `TenantStore` for what each method promises."""

    def __init__(
        self,
        name: str,
        path: Path | None,
        *,
        writing: Executor,
        reading: Executor,
        cache_size: int,
        read_seconds: float,
    ) -> None:
        self.name = name
        self.path = path
        self._shared = Shared(name, path, cache_size=cache_size)
        db = connect(path, writes=True)
        try:
            if not db.readonly("main"):
                prepare(db, self._shared.label, tenant=name)
            self._shared.load(db)
        except BaseException:
            db.close()
            raise
        read_db = db if path is None else connect(path, writes=False)
        self._readers = Readers(path, reading, db=read_db, seconds=read_seconds)
        self._writer = Writer(self._shared, writing, db=db, readers=self._readers)
        self._clusters = discovery.ClusterCache()

    async def close(self) -> None:
        """Finish what waits and close the database."""
        await self._writer.close()
        self._readers.close()

    async def get(self, id: str) -> Stored | None:
        """Return the entity, or None."""
        shared = self._shared
        stored = shared.cache.get(id)
        if stored is None:
            try:
                stored = by_id(self._readers.db, shared, id)
            except apsw.Error as error:
                raise unavailable(error, shared.label) from error
        if stored is not None and shared.next_expiry is not None:
            at = now()
            if shared.expiring(at) and expired(stored.entity, at):
                return None
        return stored

    async def get_refs(self, refs: Sequence[int]) -> list[Stored]:
        """Return the entities behind these refs that are there, in the order of the refs."""
        finder = Finder(self._readers.db, self._shared, EntityQuery(), budget=len(refs))
        at = now()
        found = self._readers.now(lambda db: [finder.stored(ref) for ref in refs])
        passing = self._shared.expiring(at)
        return [one for one in found if one is not None and not (passing and expired(one.entity, at))]

    async def find(self, query: EntityQuery) -> Page:
        """Return the entities that a query chooses, in creation order unless it says otherwise."""
        if self._readers.apart:
            with contextlib.suppress(NeedsThread):
                return self._readers.now(Finder(self._readers.db, self._shared, query, budget=IN_LOOP).find)
        return await self._readers.apart_from_loop(Finder(self._readers.db, self._shared, query, budget=None).find)

    async def mutate(self, mutations: Sequence[Mutation]) -> list[Any]:
        """Carry out the mutations in order in one durable transaction; return each one's answer or its HirobaError."""
        return await self._writer.mutate(mutations)

    async def evolutions(self, query: HistoryQuery) -> tuple[list[Evolution], int | None, bool]:
        """Return histories of the entities chosen (also deleted ones), the count if asked for, and if more follow."""
        names = self._shared.names
        return await self._readers.apart_from_loop(lambda db: history.evolutions(db, names, query))

    async def amend(self, edits: Sequence[HistoryEdit]) -> list[Any]:
        """Change recorded histories, in order, in one durable transaction; return each edit's answer."""
        shared = self._shared
        answers: list[Any] = await self._writer.run(lambda db: amend.amend(db, shared, edits))
        return answers

    async def type_uses(self) -> list[TypeUse]:
        """Return the types in use."""
        return uses.type_uses(self._shared.usage, self._shared.names.iris)

    async def attribute_uses(self) -> list[AttributeUse]:
        """Return the attributes in use."""
        return uses.attribute_uses(self._shared.usage, self._shared.names.iris)

    async def clusters(
        self, types: TypeQuery, bbox: tuple[float, float, float, float], cell: tuple[float, float]
    ) -> list[Cluster]:
        """Group the entities' default `location` in a box (west, south, east, north) by a grid of cells (degrees)."""
        shared, key = self._shared, (types, bbox, cell)
        generation = shared.geo_generation
        known = self._clusters.get(generation, key)
        if known is None:
            known = await self._readers.apart_from_loop(
                lambda db: discovery.clusters(db, shared, types, bbox=bbox, cell=cell)
            )
            self._clusters.put(generation, key, known)
        return list(known)

    async def changes(self, after: int, limit: int) -> list[Change]:
        """Return up to `limit` rows of the change log with `seq` greater than `after`, in order."""
        shared = self._shared
        if after >= shared.last_seq:
            return []
        recent = changelog.from_memory(shared.recent, after, limit)
        if recent is not None:
            return recent
        upto, names = shared.last_seq, shared.names
        return await self._readers.apart_from_loop(
            lambda db: changelog.from_log(db, names, after=after, upto=upto, limit=limit)
        )

    async def last_seq(self) -> int:
        """Return the newest committed seq, 0 for an empty log."""
        return self._shared.last_seq

    async def first_seq(self) -> int:
        """Return the oldest seq still in the log, 0 for an empty log."""
        return int(self._readers.now(lambda db: db.execute("SELECT coalesce(min(seq), 0) FROM change").get))

    def listen(self, listener: Callable[[Sequence[Change]], None]) -> Callable[[], None]:
        """Call `listener` with each commit's changes, in order, after the commit; the answer ends it."""
        listeners = self._shared.listeners
        listeners.append(listener)

        def end() -> None:
            if listener in listeners:
                listeners.remove(listener)

        return end

    async def records(self, kind: str) -> list[tuple[str, dict[str, Any]]]:
        """Return all records (subscriptions, contexts, …) of a kind, oldest first, with their ids."""
        sql = "SELECT id, body FROM record WHERE kind = ? ORDER BY seq"
        rows: list[Any] = self._readers.now(lambda db: db.execute(sql, (kind,)).fetchall())
        return [(id, orjson.loads(body)) for id, body in rows]

    async def record(self, kind: str, id: str) -> dict[str, Any] | None:
        """Return one record, or None."""
        sql = "SELECT body FROM record WHERE kind = ? AND id = ?"
        row = self._readers.now(lambda db: db.execute(sql, (kind, id)).fetchone())
        return None if row is None else dict(orjson.loads(row[0]))

    async def keep_record(self, kind: str, id: str, body: dict[str, Any] | None) -> None:
        """Write a record durably, or delete it with None."""
        doc = None if body is None else orjson.dumps(body)

        def write(db: apsw.Connection) -> None:
            if doc is None:
                db.execute("DELETE FROM record WHERE kind = ? AND id = ?", (kind, id))
            else:
                db.execute(
                    "INSERT INTO record(kind, id, body) VALUES(?, ?, ?) "
                    "ON CONFLICT(kind, id) DO UPDATE SET body = excluded.body",
                    (kind, id, doc),
                )

        await self._writer.run(write)

    async def cursor(self, name: str) -> int:
        """Return how far a reader of the change log has come, 0 for a new one."""
        pending = self._writer.cursors.get(name)
        if pending is not None:
            return pending
        sql = "SELECT seq FROM cursor WHERE name = ?"
        return int(self._readers.now(lambda db: db.execute(sql, (name,)).get) or 0)

    async def keep_cursor(self, name: str, seq: int) -> None:
        """Remember how far a reader has come (durable with the next commit)."""
        self._writer.cursors[name] = seq

    async def trim(self, history_before: int | None, changes_before: int | None) -> None:
        """Forget history instances and passed change rows older than these instants."""
        await retention.trim(self._writer, history_before=history_before, changes_before=changes_before)

    async def sweep(self) -> int:
        """Delete the entities and attributes whose time is over (4.22); return how many entities were concerned."""
        concerned = 0
        while self._shared.expiring(now()):
            ids = self._readers.now(lambda db: retention.expired_ids(db, now()))
            if not ids:
                self._readers.now(self._shared.load_expiry)
                break
            await self.mutate([Mutation(id, swept) for id in ids])
            concerned += len(ids)
        return concerned

    async def touch(self) -> None:
        """Raise StoreUnavailable unless a write comes through now."""
        await self._writer.run(retention.touch)
