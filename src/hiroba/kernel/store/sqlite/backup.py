"""Copies all tenants into one tar file while they are written to, and puts such a copy back whole or not at all."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import tarfile
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import apsw
import orjson

from hiroba.kernel.model.errors import BadRequestData, Conflict, StoreUnavailable
from hiroba.kernel.store.sqlite.files import connect, file_name, tenant_files, unavailable
from hiroba.kernel.store.sqlite.schema import APPLICATION_ID, MIGRATIONS, version_of

FORMAT: Final = "hiroba-backup"
MANIFEST: Final = "manifest.json"
STAGED: Final = ".restore"
READY: Final = "ready"


def side_files(path: Path) -> tuple[Path, Path]:
    """Return the files that SQLite keeps beside a database."""
    return path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")


async def write(files: Mapping[str, Path], target: Path) -> AsyncIterator[str]:
    """Write a backup of these tenants' files; the target appears only when it is complete."""
    copies = {name: partial(_copied, path) for name, path in files.items()}
    async for line in write_copies(copies, target):
        yield line


async def write_copies(copies: Mapping[str, Callable[[Path], Awaitable[None]]], target: Path) -> AsyncIterator[str]:
    """Write a backup of tenants, each of which is copied to the file that its function is given."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".hiroba-backup-", dir=target.parent) as place:
        staging = Path(place)
        parts: list[dict[str, Any]] = []
        for name, copy in copies.items():
            file = staging / file_name(name)
            await copy(file)
            part = await asyncio.to_thread(_describe, file)
            parts.append({"tenant": name, **part})
            yield f"{name or 'default tenant'}: {part['entities']} entities, {part['bytes']} bytes"
        whole = staging / "backup.tar"
        await asyncio.to_thread(_pack, staging, whole, parts)
        os.replace(whole, target)
        _sync(target.parent)
    yield f"{target}: {target.stat().st_size} bytes"


async def _copied(source: Path, target: Path) -> None:
    await asyncio.to_thread(_copy, source, target)


def _copy(source: Path, target: Path) -> None:
    """Copy one database; the open read transaction holds one snapshot, so that writers cannot make it start again."""
    try:
        reader, writer = connect(source, writes=False), apsw.Connection(str(target))
        try:
            with reader:
                reader.execute("SELECT coalesce(max(seq), 0) FROM change").get  # noqa: B018  # the snapshot begins here
                with writer.backup("main", reader, "main") as copy:
                    while not copy.done:
                        copy.step(1000)
            writer.pragma("journal_mode", "delete")
        finally:
            writer.close()
            reader.close()
    except apsw.Error as error:
        raise unavailable(error, str(source)) from error


def _describe(file: Path) -> dict[str, Any]:
    db = apsw.Connection(str(file), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        entities = db.execute("SELECT count(*) FROM entity WHERE deleted IS NULL").get
        seq = db.execute("SELECT coalesce(max(seq), 0) FROM change").get
    finally:
        db.close()
    return {
        "file": file.name,
        "bytes": file.stat().st_size,
        "sha256": _digest(file),
        "entities": entities,
        "seq": seq,
    }


def _pack(staging: Path, target: Path, parts: list[dict[str, Any]]) -> None:
    manifest = {
        "format": FORMAT,
        "version": 1,
        "schema": len(MIGRATIONS),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "tenants": parts,
    }
    (staging / MANIFEST).write_bytes(orjson.dumps(manifest, option=orjson.OPT_INDENT_2))
    with target.open("wb") as handle:
        with tarfile.open(fileobj=handle, mode="w", format=tarfile.PAX_FORMAT) as archive:
            for name in (MANIFEST, *(part["file"] for part in parts)):
                archive.add(staging / name, arcname=name)
        handle.flush()
        os.fsync(handle.fileno())


def _digest(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read(source: Path, directory: Path, *, force: bool) -> list[str]:
    """Put a backup into a directory that nobody serves; see `restore`."""
    finish_restore(directory)
    if tenant_files(directory) and not force:
        raise Conflict(f"{directory} holds data already. Choose an empty directory, or replace it with --force.")
    staging = directory / STAGED
    staging.mkdir()
    try:
        parts = unpack(source, staging)
        names = sorted(str(part["tenant"]) for part in parts)
    except OSError as error:
        shutil.rmtree(staging)
        raise StoreUnavailable(f"The backup could not be read or laid down: {error}") from error
    except BaseException:
        shutil.rmtree(staging)
        raise
    (staging / READY).touch()
    _sync(staging)
    _sync(directory)
    finish_restore(directory)
    return names


def unpack(source: Path, staging: Path) -> list[dict[str, Any]]:
    """Lay a backup's databases down in a folder, each one checked; raises BadRequestData."""
    try:
        with tarfile.open(source, mode="r:") as archive:
            member = archive.extractfile(MANIFEST)
            manifest = orjson.loads(member.read()) if member is not None else {}
            if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
                raise BadRequestData(f"{source} is not a backup made by Hiroba.")
            if manifest["schema"] > len(MIGRATIONS):
                raise BadRequestData(f"{source} was made by a newer Hiroba. Install that version first.")
            parts: list[dict[str, Any]] = manifest["tenants"]
            for part in parts:
                _lay_down(archive, part, staging, source)
    except (tarfile.TarError, KeyError, TypeError, orjson.JSONDecodeError) as error:
        raise BadRequestData(f"{source} is not a whole backup made by Hiroba ({error}).") from error
    return parts


def _lay_down(archive: tarfile.TarFile, part: dict[str, Any], staging: Path, source: Path) -> None:
    name = Path(part["file"]).name
    if name != part["file"] or not name.endswith(".db"):
        raise BadRequestData(f"{source} names a file that is none of a store: {part['file']!r}.")
    member = archive.extractfile(name)
    if member is None:
        raise BadRequestData(f"{source} lacks {name}.")
    target = staging / name
    with member, target.open("wb") as handle:
        shutil.copyfileobj(member, handle, 1 << 20)
        handle.flush()
        os.fsync(handle.fileno())
    if _digest(target) != part["sha256"]:
        raise BadRequestData(f"{source} is damaged: {name} does not have the checksum it was written with.")
    try:
        db = apsw.Connection(str(target), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            sound = db.pragma("quick_check") == "ok" and db.pragma("application_id") == APPLICATION_ID
            known = sound and version_of(db) <= len(MIGRATIONS)
        finally:
            db.close()
    except apsw.Error as error:
        raise BadRequestData(f"{source} is damaged: {name} cannot be read ({error}).") from error
    if not known:
        raise BadRequestData(f"{source} is damaged: {name} is not a store's database.")


def finish_restore(directory: Path) -> None:
    """Carry a restore that was laid down completely to its end; throw away one that was not.

    Every step can be repeated: after a power failure the next start goes on here.
    """
    staging = directory / STAGED
    if not staging.is_dir():
        return
    if (staging / READY).exists():
        marked = staging / "names"
        if not marked.exists():
            names = "\n".join(sorted(path.name for path in tenant_files(staging)))
            draft = staging / "names.part"
            draft.write_text(names, "utf-8")
            os.replace(draft, marked)
            _sync(staging)
        wanted = set(marked.read_text("utf-8").split("\n"))
        for path in tenant_files(directory):
            for part in side_files(path):
                part.unlink(missing_ok=True)
            if path.name not in wanted:
                path.unlink()
        for path in tenant_files(staging):
            os.replace(path, directory / path.name)
        _sync(directory)
    shutil.rmtree(staging)
