"""The console's built files as they lie in a folder: what each is, and the packed copies beside it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MEDIA_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/vnd.microsoft.icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}
"""The kinds of file that are handed out; the machine's own table of types is not asked, since it differs by system."""

PACKED: Final = (("br", ".br"), ("gzip", ".gz"))
"""Content codings in the order in which they are preferred, with the ending of the packed copy."""

INDEX: Final = "/index.html"


@dataclass(frozen=True, slots=True)
class File:
    """One file: its media type, its ETag, whether its name changes with its content, and its copies by coding."""

    media_type: str
    etag: str
    lasting: bool
    copies: Mapping[str, Path]
    """The coding's name → the file; the plain one under `identity`."""


class Shelf:
    """The files below a folder; read again when the console is built anew."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, File] = {}
        self._read_at: int | None = None

    def find(self, path: str) -> File | None:
        """Return the file at an absolute path (`/assets/x.js`), or None; call it off the event loop."""
        built_at = self._built_at()
        if built_at != self._read_at:
            self._files = _read(self._folder) if built_at is not None else {}
            self._read_at = built_at
        return self._files.get(path)

    def _built_at(self) -> int | None:
        try:
            return (self._folder / INDEX[1:]).stat().st_mtime_ns
        except FileNotFoundError:
            return None


def _read(folder: Path) -> dict[str, File]:
    found: dict[str, File] = {}
    for path in sorted(folder.rglob("*")):
        media_type = MEDIA_TYPES.get(path.suffix)
        if media_type is None or not path.is_file():
            continue
        name = "/" + path.relative_to(folder).as_posix()
        copies = {"identity": path}
        for coding, ending in PACKED:
            copy = path.with_name(path.name + ending)
            if copy.is_file():
                copies[coding] = copy
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:20]
        found[name] = File(media_type, digest, name.startswith("/assets/"), copies)
    return found
