"""Brings a database to the tables of this version, once, whichever of several processes comes first."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import asyncpg

from hiroba.kernel.model.errors import StoreUnavailable
from hiroba.kernel.store.postgres.errors import AWAY, label_of, unavailable
from hiroba.kernel.store.postgres.lines import Connection
from hiroba.kernel.store.postgres.schema import MIGRATIONS, TABLES, Step, first_step

LOG = logging.getLogger(__name__)

ROLE: Final = "hiroba_app"
"""The role as which everything runs: it owns nothing, so that the policies bind it."""
LEAST_VERSION: Final = 150000
_ONE_AT_A_TIME: Final = 0x48524F42
"""The number of the lock that the process holds that makes the tables."""
IN_USE: Final = 0x48524F43
"""The number of the lock that every process that serves the database shares, and a restore has for itself."""
LOCK_SECONDS: Final = 5
_GIS = (
    "SELECT quote_ident(n.nspname) FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace "
    "WHERE e.extname = 'postgis'"
)
_RIGHTS = (
    "SELECT current_user AS login, r.rolsuper OR r.rolbypassrls AS above, "
    "CASE WHEN to_regrole($1) IS NULL THEN false ELSE pg_has_role(to_regrole($1), 'MEMBER') END AS member, "
    "(SELECT bool_and(relforcerowsecurity AND pg_has_role(relowner, 'MEMBER')) FROM pg_class "
    " WHERE relnamespace = to_regnamespace('hiroba') AND relname = ANY($2)) AS bound "
    "FROM pg_roles r WHERE r.rolname = current_user"
)


@dataclass(frozen=True, slots=True)
class Prepared:
    """What connections to this database need to be told: session settings with the role and where PostGIS lies."""

    settings: dict[str, str]
    gis: str


async def prepare(address: str, *, steps: Sequence[Step] = MIGRATIONS) -> Prepared:
    """Make or renew the tables where that is needed; raises StoreUnavailable with the remedy."""
    label = label_of(address)
    try:
        db = await asyncpg.connect(address, timeout=10, server_settings={"application_name": "hiroba"})
    except ValueError as error:
        raise StoreUnavailable(f"This is no address of PostgreSQL: {error} ({label})") from error
    except AWAY as error:
        raise unavailable(error, label) from error
    try:
        await _check_server(db, label)
        await _check_rights(db, label)
        if await version_of(db) != len(steps):
            await _bring_up(db, label, steps)
        gis = await db.fetchval(_GIS)
        return Prepared(await role_of(db, label), gis)
    except (*AWAY, asyncpg.InsufficientPrivilegeError) as error:
        raise unavailable(error, label) from error
    finally:
        await db.close()


async def version_of(db: Connection) -> int:
    """Return the schema version that a database says it has, 0 for none."""
    if await db.fetchval("SELECT to_regclass('hiroba.meta')") is None:
        return 0
    return int(await db.fetchval("SELECT value FROM hiroba.meta WHERE key = 'schema_version'") or 0)


async def _check_server(db: Connection, label: str) -> None:
    number = int(await db.fetchval("SHOW server_version_num"))
    if number < LEAST_VERSION:
        raise StoreUnavailable(
            f"PostgreSQL {number // 10000} is too old; version {LEAST_VERSION // 10000} or newer is needed. ({label})"
        )
    encoding = await db.fetchval("SHOW server_encoding")
    if encoding != "UTF8":
        raise StoreUnavailable(
            f"The database keeps its texts as {encoding}, which not every name fits into. "
            f"Make one with: createdb -E UTF8 -T template0 DATABASE. ({label})"
        )


async def _check_rights(db: Connection, label: str) -> None:
    sql = (
        "SELECT current_user, to_regnamespace('hiroba') IS NULL "
        "OR has_schema_privilege(to_regnamespace('hiroba')::oid, 'USAGE')"
    )
    login, may = await db.fetchrow(sql)
    if not may:
        raise _not_granted(login, label)


async def _bring_up(db: Connection, label: str, steps: Sequence[Step]) -> None:
    await db.execute(f"SELECT pg_advisory_lock({_ONE_AT_A_TIME})")
    try:
        version = await version_of(db)
        if version > len(steps):
            raise StoreUnavailable(
                f"{label} was written by a newer Hiroba (schema {version}; this one knows {len(steps)}). "
                "Install that version, or restore an older backup."
            )
        gis = await _gis(db, label)
        for place in range(version, len(steps)):
            await _take_step(db, steps[place], gis=gis, version=place + 1)
            LOG.info("%s is at schema %d now", label, place + 1)
        await _bind(db)
    finally:
        await db.execute(f"SELECT pg_advisory_unlock({_ONE_AT_A_TIME})")


async def _gis(db: Connection, label: str) -> str:
    found = await db.fetchval(_GIS)
    if found is None:
        if not await db.fetchval("SELECT count(*) FROM pg_available_extensions WHERE name = 'postgis'"):
            raise StoreUnavailable(
                "PostGIS is not installed on the server. On Debian: apt-get install postgresql-15-postgis-3; then, as "
                f"a superuser in this database: CREATE EXTENSION postgis. ({label})"
            )
        try:
            await db.execute("CREATE EXTENSION IF NOT EXISTS postgis")
        except asyncpg.InsufficientPrivilegeError as error:
            raise StoreUnavailable(
                "PostGIS is not in this database, and this role may not add it. As a superuser in this database: "
                f"CREATE EXTENSION postgis. ({label})"
            ) from error
        found = await db.fetchval(_GIS)
    return str(found)


async def _take_step(db: Connection, step: Step, *, gis: str, version: int) -> None:
    statements = [text.replace("{first}", first_step(gis)).replace("{gis}", gis) for text in step.statements]
    keep = (
        "INSERT INTO hiroba.meta(key, value) VALUES('schema_version', $1) "
        "ON CONFLICT(key) DO UPDATE SET value = excluded.value"
    )
    if version == 1:
        statements.insert(0, "CREATE SCHEMA IF NOT EXISTS hiroba")
    # others go on working: who waits for a table makes all wait who come after
    await db.execute(f"SET lock_timeout = '{LOCK_SECONDS}s'")
    if step.together:
        async with db.transaction():
            for statement in statements:
                await db.execute(statement)
            await db.execute(keep, version)
    else:
        for statement in statements:
            await db.execute(statement)
        await db.execute(keep, version)


async def _bind(db: Connection) -> None:
    """Give the tables to the role that owns nothing; where there can be none, bind their owner by the policies."""
    try:
        async with db.transaction():
            if not await db.fetchval("SELECT to_regrole($1) IS NOT NULL", ROLE):
                await db.execute(f"CREATE ROLE {ROLE} NOLOGIN")
    except asyncpg.InsufficientPrivilegeError:
        LOG.warning("This role may not make the role %s: the tables' owner is bound by their policies instead.", ROLE)
    except (asyncpg.DuplicateObjectError, asyncpg.UniqueViolationError):
        LOG.debug("Another database of this server made the role %s just now.", ROLE)
    if await db.fetchval("SELECT to_regrole($1) IS NOT NULL", ROLE):
        await db.execute(
            f"GRANT USAGE ON SCHEMA hiroba TO {ROLE}; "
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA hiroba TO {ROLE}; "
            f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA hiroba TO {ROLE}; "
            f"GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA hiroba TO {ROLE}"
        )
        try:
            async with db.transaction():
                if not await db.fetchval("SELECT pg_has_role($1, 'MEMBER')", ROLE):
                    await db.execute(f"GRANT {ROLE} TO CURRENT_USER")
        except asyncpg.InsufficientPrivilegeError:
            LOG.warning("This role may not become %s: the tables' owner is bound by their policies instead.", ROLE)
    if not (await db.fetchrow(_RIGHTS, ROLE, TABLES))["member"]:
        for table in TABLES:
            await db.execute(f"ALTER TABLE hiroba.{table} FORCE ROW LEVEL SECURITY")


async def role_of(db: Connection, label: str) -> dict[str, str]:
    """Return the settings of a session in which the policies bind; raises StoreUnavailable where there is none."""
    rights: Any = await db.fetchrow(_RIGHTS, ROLE, TABLES)
    if rights["member"]:
        return {"role": ROLE}
    if rights["bound"] and not rights["above"]:
        return {}
    raise _not_granted(rights["login"], label)


def _not_granted(login: str, label: str) -> StoreUnavailable:
    return StoreUnavailable(
        f"The role {login} may not use the store's tables. As a superuser: GRANT {ROLE} TO {login}. ({label})"
    )
