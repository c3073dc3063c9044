"""Where tenants lie on the disk, how a file is opened, and what its errors mean for who asked."""

from __future__ import annotations

import fcntl
import hashlib
import os
from pathlib import Path
from typing import Final

import apsw

from hiroba.kernel.model.errors import StoreUnavailable

DEFAULT_FILE: Final = "default.db"
_PREFIX: Final = "tenant-"
_LONGEST: Final = 180

_REMEDIES: Final[tuple[tuple[type[apsw.Error], str], ...]] = (
    (apsw.FullError, "The disk is full. Free some space; writing goes on by itself then."),
    (apsw.ReadOnlyError, "The store can only be read. Make its files and their directory writable."),
    (apsw.CantOpenError, "The store cannot be opened. Check that its directory exists and is writable."),
    (apsw.PermissionsError, "The store may not be opened. Check who owns its files."),
    (apsw.IOError, "The disk reports an error. Check the disk and the space left on it."),
    (apsw.BusyError, "Another program holds the store. End it, or try again."),
    (apsw.LockedError, "Another program holds the store. End it, or try again."),
    (apsw.CorruptError, "The store is damaged. Stop the server and restore a backup."),
    (apsw.NotADBError, "The file is not a database. Move it away, or restore a backup."),
)


def unavailable(error: Exception, what: str) -> StoreUnavailable:
    """Return the error for whoever asked, with the remedy; `what` names the store's file."""
    for kind, remedy in _REMEDIES:
        if isinstance(error, kind):
            return StoreUnavailable(f"{remedy} ({what}: {error})")
    return StoreUnavailable(f"The store does not work. ({what}: {error})")


def file_name(tenant: str) -> str:
    """Return a file name for a tenant: letters of any script stay, the rest is percent-encoded, long names are cut."""
    if not tenant:
        return DEFAULT_FILE
    safe = "".join(
        char if char.isalnum() or char in "-_" else "".join(f"%{byte:02X}" for byte in char.encode("utf-8"))
        for char in tenant
    )
    if len(safe.encode("utf-8")) > _LONGEST:
        safe = safe[:20] + "%" + hashlib.sha256(tenant.encode("utf-8")).hexdigest()[:40]
    return f"{_PREFIX}{safe}.db"


def tenant_files(directory: Path) -> list[Path]:
    """Return the databases of a store directory, the default tenant's first."""
    named = sorted(path for path in directory.glob(f"{_PREFIX}*.db") if path.is_file())
    default = directory / DEFAULT_FILE
    return [default, *named] if default.is_file() else named


def connect(path: Path | None, *, writes: bool) -> apsw.Connection:
    """Open a database for the one writer or for a reader; None opens a new one in memory."""
    if path is not None and writes:
        _follow_mode(path)
    db = apsw.Connection(":memory:" if path is None else str(path), statementcachesize=200)
    db.set_busy_timeout(250)
    db.pragma("temp_store", 2)
    if path is None:
        return db
    if writes:
        if db.readonly("main"):
            return db
        db.pragma("journal_mode", "wal")
        db.pragma("synchronous", 2)
        db.pragma("wal_autocheckpoint", 8000)
        db.pragma("journal_size_limit", 64 << 20)
        db.pragma("cache_size", -32_000)
    else:
        db.pragma("query_only", 1)
        db.pragma("cache_size", -16_000)
    return db


def _follow_mode(path: Path) -> None:
    """Make the files beside a database writable again when it is: they were made with its mode, perhaps a past one."""
    for end in ("-wal", "-shm"):
        side = path.with_name(path.name + end)
        if side.exists() and not os.access(side, os.W_OK, effective_ids=True):
            try:
                side.chmod(path.stat().st_mode & 0o777)
            except OSError:
                return  # not ours: opening it will tell


class DirectoryLock:
    """Keep a second server out of a store directory."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "lock"
        self._handle: int | None = None

    def take(self) -> None:
        """Take the lock; raises StoreUnavailable when the directory is not writable or another server has it."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise StoreUnavailable(_refusal(self._path.parent, error)) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(handle)
            raise StoreUnavailable(
                f"Another Hiroba is using the store directory {self._path.parent}. "
                "Stop it first, or choose another folder."
            ) from error
        self._handle = handle

    def release(self) -> None:
        """Give the lock back; harmless when it is not held."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def _refusal(directory: Path, error: OSError) -> str:
    if isinstance(error, FileExistsError | NotADirectoryError):
        return f"The store directory {directory} is not a directory. Name a folder for the store."
    return (
        f"The store directory {directory} cannot be written ({error.strerror}). "
        "Make it writable for the user that runs Hiroba, or choose another folder."
    )
