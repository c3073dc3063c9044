"""All tenants of a region in one database, served by any number of processes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Final

from hiroba.kernel.model.errors import NonexistentTenant, StoreUnavailable
from hiroba.kernel.store.postgres.backup import back_up
from hiroba.kernel.store.postgres.errors import AWAY, label_of, unavailable
from hiroba.kernel.store.postgres.lines import Lines
from hiroba.kernel.store.postgres.preparing import Prepared, prepare
from hiroba.kernel.store.postgres.schema import TABLES
from hiroba.kernel.store.postgres.shared import Shared
from hiroba.kernel.store.postgres.telling import Wire
from hiroba.kernel.store.postgres.tenant import PostgresTenant

CACHED: Final = 8192
"""Entities that a tenant keeps decoded in memory."""
READ_SECONDS: Final = 30.0
CONNECTIONS: Final = 10
LOCK_SECONDS: Final = 10
"""Longest that a write waits for another process's write to the same tenant."""
_STUCK_SECONDS: Final = 60
"""After this, the server ends a transaction of a process that has stopped in the middle of it."""

_MAKE = "INSERT INTO hiroba.tenant(name) VALUES($1) ON CONFLICT(name) DO NOTHING"
_FIND = "SELECT id, seq FROM hiroba.tenant WHERE name = $1"


class PostgresStore:
    """Keep tenants in the database that an address names; see `Store`.

    A read that takes longer than `read_seconds` is broken off with TooComplexQuery. At most `connections` are open for
    reading and half as many for writing.
    """

    def __init__(
        self,
        address: str,
        *,
        cache_size: int = CACHED,
        read_seconds: float = READ_SECONDS,
        connections: int = CONNECTIONS,
    ) -> None:
        self.address = address
        self.label = label_of(address)
        self._cache_size = cache_size
        self._read_seconds = read_seconds
        self._connections = connections
        self._tenants: dict[str, PostgresTenant] = {}
        self._prepared: Prepared | None = None
        self._wire: Wire | None = None

    async def open(self) -> None:
        """Open or create what is needed; raises StoreUnavailable with the remedy."""
        self._prepared = prepared = await prepare(self.address)
        settings = prepared.settings
        reading = {**settings, "statement_timeout": str(max(1, int(self._read_seconds * 1000)))}
        writing = {
            **settings,
            "lock_timeout": f"{LOCK_SECONDS}s",
            "idle_in_transaction_session_timeout": f"{_STUCK_SECONDS}s",
        }
        self._reading = Lines(self.address, reading, label=self.label, most=self._connections)
        self._writing = Lines(self.address, writing, label=self.label, most=max(1, self._connections // 2))
        self._wire = Wire(self.address, settings, heard=self._heard)
        try:
            await self.tenant("", create=True)
            await self._wire.open()
        except AWAY as error:
            await self.close()
            raise unavailable(error, self.label) from error
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Finish what was begun and let go."""
        if self._prepared is None:
            return
        for tenant in list(self._tenants.values()):
            await tenant.close()
        self._tenants.clear()
        if self._wire is not None:
            await self._wire.close()
        await self._writing.close()
        await self._reading.close()
        self._prepared = self._wire = None

    async def tenants(self) -> list[str]:
        """Return the tenants' names, the default one ("") first."""
        if self._prepared is None:
            raise StoreUnavailable("The store is not open.")
        return [name for (name,) in await self._reading.fetch(0, "SELECT name FROM hiroba.tenant ORDER BY name")]

    async def tenant(self, name: str, *, create: bool = False) -> PostgresTenant:
        """Return a tenant's store; raises NonexistentTenant unless it is there or `create` is set."""
        found = self._tenants.get(name)
        if found is not None:
            return found
        if self._prepared is None:
            raise StoreUnavailable("The store is not open.")
        if "\x00" in name:
            raise NonexistentTenant(f"There is no tenant {name!r}.")
        rows = await self._reading.fetch(0, _FIND, name)
        if not rows:
            if not create:
                raise NonexistentTenant(f"There is no tenant {name!r}.")
            try:
                async with self._writing.lent(0) as db:
                    await db.execute(_MAKE, name)
            except AWAY as error:
                raise unavailable(error, self.label) from error
            rows = await self._reading.fetch(0, _FIND, name)
        ((id, seq),) = rows
        return self._tenants.setdefault(name, self._opened(id, name, seq))

    def _opened(self, id: int, name: str, seq: int) -> PostgresTenant:
        assert self._prepared is not None
        shared = Shared(id, name, lines=self._reading, gis=self._prepared.gis, cache_size=self._cache_size)
        wire = self._wire

        def published(seq: int) -> None:
            if wire is not None:
                wire.tell(id, seq)

        return PostgresTenant(
            shared,
            self._writing,
            told=seq,
            read_seconds=self._read_seconds,
            published=published,
            gone=lambda: self._forget(id),
        )

    def _forget(self, id: int) -> None:
        """Let go of a tenant that is no more."""
        for name, tenant in list(self._tenants.items()):
            if tenant.id == id:
                del self._tenants[name]

    def _heard(self, seqs: Mapping[int, int]) -> None:
        """Take in how far tenants are, as other processes or the database tell it."""
        for tenant in list(self._tenants.values()):
            seq = seqs.get(tenant.id)
            if seq == -1:
                self._forget(tenant.id)
            elif seq is not None:
                tenant.teller.heard_of(seq)

    async def drop_tenant(self, name: str) -> None:
        """Delete a tenant with all it holds; the default tenant is emptied."""
        rows = await self._reading.fetch(0, _FIND, name)
        if not rows:
            raise NonexistentTenant(f"There is no tenant {name!r}.")
        id = rows[0][0]
        opened = self._tenants.pop(name, None)
        if opened is not None:
            await opened.close()
        try:
            async with self._writing.lent(id) as db, db.transaction():
                await db.execute("SELECT FROM hiroba.tenant WHERE id = $1 FOR UPDATE", id)
                for table in TABLES:
                    await db.execute(f"DELETE FROM hiroba.{table} WHERE tenant = $1", id)
                await db.execute("DELETE FROM hiroba.tenant WHERE id = $1", id)
        except AWAY as error:
            raise unavailable(error, self.label) from error
        if self._wire is not None:
            self._wire.tell(id, -1)
        if not name:
            await self.tenant("", create=True)

    async def check(self) -> None:
        """Raise StoreUnavailable when the store cannot be read and written now."""
        await (await self.tenant("")).touch()

    async def backup(self, target: Path) -> AsyncIterator[str]:
        """Write a consistent copy of all tenants to one tar file while serving; yields a line per part done."""
        async for line in back_up(self.address, target):
            yield line
