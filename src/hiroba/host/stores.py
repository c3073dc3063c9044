"""Chooses the adapter of the store from the settings, and does what its place needs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import apsw

from hiroba.host.settings import Settings
from hiroba.kernel.model.errors import StoreUnavailable
from hiroba.kernel.store.port import Store
from hiroba.kernel.store.sqlite import SqliteStore, files
from hiroba.kernel.store.sqlite import backup as file_backup
from hiroba.kernel.store.sqlite import restore as restore_files
from hiroba.kernel.store.sqlite.schema import tenant_of

try:
    from hiroba.kernel.store import postgres

    _MISSING = ""
except ModuleNotFoundError as missing:
    if missing.name != "asyncpg":
        raise
    _MISSING = "The client for PostgreSQL is not installed: pip install 'hiroba[postgresql]'"


def store_of(settings: Settings) -> Store:
    """Return the store that the settings name, not open yet; raises StoreUnavailable when its client is missing."""
    seconds = settings.limits.read_seconds
    if not settings.in_postgresql:
        return SqliteStore(settings.store, read_seconds=seconds)
    need_client()
    return postgres.PostgresStore(settings.store, read_seconds=seconds, connections=settings.postgresql.connections)


def need_client() -> None:
    """Raise StoreUnavailable with the remedy when the client for PostgreSQL is not installed."""
    if _MISSING:
        raise StoreUnavailable(_MISSING)


async def backup(settings: Settings, target: Path) -> AsyncIterator[str]:
    """Write a consistent copy of all tenants, whether or not a server runs; yields a line per part done."""
    if settings.in_postgresql:
        need_client()
        async for line in postgres.back_up(settings.store, target):
            yield line
        return
    tenants = {_tenant_in(file): file for file in files.tenant_files(Path(settings.store))}
    if not tenants:
        raise StoreUnavailable(f"{Path(settings.store)} holds no store; name its folder with --store")
    async for line in file_backup.write(tenants, target):
        yield line


def _tenant_in(file: Path) -> str:
    try:
        db = files.connect(file, writes=False)
        try:
            return tenant_of(db) or ""
        finally:
            db.close()
    except apsw.Error as error:
        raise files.unavailable(error, str(file)) from error


async def restore(settings: Settings, source: Path, *, force: bool) -> list[str]:
    """Put a backup's tenants into the store, which nobody serves; return their names."""
    if not settings.in_postgresql:
        return await restore_files(source, Path(settings.store), force=force)
    need_client()
    return await postgres.restore(source, settings.store, force=force)


def look_at(settings: Settings) -> list[postgres.Finding]:
    """Return what there is to say of the database that the settings name; raises StoreUnavailable."""
    need_client()
    return asyncio.run(postgres.look(settings.store))
