"""Copies tenants into backup files and back, which are those of the embedded store: a town can move both ways."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import apsw
import orjson

from hiroba.kernel.model.entity import Entity
from hiroba.kernel.model.errors import BadRequestData, Conflict, StoreUnavailable
from hiroba.kernel.store import rows
from hiroba.kernel.store.postgres.errors import AWAY, label_of, unavailable
from hiroba.kernel.store.postgres.lines import Connection, connect
from hiroba.kernel.store.postgres.preparing import IN_USE, prepare
from hiroba.kernel.store.postgres.schema import TABLES
from hiroba.kernel.store.postgres.tables import index_row, insertion, insertion_values
from hiroba.kernel.store.sqlite import backup as files
from hiroba.kernel.store.sqlite.schema import prepare as prepare_file
from hiroba.kernel.store.sqlite.tables import INSERTIONS

_CHUNK: Final = 2000
_COPIED: Final = {
    "name": ("id", "iri"),
    "entity": ("ref", "id", "version", "created", "modified", "expires", "deleted", "doc"),
    "entity_type": ("type", "ref"),
    "gone_type": ("type", "ref"),
    "usage": ("type", "attr", "kind", "n"),
    "history": (*("ref", "attr", "at", "seq", "ds", "observed", "created", "modified", "deleted", "num", "doc"),),
    "change": ("seq", "at", "op", "ref", "types", "payload"),
    "record": ("seq", "kind", "id", "body"),
    "cursor": ("name", "seq"),
}
"""The tables that are the same in both, in the order of the embedded store's columns. The others are indexes over the
entities, each database's own."""

Row = tuple[Any, ...]


async def back_up(address: str, target: Path) -> AsyncIterator[str]:
    """Write a backup of all tenants as they are at one moment, while they are written to."""
    label = label_of(address)
    prepared = await prepare(address)
    try:
        db = await connect(address, prepared.settings)
        try:
            async with db.transaction(isolation="repeatable_read", readonly=True):
                tenants = await db.fetch("SELECT name, id FROM hiroba.tenant ORDER BY name")
                copies = {name: partial(_copy_out, db, id, name) for name, id in tenants}
                async for line in files.write_copies(copies, target):
                    yield line
        finally:
            await db.close()
    except AWAY as error:
        if isinstance(error, OSError) and error.filename is not None:
            raise  # the backup's own file
        raise unavailable(error, label) from error


async def _copy_out(db: Connection, tenant: int, name: str, file: Path) -> None:
    await db.execute("SELECT set_config('hiroba.tenant', $1, true)", str(tenant))
    out = apsw.Connection(str(file))
    try:
        out.pragma("synchronous", 0)  # the whole backup is synced at its end
        prepare_file(out, str(file), tenant=name)
        out.execute("BEGIN")
        iris: dict[str, int] = {}
        for table, columns in _COPIED.items():
            put = f"INSERT INTO {table}({', '.join(columns)}) VALUES({', '.join('?' * len(columns))})"
            cursor = await db.cursor(f"SELECT {', '.join(columns)} FROM hiroba.{table} WHERE tenant = $1", tenant)
            while found := await cursor.fetch(_CHUNK):
                taken = [tuple(row) for row in found]
                if table == "name":
                    iris.update((iri, id) for id, iri in taken)
                await asyncio.to_thread(out.executemany, put, taken)
                if table == "entity":
                    await asyncio.to_thread(_index_file, out, taken, iris)
        out.execute("COMMIT")
    finally:
        out.close()


def _index_file(out: apsw.Connection, entities: Sequence[Row], iris: dict[str, int]) -> None:
    for table, found in _indexed(entities, iris.__getitem__).items():
        out.executemany(INSERTIONS[table], found)


def _indexed(entities: Sequence[Row], number: Callable[[str], int]) -> dict[str, list[Row]]:
    """Return the rows by which entities are found, those aside that are copied."""
    values: list[Row] = []
    scopes: list[Row] = []
    geo: list[Row] = []
    for ref, *_, deleted, doc in entities:
        if deleted is None:
            entity: Entity = orjson.loads(doc)
            attrs = entity["attrs"]
            values += ((number(iri), v, ref) for iri, ones in attrs.items() for v in rows.index_values(ones))
            scopes += ((scope, ref) for scope in rows.scopes_of(entity))
            geo += rows.geo_rows(ref, attrs, number)
    return {"attr_value": values, "entity_scope": scopes, "geo": geo}


