"""Tell what a file is from its bytes, and refuse one that is not what its name says."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from pathlib import Path

from hiroba.apps.imports import archive, documents
from hiroba.apps.imports.delimited import detect_encoding
from hiroba.apps.imports.reasons import Unreadable

MOST_BYTES = 1024 * 1024 * 1024
MOST_JSON_BYTES = 256 * 1024 * 1024
_HEAD = 4096
_MAGIC = (
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"\xd0\xcf\x11\xe0", "Excel 97-2003 (.xls)"),
    (b"%PDF", "PDF"),
    (b"\x89PNG", "PNG image"),
    (b"\xff\xd8\xff", "JPEG image"),
    (b"GIF8", "GIF image"),
    (b"\x1f\x8b", "gzip"),
    (b"7z\xbc\xaf", "7-Zip"),
    (b"Rar!", "RAR"),
    (b"\x7fELF", "program"),
    (b"MZ", "program"),
    (b"SQLite format 3", "SQLite"),
    (b"\x00\x00\x27\x0a", "Shapefile part (.shp); zip it with its .dbf, .shx and .prj"),
)
_EXPECTED = {
    ".csv": ("csv",),
    ".tsv": ("csv",),
    ".txt": ("csv",),
    ".xlsx": ("xlsx",),
    ".xlsm": ("xlsx",),
    ".geojson": ("geojson",),
    ".json": ("geojson", "ngsi", "records"),
    ".jsonld": ("geojson", "ngsi", "records"),
    ".zip": ("gtfs", "shapefile"),
}
_TITLES = {
    "csv": "CSV",
    "xlsx": "Excel (.xlsx)",
    "geojson": "GeoJSON",
    "ngsi": "NGSI JSON",
    "records": "JSON",
    "gtfs": "GTFS (ZIP)",
    "shapefile": "Shapefile (ZIP)",
}


@dataclass(frozen=True, slots=True)
class Sniffed:
    """What a file is: `format` is one of csv, xlsx, geojson, ngsi, records, gtfs, shapefile."""

    format: str
    encoding: str = ""

    @property
    def title(self) -> str:
        """Return the format as people call it."""
        return _TITLES[self.format]


def sniff(path: Path, name: str) -> Sniffed:
    """Return what the file really is; raises Unreadable when that is nothing to import or belies its name."""
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise Unreadable("too_large", size=size >> 20, most=MOST_BYTES >> 20)
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if not head.strip(b" \t\r\n\x00\xef\xbb\xbf"):
        raise Unreadable("empty_file")
    ending = Path(name).suffix.lower()
    expected = _EXPECTED.get(ending)
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return _confirm(_look_inside(path, ending) if kind == "zip" else _refuse(kind, expected), expected)
    marked = head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    if b"\x00" in head and not marked:
        _refuse("binary data", expected)
    begin = head.removeprefix(codecs.BOM_UTF8).lstrip()
    if begin.startswith(b"<"):
        _refuse(
            "HTML" if b"<html" in begin[:400].lower() or b"<!doctype" in begin[:20].lower() else "XML",
            expected,
        )
    if begin.startswith((b'{"', b"{ ", b"{\n", b"{\r", b"[{", b"[\n", b"[\r", b"[ ", b"{}", b"[]")) or (
        ending in (".json", ".geojson", ".jsonld")
    ):
        return _confirm(_json(path, size), expected)
    return _confirm(Sniffed("csv", detect_encoding(path)), expected)


def _json(path: Path, size: int) -> Sniffed:
    if size > MOST_JSON_BYTES:
        raise Unreadable("too_large", size=size >> 20, most=MOST_JSON_BYTES >> 20)
    document, encoding = documents.load(path)
    return Sniffed(documents.kind_of(document), encoding)


def _look_inside(path: Path, ending: str) -> Sniffed:
    with archive.open_archive(path) as opened:
        inner = {name.lower() for name in opened.namelist()}
        names = set(archive.members(opened))
    if "xl/workbook.xml" in inner:
        return Sniffed("xlsx")
    if "stops.txt" in names:
        return Sniffed("gtfs")
    if any(name.endswith(".shp") for name in names):
        return Sniffed("shapefile")
    if ending in (".xlsx", ".xlsm"):
        _refuse("ZIP", _EXPECTED[ending])
    raise Unreadable("empty_zip", found=", ".join(sorted(names)[:8]) or "-")


def _confirm(found: Sniffed, expected: tuple[str, ...] | None) -> Sniffed:
    if expected and found.format not in expected:
        _refuse(found.title, expected)
    return found


def _refuse(found: str, expected: tuple[str, ...] | None) -> Sniffed:
    if expected:
        raise Unreadable("not_what_it_says", expected=_TITLES[expected[0]], found=found)
    raise Unreadable("unknown_format", found=found)
