"""Connections to one database, each lent to one tenant at a time: row-level security shows it that tenant alone."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import asyncpg

from hiroba.kernel.model.errors import TooComplexQuery
from hiroba.kernel.store.postgres.errors import AWAY, LOST, unavailable

Connection = Any
"""An asyncpg connection."""

CONNECT_SECONDS: Final = 10.0
_TELL = "SELECT set_config('hiroba.tenant', $1, false)"


async def connect(address: str, settings: Mapping[str, str]) -> Connection:
    """Open a connection on which JSON is bytes, as the broker wants it."""
    db = await asyncpg.connect(
        address, timeout=CONNECT_SECONDS, server_settings={"application_name": "hiroba", **settings}
    )
    try:
        await db.set_type_codec("json", schema="pg_catalog", encoder=bytes, decoder=bytes, format="binary")
    except BaseException:
        db.terminate()
        raise
    return db


class Lines:
    """Up to `most` connections, opened when they are needed and kept."""

    def __init__(self, address: str, settings: Mapping[str, str], *, label: str, most: int) -> None:
        self.label = label
        self._address = address
        self._settings = settings
        self._most = most
        self._open = 0
        self._idle: list[tuple[int, Connection]] = []
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def close(self) -> None:
        """Close what is not lent."""
        idle, self._idle = self._idle, []
        for _, db in idle:
            self._open -= 1
            with contextlib.suppress(*AWAY):
                await db.close(timeout=2)

    @contextlib.asynccontextmanager
    async def lent(self, tenant: int) -> AsyncIterator[Connection]:
        """Lend a connection to a tenant; errors pass as asyncpg raises them."""
        db = await self._take(tenant)
        try:
            yield db
        except asyncpg.InterfaceError as error:
            if db.is_closed():
                raise
            raise RuntimeError(f"PostgreSQL was asked in a wrong way: {error}") from error
        except LOST:
            db.terminate()  # it may not know yet
            raise
        finally:
            self._give_back(tenant, db)

    @contextlib.asynccontextmanager
    async def reading(self, tenant: int) -> AsyncIterator[Connection]:
        """Lend a connection for reads; raises StoreUnavailable, TooComplexQuery after the time set for a read."""
        try:
            async with self.lent(tenant) as db:
                yield db
        except asyncpg.QueryCanceledError as error:
            raise TooComplexQuery(
                "The answer took longer to find than the server allows; narrow the query, or ask for less."
            ) from error
        except AWAY as error:
            raise unavailable(error, self.label) from error

    @contextlib.asynccontextmanager
    async def snapshot(self, tenant: int) -> AsyncIterator[Connection]:
        """Lend a connection for reads that all see the same moment; raises what `reading` raises."""
        async with self.reading(tenant) as db, db.transaction(isolation="repeatable_read", readonly=True):
            yield db

    async def fetch(self, tenant: int, sql: str, *values: Any) -> list[Any]:
        """Return the rows of one statement; raises what `reading` raises. A connection that broke idly is replaced."""
        try:
            async with self.lent(tenant) as db:
                return list(await db.fetch(sql, *values))
        except LOST:
            await asyncio.sleep(0)
        async with self.reading(tenant) as db:
            return list(await db.fetch(sql, *values))

    async def _take(self, tenant: int) -> Connection:
        while True:
            place = next((n for n, (one, _) in enumerate(self._idle) if one == tenant), len(self._idle) - 1)
            if place >= 0:
                last, db = self._idle.pop(place)
                if db.is_closed():
                    self._open -= 1
                    continue
            elif self._open < self._most:
                last, db = 0, await self._opened()
            else:
                await self._turn()
                continue
            if last != tenant:
                try:
                    await db.execute(_TELL, str(tenant))
                except BaseException:
                    self._drop(db)
                    raise
            return db

    async def _opened(self) -> Connection:
        self._open += 1
        try:
            return await connect(self._address, self._settings)
        except BaseException:
            self._open -= 1
            self._wake()
            raise

    async def _turn(self) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self._wake()
            raise

    def _give_back(self, tenant: int, db: Connection) -> None:
        if db.is_closed() or db.is_in_transaction():
            self._drop(db)
            return
        self._idle.append((tenant, db))
        self._wake()

    def _drop(self, db: Connection) -> None:
        db.terminate()
        self._open -= 1
        self._wake()

    def _wake(self) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
