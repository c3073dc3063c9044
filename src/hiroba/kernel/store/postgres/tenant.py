"""One tenant's data in the database that all tenants share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import orjson

from hiroba.kernel.query.tree import TypeQuery
from hiroba.kernel.store import uses
from hiroba.kernel.store.expiry import expired, now, swept
from hiroba.kernel.store.port import (
    SCOPE,
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
from hiroba.kernel.store.postgres import changelog, discovery, history, plan, retention
from hiroba.kernel.store.postgres.amend import amend
from hiroba.kernel.store.postgres.find import Finder, at_refs, by_id
from hiroba.kernel.store.postgres.lines import Connection, Lines
from hiroba.kernel.store.postgres.shared import Shared
from hiroba.kernel.store.postgres.telling import Teller
from hiroba.kernel.store.postgres.writer import Writer

_PUT_RECORD = (
    "INSERT INTO hiroba.record(tenant, kind, id, body) VALUES($1, $2, $3, $4) "
    "ON CONFLICT(tenant, kind, id) DO UPDATE SET body = excluded.body"
)


class PostgresTenant:
    """Keep one tenant's data; see `TenantStore` for what each method promises."""

    def __init__(
        self,
        shared: Shared,
        writing: Lines,
        *,
        told: int,
        read_seconds: float,
        published: Callable[[int], None],
        gone: Callable[[], None],
    ) -> None:
        self.name = shared.name
        self.id = shared.id
        self._shared = shared
        self._lines = shared.lines
        self._seconds = read_seconds
        self.teller = Teller(told, self.changes)
        self._writer = Writer(shared, writing, teller=self.teller, published=published, gone=gone)

    async def close(self) -> None:
        """Finish what waits."""
        await self._writer.close()
        await self.teller.close()

    async def get(self, id: str) -> Stored | None:
        """Return the entity, or None."""
        stored = await by_id(self._shared, id)
        if stored is not None and expired(stored.entity, now()):
            return None
        return stored

    async def get_refs(self, refs: Sequence[int]) -> list[Stored]:
        """Return the entities behind these refs that are there, in the order of the refs."""
        async with self._lines.reading(self.id) as db:
            found = await at_refs(db, self._shared, refs)
        at = now()
        return [one for one in found if not expired(one.entity, at)]

    async def find(self, query: EntityQuery) -> Page:
        """Return the entities that a query chooses, in creation order unless it says otherwise."""
        await self._shared.know(plan.names_in(query))
        async with self._lines.snapshot(self.id) as db:
            return await Finder(db, self._shared, query, seconds=self._seconds).find()

    async def mutate(self, mutations: Sequence[Mutation]) -> list[Any]:
        """Carry out the mutations in order in one durable transaction; return each one's answer or its HirobaError."""
        return await self._writer.mutate(mutations)

    async def evolutions(self, query: HistoryQuery) -> tuple[list[Evolution], int | None, bool]:
        """Return histories of the entities chosen (also deleted ones), the count if asked for, and if more follow."""
        await self._shared.know({SCOPE, *(query.attrs or ()), *plan.names_in(query.entity)})
        async with self._lines.snapshot(self.id) as db:
            return await history.evolutions(db, self._shared, query, seconds=self._seconds)

    async def amend(self, edits: Sequence[HistoryEdit]) -> list[Any]:
        """Change recorded histories, in order, in one durable transaction; return each edit's answer."""
        answers: list[Any] = await self._writer.run(partial(amend, shared=self._shared, edits=edits))
        return answers

    async def type_uses(self) -> list[TypeUse]:
        """Return the types in use."""
        return uses.type_uses(await discovery.usage(self._shared), self._shared.names.iris)

    async def attribute_uses(self) -> list[AttributeUse]:
        """Return the attributes in use."""
        return uses.attribute_uses(await discovery.usage(self._shared), self._shared.names.iris)

    async def clusters(
        self, types: TypeQuery, bbox: tuple[float, float, float, float], cell: tuple[float, float]
    ) -> list[Cluster]:
        """Group the entities' default `location` in a box (west, south, east, north) by a grid of cells (degrees)."""
        await self._shared.know(plan.types_in(types))
        async with self._lines.reading(self.id) as db:
            return await discovery.clusters(db, self._shared, types, bbox=bbox, cell=cell)

    async def changes(self, after: int, limit: int) -> list[Change]:
        """Return up to `limit` rows of the change log with `seq` greater than `after`, in order."""
        async with self._lines.snapshot(self.id) as db:
            return await changelog.from_log(db, self._shared, after=after, limit=limit)

    async def last_seq(self) -> int:
        """Return the newest committed seq, 0 for an empty log."""
        rows = await self._lines.fetch(self.id, "SELECT seq FROM hiroba.tenant WHERE id = $1", self.id)
        return int(rows[0][0]) if rows else 0

    async def first_seq(self) -> int:
        """Return the oldest seq still in the log, 0 for an empty log."""
        sql = "SELECT coalesce(min(seq), 0) FROM hiroba.change WHERE tenant = $1"
        return int((await self._lines.fetch(self.id, sql, self.id))[0][0])

    def listen(self, listener: Callable[[Sequence[Change]], None]) -> Callable[[], None]:
        """Call `listener` with each commit's changes, in order, after the commit; the answer ends it."""
        listeners = self.teller.listeners
        listeners.append(listener)

        def end() -> None:
            if listener in listeners:
                listeners.remove(listener)

        return end

    async def records(self, kind: str) -> list[tuple[str, dict[str, Any]]]:
        """Return all records (subscriptions, contexts, …) of a kind, oldest first, with their ids."""
        sql = "SELECT id, body FROM hiroba.record WHERE tenant = $1 AND kind = $2 ORDER BY seq"
        return [(id, orjson.loads(body)) for id, body in await self._lines.fetch(self.id, sql, self.id, kind)]

    async def record(self, kind: str, id: str) -> dict[str, Any] | None:
        """Return one record, or None."""
        sql = "SELECT body FROM hiroba.record WHERE tenant = $1 AND kind = $2 AND id = $3"
        rows = await self._lines.fetch(self.id, sql, self.id, kind, id)
        return dict(orjson.loads(rows[0][0])) if rows else None

    async def keep_record(self, kind: str, id: str, body: dict[str, Any] | None) -> None:
        """Write a record durably, or delete it with None."""
        doc = None if body is None else orjson.dumps(body)

        async def write(db: Connection) -> None:
            if doc is None:
                sql = "DELETE FROM hiroba.record WHERE tenant = $1 AND kind = $2 AND id = $3"
                await db.execute(sql, self.id, kind, id)
            else:
                await db.execute(_PUT_RECORD, self.id, kind, id, doc)

        await self._writer.run(write)

    async def cursor(self, name: str) -> int:
        """Return how far a reader of the change log has come, 0 for a new one."""
        pending = self._writer.cursors.get(name)
        if pending is not None:
            return pending
        sql = "SELECT seq FROM hiroba.cursor WHERE tenant = $1 AND name = $2"
        rows = await self._lines.fetch(self.id, sql, self.id, name)
        return int(rows[0][0]) if rows else 0

    async def keep_cursor(self, name: str, seq: int) -> None:
        """Remember how far a reader has come (durable with the next commit)."""
        self._writer.cursors[name] = seq

    async def trim(self, history_before: int | None, changes_before: int | None) -> None:
        """Forget history instances and passed change rows older than these instants."""
        await retention.trim(self._writer, self.id, history_before=history_before, changes_before=changes_before)

    async def sweep(self) -> int:
        """Delete the entities and attributes whose time is over (4.22); return how many entities were concerned."""
        concerned = 0
        while True:
            rows = await self._lines.fetch(self.id, retention.EXPIRED, self.id, now(), retention.ROWS)
            if not rows:
                return concerned
            await self.mutate([Mutation(id, swept) for (id,) in rows])
            concerned += len(rows)

    async def touch(self) -> None:
        """Raise StoreUnavailable unless a write comes through now."""
        await self._writer.run(_touch)


async def _touch(db: Connection) -> None:
    await db.execute(
        "INSERT INTO hiroba.meta(key, value) VALUES('touched', $1) "
        "ON CONFLICT(key) DO UPDATE SET value = excluded.value",
        now(),
    )
