"""Keeps tenants in PostgreSQL with PostGIS: the adapter for a region, with any number of processes on one database."""

from hiroba.kernel.store.postgres.backup import back_up, restore
from hiroba.kernel.store.postgres.errors import label_of
from hiroba.kernel.store.postgres.looking import Finding, look
from hiroba.kernel.store.postgres.store import PostgresStore

__all__ = ["Finding", "PostgresStore", "back_up", "label_of", "look", "restore"]
