"""Read the sheets of an Excel workbook row by row."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import openpyxl

from hiroba.apps.imports.header import LOOK_AHEAD, find_header
from hiroba.apps.imports.reasons import Reject, Unreadable
from hiroba.apps.imports.table import MOST_COLUMNS, Row, Table, cell_text

MOST_ROWS = 1_048_576


def sheet_names(path: Path) -> list[str]:
    """Return the names of the sheets that hold anything; raises Unreadable for a broken workbook."""
    with _opened(path) as book:
        return [
            sheet.title
            for sheet in book.worksheets
            if sheet.sheet_state == "visible" and any(_records(sheet, limit=LOOK_AHEAD))
        ]


def read_sheet(path: Path, sheet: str, *, name: str = "") -> Table:
    """Return the table on a sheet; line numbers are those of the sheet."""
    with _opened(path) as book:
        first = list(_records(book[sheet], limit=LOOK_AHEAD))
    header = find_header([cells for _, cells in first])

    def rows() -> Iterator[Row | Reject]:
        width = len(header.columns)
        with _opened(path) as book:
            for line, cells in islice(_records(book[sheet]), header.records, None):
                if header.columns[0] == "#property" and cells and cells[0].startswith("#"):
                    continue
                yield Row(line, cells[:width] + [""] * (width - len(cells)))

    return Table(header.columns, rows, header.units, name)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a workbook for one reading; whatever breaks in it is an Unreadable."""
    with path.open("rb") as file:
        book = None
        try:
            book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
            yield book
        except Unreadable:
            raise
        except Exception as error:
            # a broken workbook breaks the parser in a hundred places, each with an exception of its own
            raise Unreadable("broken_workbook", error=error) from error
        finally:
            if book is not None:
                book.close()


def _records(sheet: Any, *, limit: int = MOST_ROWS) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows that hold something, with their number on the sheet."""
    found = 0
    widest = MOST_COLUMNS if (sheet.max_column or 0) > MOST_COLUMNS else None
    for number, values in enumerate(sheet.iter_rows(values_only=True, max_col=widest), start=1):
        cells = [_text(value) for value in values]
        if not any(cells):
            continue
        yield number, cells
        found += 1
        if found >= limit:
            return


def _text(value: Any) -> str:
    if isinstance(value, datetime.datetime):
        if value.time() == datetime.time():
            return value.date().isoformat()
        return value.replace(microsecond=0).isoformat()
    if isinstance(value, datetime.time):
        return value.strftime("%H:%M") if not value.second else value.strftime("%H:%M:%S")
    if isinstance(value, datetime.timedelta):
        minutes = round(value.total_seconds() / 60)
        return f"{minutes // 60:02d}:{minutes % 60:02d}"
    return str(cell_text(value)).strip()
