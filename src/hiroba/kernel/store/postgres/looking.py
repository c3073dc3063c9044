"""Looks at a database without changing it, for whoever has to mend it."""

from __future__ import annotations

import time
from dataclasses import dataclass

import asyncpg

from hiroba.kernel.model.errors import StoreUnavailable
from hiroba.kernel.store.postgres.errors import AWAY, label_of, unavailable
from hiroba.kernel.store.postgres.preparing import role_of, version_of
from hiroba.kernel.store.postgres.schema import MIGRATIONS

_GIS = "SELECT coalesce((SELECT extversion FROM pg_extension WHERE extname = 'postgis'), '')"
_SETTINGS = (
    "SELECT current_setting('server_version') AS server, current_setting('fsync') AS fsync, "
    "current_setting('full_page_writes') AS pages, current_setting('synchronous_commit') AS commits, "
    "pg_is_in_recovery() AS standby, current_setting('max_connections')::int AS most"
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing about a database; `remedy` is empty when all is well."""

    what: str
    remedy: str = ""


async def look(address: str) -> list[Finding]:
    """Return what there is to say of a database; raises StoreUnavailable with the remedy when it cannot be asked."""
    label = label_of(address)
    try:
        db = await asyncpg.connect(address, timeout=10, server_settings={"application_name": "hiroba doctor"})
    except ValueError as error:
        raise StoreUnavailable(f"This is no address of PostgreSQL: {error} ({label})") from error
    except AWAY as error:
        raise unavailable(error, label) from error
    try:
        kept = await db.fetchrow(_SETTINGS)
        begun = time.perf_counter()
        await db.fetchval("SELECT 1")
        wait = (time.perf_counter() - begun) * 1000
        found = [Finding(f"{label}, PostgreSQL {kept['server']}, answers in {wait:.1f} ms")]
        gis = await db.fetchval(_GIS)
        found.append(
            Finding(f"PostGIS {gis}")
            if gis
            else Finding("PostGIS is not in this database", "as a superuser in this database: CREATE EXTENSION postgis")
        )
        found.append(await _schema(db, label))
        if kept["standby"]:
            found.append(Finding("this server can only be read", "name the primary server, not a standby"))
        if kept["fsync"] != "on" or kept["pages"] != "on":
            found.append(
                Finding(
                    "the server does not sync its disk: a power failure may lose data",
                    "set fsync and full_page_writes on",
                )
            )
        if kept["commits"] == "off":
            remedy = "set synchronous_commit on in the server or for this role"
            found.append(Finding("the server acknowledges before a write is durable", remedy))
    except AWAY as error:
        raise unavailable(error, label) from error
    finally:
        await db.close()
    return found


async def _schema(db: asyncpg.Connection, label: str) -> Finding:
    version = await version_of(db)
    if not version:
        return Finding("no tables yet: the first start makes them")
    if version > len(MIGRATIONS):
        return Finding(f"schema {version} is a newer Hiroba's", "install that version, or restore an older backup")
    if version < len(MIGRATIONS):
        return Finding(f"schema {version}: the next start, or `hiroba migrate`, brings it to {len(MIGRATIONS)}")
    try:
        settings = await role_of(db, label)
    except StoreUnavailable as error:
        return Finding("the tables may not be used", error.detail)
    return Finding(f"schema {version}, tenants kept apart for the role {settings.get('role', 'that owns the tables')}")
