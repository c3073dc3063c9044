"""What PostgreSQL's errors mean for who asked, with the remedy."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import asyncpg
from asyncpg import exceptions as pg

from hiroba.kernel.model.errors import StoreUnavailable

AWAY: Final = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    pg.PostgresConnectionError,
    pg.InternalClientError,
    pg.OperatorInterventionError,
    pg.InsufficientResourcesError,
    pg.PostgresSystemError,
    pg.ReadOnlySQLTransactionError,
    pg.LockNotAvailableError,
    pg.DeadlockDetectedError,
    pg.SerializationError,
    pg.IdleInTransactionSessionTimeoutError,
    pg.InvalidAuthorizationSpecificationError,
    pg.InvalidCatalogNameError,
    pg.UndefinedTableError,
    pg.InvalidSchemaNameError,
)
"""Errors that are nobody's fault who wrote: the server is away, full, or busy."""

LOST: Final = (
    OSError,
    asyncpg.InterfaceError,
    pg.PostgresConnectionError,
    pg.InternalClientError,
    pg.AdminShutdownError,
    pg.CrashShutdownError,
    pg.CannotConnectNowError,
    pg.IdleInTransactionSessionTimeoutError,
)
"""Errors of a connection that broke: what was under way may have been done or not."""

_REMEDIES: Final[tuple[tuple[type[BaseException], str], ...]] = (
    (
        pg.InvalidPasswordError,
        "PostgreSQL refuses the password. Put the right one into the address, postgresql://USER:PASSWORD@HOST/DATABASE "
        "with %-signs for special characters, or into the file ~/.pgpass.",
    ),
    (
        pg.InvalidAuthorizationSpecificationError,
        "PostgreSQL does not let this user in. Create the role, and allow it in the server's pg_hba.conf.",
    ),
    (
        pg.InvalidCatalogNameError,
        "The database does not exist. Make it on the server: createdb -O USER DATABASE.",
    ),
    (pg.TooManyConnectionsError, "PostgreSQL has no connection left. Raise its max_connections, or lower ours."),
    (pg.CannotConnectNowError, "PostgreSQL is starting or ending. Writing goes on by itself when it is there."),
    (pg.DiskFullError, "The server's disk is full. Free some space; writing goes on by itself then."),
    (pg.ReadOnlySQLTransactionError, "This server can only be read. Name the primary server, not a standby."),
    (pg.LockNotAvailableError, "Another process holds this tenant for too long. End it, or try again."),
    (pg.UndefinedTableError, "The store's tables are not there. Start Hiroba anew, which makes them."),
    (pg.InvalidSchemaNameError, "The store's tables are not there. Start Hiroba anew, which makes them."),
    (
        pg.InsufficientPrivilegeError,
        "The role may not do this. Make it the owner of the database.",
    ),
)
_NOT_THERE: Final = "PostgreSQL cannot be reached. Check that it runs and the address; writing goes on by itself then."


def unavailable(error: BaseException, what: str) -> StoreUnavailable:
    """Return the error for whoever asked; `what` names the database without its password."""
    for kind, remedy in _REMEDIES:
        if isinstance(error, kind):
            return StoreUnavailable(f"{remedy} ({what}: {_told(error)})")
    return StoreUnavailable(f"{_NOT_THERE} ({what}: {_told(error)})")


def _told(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def label_of(address: str) -> str:
    """Return an address without its password, to be shown."""
    parts = urlsplit(address)
    user, at, host = parts.netloc.rpartition("@")
    kept = [(name, value) for name, value in parse_qsl(parts.query) if name not in ("password", "passfile")]
    return urlunsplit((parts.scheme, f"{user.partition(':')[0]}{at}{host}", parts.path, urlencode(kept), ""))
