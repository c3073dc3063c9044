"""Keeps tenants in PostgreSQL with PostGIS: the adapter for a region, with any number of processes on one database."""

from hiroba.kernel.store.postgres.store import PostgresStore

__all__ = ["PostgresStore"]
