"""Read CSV and its cousins line by line, whatever the encoding, within bounds."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TextIO

from hiroba.apps.imports.header import LOOK_AHEAD, find_header
from hiroba.apps.imports.reasons import Reason, Reject, Unreadable
from hiroba.apps.imports.table import Row, Table, idle

LONGEST_LINE = 1_000_000
_CHUNK = 1 << 20
_STRAY = re.compile("[\x80\xa0\uf8f0-\uf8ff]")
"""What single bytes become that no Japanese text has: the file is in another encoding, or no text."""
_HALF_KANA = re.compile("[\uff61-\uff9f]")
_ENCODINGS = ("utf-8", "cp932", "euc_jp")

Record = tuple[int, list[str]]


def detect_encoding(path: Path) -> str:
    """Return the Python name of the encoding in which the whole file can be read.

    A byte order mark decides; otherwise the first of UTF-8, Shift_JIS (cp932) and EUC-JP that fits all bytes.
    """
    with path.open("rb") as file:
        head = file.read(4)
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    fitting = [encoding for encoding in _ENCODINGS if _fits(path, encoding)]
    if not fitting:
        raise Unreadable("unknown_encoding")
    return min(fitting, key=lambda encoding: (encoding != "utf-8", _oddness(path, encoding)))


def _fits(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    with path.open("rb") as file:
        try:
            while chunk := file.read(_CHUNK):
                text = decoder.decode(chunk)
                if encoding == "cp932" and _STRAY.search(text):
                    return False
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def _oddness(path: Path, encoding: str) -> int:
    """Return how many half-width kana the text begins with: EUC-JP read as Shift_JIS is full of them."""
    with path.open(encoding=encoding, errors="replace") as file:
        return len(_HALF_KANA.findall(file.read(_CHUNK)))


def read_delimited(path: Path, encoding: str, *, name: str = "") -> Table:
    """Return the table in a CSV, TSV or semicolon-separated file.

    Raises Unreadable when there is no header; rows that do not fit it come out as rejects.
    """
    delimiter = _delimiter(path, encoding)
    with path.open(encoding=encoding, newline="") as file:
        first = [cells for _, cells in islice(_records(file, delimiter), LOOK_AHEAD)]
    header = find_header(first)

    def rows() -> Iterator[Row | Reject]:
        with path.open(encoding=encoding, newline="") as file:
            yield from _rows(islice(_records(file, delimiter), header.records, None), header.columns)

    return Table(header.columns, rows, header.units, name)


def _rows(records: Iterator[Record], columns: list[str]) -> Iterator[Row | Reject]:
    marked = columns[0] == "#property"
    width = len(columns)
    least = max((index + 1 for index, column in enumerate(columns) if not idle(column)), default=0)
    for line, cells in records:
        if not any(cell and not cell.isspace() for cell in cells):
            continue
        if marked and cells[0].startswith("#"):
            continue
        if len(cells) < least:
            yield Reject(line, Reason("too_few_cells", {"count": len(cells), "columns": width}))
        elif len(cells) > width and any(cell.strip() for cell in cells[width:]):
            yield Reject(
                line,
                Reason("too_many_cells", {"count": len(cells), "columns": width}),
                value=next(cell for cell in cells[width:] if cell.strip()),
            )
        else:
            yield Row(line, cells[:width] + [""] * (width - len(cells)))


def _records(file: TextIO, delimiter: str) -> Iterator[Record]:
    """Yield records with the line on which each begins; raises Unreadable where the quoting breaks."""
    reader = csv.reader(_lines(file), delimiter=delimiter)
    begin = 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise Unreadable("broken_csv", line=begin, error=error) from error
        yield begin, cells
        begin = reader.line_num + 1


def _lines(file: TextIO) -> Iterator[str]:
    number = 0
    while line := file.readline(LONGEST_LINE):
        number += 1
        if len(line) == LONGEST_LINE and not line.endswith(("\n", "\r")):
            raise Unreadable("line_too_long", line=number, most=LONGEST_LINE)
        yield line


def _delimiter(path: Path, encoding: str) -> str:
    with path.open(encoding=encoding, newline="") as file:
        head = list(islice(_lines(file), LOOK_AHEAD))
    counts = {mark: max((line.count(mark) for line in head), default=0) for mark in (",", "\t", ";")}
    return max(counts, key=lambda mark: counts[mark])
