"""A durable queue in front of a city: raw bytes are kept on disk before anything parses them, and none is
lost.

One SQLite file per spool, written by one thread. Messages that arrive together share one commit: what queued
while the last commit was syncing forms the next one.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from hiroba.sdk.errors import StoreUnavailable

T = TypeVar("T")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS message (seq INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, source TEXT NOT
NULL,
  payload BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS reject (seq INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, source TEXT NOT
NULL,
  payload BLOB NOT NULL, reason TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS total (name TEXT PRIMARY KEY, count INTEGER NOT NULL);
INSERT OR IGNORE INTO total VALUES ('received', 0), ('written', 0), ('rejected', 0);
"""


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it came: `at` is the time of arrival (UTC, ISO), `source` a topic or path, `payload` raw
    bytes."""

    seq: int
    at: str
    source: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Reject:
    """A message, or a part of one, that could not become an entity, and why."""

    at: str
    source: str
    payload: bytes
    reason: str


class SpoolFull(StoreUnavailable):
    """Say that the spool holds all it may; the sender has to keep the message and try again."""


def now() -> str:
    """Return the present time as UTC ISO text with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Spool:
    """Keep messages until they are settled; bounded by `limit` messages and `limit_bytes` of payload."""

    def __init__(
        self, path: Path, *, limit: int = 1_000_000, limit_bytes: int = 1 << 30, keep_rejects: int = 10_000
    ) -> None:
        self.path = path
        self.limit = limit
        self.limit_bytes = limit_bytes
        self.keep_rejects = keep_rejects
        self.waiting = 0
        """How many messages are durable and not settled."""
        self.waiting_bytes = 0
        self.totals = {"received": 0, "written": 0, "rejected": 0}
        """How many messages came, entities were written and readings rejected since the spool was made."""
        self._db: sqlite3.Connection | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="spool")
        self._queue: list[tuple[tuple[str, str, bytes], asyncio.Future[None]]] = []
        self._queued_bytes = 0
        self._flushing: asyncio.Task[None] | None = None
        self._arrived = asyncio.Event()

    async def open(self) -> None:
        """Open or make the file; raises StoreUnavailable naming it when that fails."""
        await self._run(self._open)
        if self.waiting:
            self._arrived.set()

    async def close(self) -> None:
        """Make durable what is still queued and let go of the file."""
        if self._flushing is not None:
            await self._flushing
        await self._run(self._close)
        self._thread.shutdown()

    async def append(self, source: str, payload: bytes) -> None:
        """Keep one message; returns when it is durable. Raises SpoolFull or StoreUnavailable: then it is not
        kept."""
        if (
            self.waiting + len(self._queue) >= self.limit
            or self.waiting_bytes + self._queued_bytes + len(payload) > self.limit_bytes
        ):
            raise SpoolFull(
                f"{self.waiting} messages ({self.waiting_bytes} bytes) wait in {self.path} and no more fit",
                headers={"Retry-After": "5"},
            )
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(((now(), source, payload), future))
        self._queued_bytes += len(payload)
        if self._flushing is None:
            self._flushing = asyncio.create_task(self._flush())
        await future

    async def read(self, limit: int = 500) -> list[Message]:
        """Return the oldest messages that are not settled."""
        return await self._run(lambda: self._read(limit))

    async def arrival(self) -> None:
        """Return when there is something to read."""
        await self._arrived.wait()

    async def settle(self, upto: int, *, written: int, rejects: Sequence[Reject] = ()) -> None:
        """Forget the messages up to a seq, count the written and keep the rejects, all in one commit."""
        await self._run(lambda: self._settle(upto, written, rejects))
        if not self.waiting:
            self._arrived.clear()

    async def rejects(self, limit: int = 100) -> list[Reject]:
        """Return the newest rejects, newest first."""
        return await self._run(lambda: self._rejects(limit))

    async def _run(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except (sqlite3.Error, OSError) as error:
            raise StoreUnavailable(
                f"the spool {self.path} cannot be used: {error}; check that the disk has room and is writable"
            ) from error

    async def _flush(self) -> None:
        while self._queue:
            batch, self._queue = self._queue, []
            self._queued_bytes = 0
            rows = [row for row, _ in batch]
            try:
                await self._run(lambda rows=rows: self._append(rows))  # type: ignore[misc]
            except Exception as error:  # noqa: BLE001 - whoever sent it hears of it, and the next ones are kept
                known = isinstance(error, StoreUnavailable)
                problem = error if known else StoreUnavailable(f"the message cannot be kept: {error!r}")
                for _, future in batch:
                    if not future.done():
                        future.set_exception(problem)
                continue
            self._arrived.set()
            for _, future in batch:
                if not future.done():
                    future.set_result(None)
        self._flushing = None

    # What follows runs in the spool's own thread.

    def _open(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.executescript(_SCHEMA)
        self._db = db
        self.totals.update(db.execute("SELECT name, count FROM total").fetchall())
        self._measure(db)

    def _close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    def _connection(self) -> sqlite3.Connection:
        if self._db is None:
            raise sqlite3.OperationalError("it is not open")
        return self._db

    def _measure(self, db: sqlite3.Connection) -> None:
        row = db.execute("SELECT count(*), coalesce(sum(length(payload)), 0) FROM message").fetchone()
        self.waiting, self.waiting_bytes = row

    def _transact(self, steps: Callable[[sqlite3.Connection], None]) -> None:
        db = self._connection()
        db.execute("BEGIN IMMEDIATE")
        try:
            steps(db)
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise

    def _append(self, rows: list[tuple[str, str, bytes]]) -> None:
        def steps(db: sqlite3.Connection) -> None:
            db.executemany("INSERT INTO message (at, source, payload) VALUES (?, ?, ?)", rows)
            db.execute("UPDATE total SET count = count + ? WHERE name = 'received'", (len(rows),))

        self._transact(steps)
        self.waiting += len(rows)
        self.waiting_bytes += sum(len(row[2]) for row in rows)
        self.totals["received"] += len(rows)

    def _read(self, limit: int) -> list[Message]:
        rows = self._connection().execute("SELECT seq, at, source, payload FROM message ORDER BY seq LIMIT ?", (limit,))
        return [Message(*row) for row in rows]

    def _settle(self, upto: int, written: int, rejects: Sequence[Reject]) -> None:
        gone: tuple[Any, ...] = (0, 0)

        def steps(db: sqlite3.Connection) -> None:
            nonlocal gone
            gone = db.execute(
                "SELECT count(*), coalesce(sum(length(payload)), 0) FROM message WHERE seq <= ?", (upto,)
            ).fetchone()
            db.execute("DELETE FROM message WHERE seq <= ?", (upto,))
            db.execute("UPDATE total SET count = count + ? WHERE name = 'written'", (written,))
            if rejects:
                db.executemany(
                    "INSERT INTO reject (at, source, payload, reason) VALUES (?, ?, ?, ?)",
                    [(reject.at, reject.source, reject.payload, reject.reason) for reject in rejects],
                )
                db.execute("UPDATE total SET count = count + ? WHERE name = 'rejected'", (len(rejects),))
                db.execute("DELETE FROM reject WHERE seq <= (SELECT max(seq) FROM reject) - ?", (self.keep_rejects,))

        self._transact(steps)
        self.waiting -= gone[0]
        self.waiting_bytes -= gone[1]
        self.totals["written"] += written
        self.totals["rejected"] += len(rejects)

    def _rejects(self, limit: int) -> list[Reject]:
        rows = self._connection().execute(
            "SELECT at, source, payload, reason FROM reject ORDER BY seq DESC LIMIT ?", (limit,)
        )
        return [Reject(*row) for row in rows]
