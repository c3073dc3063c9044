"""The tables of a tenant's database and the numbered steps that lead to them; steps only ever go forward."""

from __future__ import annotations

from typing import Final

import apsw

from hiroba.kernel.model.errors import StoreUnavailable

APPLICATION_ID: Final = 0x48524F42
"""Marks a SQLite file as one of ours (PRAGMA application_id)."""

_FIRST = """
CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE name(id INTEGER PRIMARY KEY, iri TEXT NOT NULL UNIQUE);
CREATE TABLE entity(
  ref INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, version INTEGER NOT NULL,
  created INTEGER NOT NULL, modified INTEGER NOT NULL, expires INTEGER, deleted INTEGER, doc BLOB NOT NULL);
CREATE INDEX entity_expires ON entity(expires) WHERE expires IS NOT NULL AND deleted IS NULL;
CREATE TABLE entity_type(type INTEGER NOT NULL, ref INTEGER NOT NULL, PRIMARY KEY(type, ref)) WITHOUT ROWID;
CREATE TABLE gone_type(type INTEGER NOT NULL, ref INTEGER NOT NULL, PRIMARY KEY(type, ref)) WITHOUT ROWID;
CREATE TABLE entity_scope(scope TEXT NOT NULL, ref INTEGER NOT NULL, PRIMARY KEY(scope, ref)) WITHOUT ROWID;
CREATE TABLE attr_value(
  attr INTEGER NOT NULL, v NOT NULL, ref INTEGER NOT NULL, PRIMARY KEY(attr, v, ref)) WITHOUT ROWID;
CREATE VIRTUAL TABLE geo USING rtree(id, x0, x1, y0, y1, +attr INTEGER);
CREATE TABLE usage(
  type INTEGER NOT NULL, attr INTEGER NOT NULL, kind TEXT NOT NULL, n INTEGER NOT NULL,
  PRIMARY KEY(type, attr, kind)) WITHOUT ROWID;
CREATE TABLE history(
  ref INTEGER NOT NULL, attr INTEGER NOT NULL, at INTEGER NOT NULL, seq INTEGER NOT NULL, ds INTEGER NOT NULL,
  observed INTEGER, created INTEGER, modified INTEGER NOT NULL, deleted INTEGER, num REAL, doc BLOB NOT NULL,
  PRIMARY KEY(ref, attr, at, seq, ds)) WITHOUT ROWID;
CREATE TABLE change(
  seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, op INTEGER NOT NULL, ref INTEGER NOT NULL,
  types BLOB NOT NULL, payload BLOB NOT NULL);
CREATE TABLE record(
  seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, id TEXT NOT NULL, body BLOB NOT NULL, UNIQUE(kind, id));
CREATE TABLE cursor(name TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID;
"""

MIGRATIONS: Final[tuple[str, ...]] = (_FIRST,)
"""Step n leads from schema version n to n + 1."""


def inspect(db: apsw.Connection, label: str) -> int:
    """Return a database's schema version, 0 for an empty one, without touching it.

    Raises StoreUnavailable when it is not ours or newer than this program; `label` names the file then.
    """
    empty = db.execute("SELECT count(*) FROM sqlite_schema").get == 0
    if not empty and db.pragma("application_id") != APPLICATION_ID:
        raise StoreUnavailable(
            f"{label} is a SQLite database, but not one of Hiroba's. Choose another --store directory, or move it away."
        )
    version = 0 if empty else version_of(db)
    if version > len(MIGRATIONS):
        raise StoreUnavailable(
            f"{label} was written by a newer Hiroba (schema {version}; this one knows {len(MIGRATIONS)}). "
            "Install that version, or restore an older backup."
        )
    return version


def prepare(db: apsw.Connection, label: str, *, tenant: str) -> None:
    """Bring a database to the present schema; raises what `inspect` raises.

    `tenant` is kept inside, since a file's name cannot always carry it.
    """
    version = inspect(db, label)
    if version == len(MIGRATIONS):
        return
    with db:
        for script in MIGRATIONS[version:]:
            db.execute(script)
        db.pragma("application_id", APPLICATION_ID)
        keep = "INSERT INTO meta(key, value) VALUES(?, ?) ON CONFLICT(key) DO UPDATE SET value = excluded.value"
        db.execute(keep, ("schema_version", len(MIGRATIONS)))
        if not version:
            db.execute(keep, ("tenant", tenant))


def version_of(db: apsw.Connection) -> int:
    """Return the schema version that a database says it has, 0 for none."""
    return int(db.execute("SELECT value FROM meta WHERE key = 'schema_version'").get or 0)


def tenant_of(db: apsw.Connection) -> str | None:
    """Return the name of the tenant whose data this is."""
    found = db.execute("SELECT value FROM meta WHERE key = 'tenant'").get
    return None if found is None else str(found)
