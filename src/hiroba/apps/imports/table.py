"""Hold what every kind of table file becomes: named columns and rows that know their line."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from hiroba.apps.imports.reasons import Reject, Unreadable

MOST_COLUMNS = 1000
MISSING = frozenset(
    {"", "-", "－", "−", "—", "―", "‐", "–", "ー", "--", "---", "…", "*", "**", "***", "×××", "#"}
    | {"null", "none", "n/a", "#n/a", "na", "nan", "(null)", "不明", "該当なし", "#value!", "#ref!"}
)
_ROW_NUMBERS = frozenset({"#property", "#", "№", "no.", "no", "連番", "項番", "通番", "rownumber", "fid", "objectid"})
_GAPS = re.compile(r"[\s_＿・:：\-]+")
_BRACKETED = re.compile(r"[\(（\[［【].*?[\)）\]］】]$")


@dataclass(slots=True)
class Row:
    """One row: `line` is where it begins in the file (a feature's number in GeoJSON), cells as text.

    Cells from JSON may be lists or dictionaries. `geometry` is GeoJSON in degrees.
    """

    line: int
    cells: list[Any]
    geometry: dict[str, Any] | None = None


@dataclass(slots=True)
class Table:
    """Columns and rows; `rows()` reads from the beginning each time and never holds them all."""

    columns: list[str]
    rows: Callable[[], Iterator[Row | Reject]]
    units: list[str] = field(default_factory=list)
    name: str = ""
    placed: bool = False

    def __post_init__(self) -> None:
        if len(self.columns) > MOST_COLUMNS:
            raise Unreadable("too_many_columns", count=len(self.columns), most=MOST_COLUMNS)


def missing(cell: Any) -> bool:
    """Tell whether a cell holds nothing: empty, a dash, `null` and their like."""
    if cell is None:
        return True
    if isinstance(cell, str):
        text = cell.strip()
        return len(text) < 9 and text.lower() in MISSING
    return isinstance(cell, list | dict) and not cell


def plain(header: str) -> str:
    """Return a header as headers are compared: width, case, spaces and underscores are gone."""
    return _GAPS.sub("", unicodedata.normalize("NFKC", header).casefold())


def bare(header: str) -> str:
    """Return the compared form of a header without a bracketed ending such as a unit."""
    return plain(_BRACKETED.sub("", header.strip()))


def row_number(header: str) -> bool:
    """Tell whether a column only counts the rows, so that it says nothing about the thing in the row."""
    return unicodedata.normalize("NFKC", header).strip().lower() in _ROW_NUMBERS or header.strip() == "№"


def idle(header: str) -> bool:
    """Tell whether a column carries no data: nameless, or a note to whoever fills the sheet in."""
    return not header.strip() or header.lstrip().startswith(("←", "→", "※"))


def cell_text(value: Any) -> Any:
    """Return a cell of Excel or JSON as the text a CSV would hold; lists and dictionaries stay."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, str | list | dict):
        return value
    return str(value)