async def restore(source: Path, address: str, *, force: bool = False) -> list[str]:
    """Put a backup's tenants into a database; return their names.

    Raises Conflict when the database holds data already and `force` is not set, StoreUnavailable when a server is
    using it, and BadRequestData for a file that is no whole backup. Whatever happens, the database holds either what
    it held before or all of the backup.
    """
    prepared = await prepare(address)
    label = label_of(address)
    with tempfile.TemporaryDirectory(prefix="hiroba-restore-") as place:
        try:
            parts = await asyncio.to_thread(files.unpack, source, Path(place))
        except OSError as error:
            raise StoreUnavailable(f"The backup could not be read or laid down: {error}") from error
        try:
            db = await connect(address, prepared.settings)
            try:
                if not await db.fetchval(f"SELECT pg_try_advisory_lock({IN_USE})"):
                    raise StoreUnavailable(f"Another Hiroba is using the database. Stop it first. ({label})")
                async with db.transaction():
                    await _empty(db, label, force=force)
                    for part in parts:
                        await _copy_in(db, str(part["tenant"]), Path(place) / part["file"], prepared.gis)
            finally:
                await db.close()
        except AWAY as error:
            raise unavailable(error, label) from error
    return sorted(str(part["tenant"]) for part in parts)


async def _empty(db: Connection, label: str, *, force: bool) -> None:
    for name, id, seq, refs in await db.fetch("SELECT name, id, seq, refs FROM hiroba.tenant"):
        await db.execute("SELECT set_config('hiroba.tenant', $1, true)", str(id))
        records = await db.fetchval("SELECT count(*) FROM hiroba.record WHERE tenant = $1", id)
        if (name or seq or refs or records) and not force:
            raise Conflict(f"{label} holds data already. Choose an empty database, or replace it with --force.")
        for table in TABLES:
            await db.execute(f"DELETE FROM hiroba.{table} WHERE tenant = $1", id)
        await db.execute("DELETE FROM hiroba.tenant WHERE id = $1", id)


async def _copy_in(db: Connection, name: str, file: Path, gis: str) -> None:
    try:
        kept = apsw.Connection(str(file))
        prepare_file(kept, str(file), tenant=name)
    except apsw.Error as error:
        raise BadRequestData(f"The backup is damaged: {file.name} cannot be read ({error}).") from error
    try:
        iris = dict(kept.execute("SELECT iri, id FROM name"))
        seq = kept.execute("SELECT coalesce(max(seq), 0) FROM change").get
        refs = kept.execute("SELECT coalesce(max(ref), 0) FROM entity").get
        sql = "INSERT INTO hiroba.tenant(name, seq, refs, names) VALUES($1, $2, $3, $4) RETURNING id"
        tenant = await db.fetchval(sql, name, seq, refs, len(iris))
        await db.execute("SELECT set_config('hiroba.tenant', $1, true)", str(tenant))

        async def put(table: str, found: Sequence[Row]) -> None:
            values = insertion_values(table, [index_row(table, row) for row in found])
            await db.execute(insertion(table, gis=gis), tenant, *values)

        for table, columns in _COPIED.items():
            order = " ORDER BY seq" if table == "record" else ""
            for found in _chunks(kept.execute(f"SELECT {', '.join(columns)} FROM {table}{order}")):
                await put(table, found)
                if table == "entity":
                    for index, rest in _indexed(found, iris.__getitem__).items():
                        await put(index, rest)
    except apsw.Error as error:
        raise BadRequestData(f"The backup is damaged: {file.name} cannot be read ({error}).") from error
    finally:
        kept.close()


def _chunks(found: Iterator[Row]) -> Iterator[list[Row]]:
    chunk: list[Row] = []
    for row in found:
        chunk.append(row)
        if len(chunk) >= _CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
