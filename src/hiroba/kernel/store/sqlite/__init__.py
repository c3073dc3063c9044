"""Keeps tenants in SQLite: the adapter for one machine, and in memory for tests."""

from hiroba.kernel.store import rows
from hiroba.kernel.store.sqlite.store import SqliteStore, restore
from hiroba.kernel.store.sqlite.tenant import SqliteTenant

__all__ = ["SqliteStore", "SqliteTenant", "restore", "rows"]
