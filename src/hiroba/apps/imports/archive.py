"""Look into ZIP archives without letting them unpack to more than the machine can hold."""

from __future__ import annotations

import zipfile
from pathlib import Path

from hiroba.apps.imports.reasons import Unreadable

MOST_BYTES = 512 * 1024 * 1024
MOST_ENTRIES = 5000
MOST_RATIO = 250
_RATIO_FREE = 8 * 1024 * 1024


def open_archive(path: Path) -> zipfile.ZipFile:
    """Return the archive, its declared sizes checked; reading never yields more than those.

    Raises Unreadable for a broken or locked one, and for one that would unpack to too much.
    """
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, NotImplementedError) as error:
        raise Unreadable("broken_zip", error=error) from error
    try:
        _check(archive)
    except Unreadable:
        archive.close()
        raise
    return archive


def _check(archive: zipfile.ZipFile) -> None:
    entries = archive.infolist()
    if len(entries) > MOST_ENTRIES:
        raise Unreadable("zip_entries", count=len(entries), most=MOST_ENTRIES)
    total = sum(entry.file_size for entry in entries)
    if total > MOST_BYTES:
        raise Unreadable("zip_bomb", size=total >> 20, most=MOST_BYTES >> 20)
    for entry in entries:
        if entry.flag_bits & 1:
            raise Unreadable("encrypted_zip")
        ratio = entry.file_size // max(entry.compress_size, 1)
        if entry.file_size > _RATIO_FREE and ratio > MOST_RATIO:
            raise Unreadable("zip_ratio", name=entry.filename, ratio=ratio)


def members(archive: zipfile.ZipFile) -> dict[str, str]:
    """Return the files of an archive by lower-case name without folders, file managers' clutter left out.

    Names written in Shift_JIS are read as such.
    """
    found: dict[str, str] = {}
    for entry in archive.infolist():
        name = entry.filename
        base = _decoded(entry).rsplit("/", 1)[-1]
        if entry.is_dir() or name.startswith("__MACOSX/") or base.startswith("."):
            continue
        found.setdefault(base.lower(), name)
    return found


def read_member(archive: zipfile.ZipFile, name: str) -> bytes:
    """Return a file of an archive; raises Unreadable when it is broken."""
    try:
        return archive.read(name)
    except (zipfile.BadZipFile, OSError, EOFError, ValueError, NotImplementedError) as error:
        raise Unreadable("broken_zip", error=error) from error


def _decoded(entry: zipfile.ZipInfo) -> str:
    if entry.flag_bits & 0x800:
        return entry.filename
    try:
        return entry.filename.encode("cp437").decode("cp932").replace("\\", "/")
    except UnicodeError:
        return entry.filename
