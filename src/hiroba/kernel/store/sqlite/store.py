"""All tenants of one server: a directory with a SQLite file each, or memory."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import apsw

from hiroba.kernel.model.errors import NonexistentTenant, StoreUnavailable
from hiroba.kernel.store.sqlite import backup as backups
from hiroba.kernel.store.sqlite.files import DirectoryLock, connect, file_name, tenant_files, unavailable
from hiroba.kernel.store.sqlite.schema import inspect, tenant_of
from hiroba.kernel.store.sqlite.tenant import SqliteTenant

CACHED: Final = 8192
"""Entities that a tenant keeps decoded in memory."""

READ_SECONDS: Final = 30.0

LEAST_FREE: Final = 1 << 20
"""Bytes of the disk below which the store is not ready: a small write may still fit, the next larger one does not."""


class SqliteStore:
    """Keep tenants in a directory, or with `:memory:` only as long as the process runs; see `Store`.

    A read that takes longer than `read_seconds` is broken off with TooComplexQuery.
    """

    def __init__(self, place: str | Path, *, cache_size: int = CACHED, read_seconds: float = READ_SECONDS) -> None:
        self.directory = None if str(place) == ":memory:" else Path(place)
        self._cache_size = cache_size
        self._read_seconds = read_seconds
        self._tenants: dict[str, SqliteTenant] = {}
        self._files: dict[str, Path | None] = {}
        self._lock = DirectoryLock(self.directory) if self.directory is not None else None
        self._writing: ThreadPoolExecutor | None = None
        self._reading: ThreadPoolExecutor | None = None

    async def open(self) -> None:
        """Open or create what is needed; raises StoreUnavailable with the remedy."""
        if self.directory is not None and self._lock is not None:
            self._lock.take()
            try:
                backups.finish_restore(self.directory)
                self._files = {}
                for path in tenant_files(self.directory):
                    self._files[_inspect(path)] = path
            except BaseException:
                self._lock.release()
                raise
        self._writing = ThreadPoolExecutor(max_workers=4, thread_name_prefix="hiroba-commit")
        self._reading = ThreadPoolExecutor(max_workers=2, thread_name_prefix="hiroba-read")
        try:
            await self.tenant("", create=True)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Finish what was begun and let go."""
        for tenant in self._tenants.values():
            await tenant.close()
        self._tenants.clear()
        for executor in (self._writing, self._reading):
            if executor is not None:
                executor.shutdown(wait=True)
        self._writing = self._reading = None
        if self._lock is not None:
            self._lock.release()

    async def tenants(self) -> list[str]:
        """Return the tenants' names, the default one ("") first."""
        return sorted(self._files)

    async def tenant(self, name: str, *, create: bool = False) -> SqliteTenant:
        """Return a tenant's store; raises NonexistentTenant unless it is there or `create` is set."""
        found = self._tenants.get(name)
        if found is not None:
            return found
        if name not in self._files and not create:
            raise NonexistentTenant(f"There is no tenant {name!r}.")
        if self._writing is None or self._reading is None:
            raise StoreUnavailable("The store is not open.")
        path = self._files.get(name)
        if path is None and self.directory is not None:
            path = self.directory / file_name(name)
        try:
            opened = SqliteTenant(
                name,
                path,
                writing=self._writing,
                reading=self._reading,
                cache_size=self._cache_size,
                read_seconds=self._read_seconds,
            )
        except apsw.Error as error:
            raise unavailable(error, str(path)) from error
        self._tenants[name] = opened
        self._files[name] = path
        return opened

    async def drop_tenant(self, name: str) -> None:
        """Delete a tenant with all it holds; the default tenant is emptied."""
        if name not in self._files:
            raise NonexistentTenant(f"There is no tenant {name!r}.")
        opened = self._tenants.pop(name, None)
        if opened is not None:
            await opened.close()
        path = self._files.pop(name)
        if path is not None:
            for part in (path, *backups.side_files(path)):
                part.unlink(missing_ok=True)
        if not name:
            await self.tenant("", create=True)

    async def check(self) -> None:
        """Raise StoreUnavailable when the store cannot be read and written now, or only a last few pages more."""
        if self.directory is not None:
            try:
                free = shutil.disk_usage(self.directory).free
            except OSError as error:
                raise unavailable(error, str(self.directory)) from error
            if free < LEAST_FREE:
                raise StoreUnavailable(
                    f"The disk is full: {free} bytes are left. Free some space; writing goes on by itself then. "
                    f"({self.directory})"
                )
        await (await self.tenant("")).touch()

    async def backup(self, target: Path) -> AsyncIterator[str]:
        """Write a consistent copy of all tenants to one tar file while serving; yields a line per part done."""
        if self.directory is None:
            raise StoreUnavailable("A store in memory has no backup. Serve a directory with --store.")
        files = {name: path for name, path in self._files.items() if path is not None}
        async for line in backups.write(files, target):
            yield line


def _inspect(path: Path) -> str:
    """Return whose data a file holds; raises StoreUnavailable for a file that this program cannot serve."""
    try:
        db = connect(path, writes=False)
        try:
            inspect(db, str(path))
            return tenant_of(db) or ""
        finally:
            db.close()
    except apsw.Error as error:
        raise unavailable(error, str(path)) from error


async def restore(source: Path, directory: Path, *, force: bool = False) -> list[str]:
    """Put a backup's tenants into a store directory; return their names.

    Raises Conflict when the directory holds data already and `force` is not set, StoreUnavailable when a server is
    using it, and BadRequestData for a file that is no whole backup. Whatever happens, the directory holds either what
    it held before or all of the backup.
    """
    lock = DirectoryLock(directory)
    lock.take()
    try:
        return await asyncio.to_thread(backups.read, source, directory, force=force)
    finally:
        lock.release()
