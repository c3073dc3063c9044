"""Keep the rejects of an import as CSV that a spreadsheet opens."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TextIO

from hiroba.apps.imports.reasons import Reject

COLUMNS = ("file", "line", "column", "value", "row_written", "reason_ja", "reason_en")


class Report:
    """Write rejects to a CSV file (UTF-8 with a byte order mark) as they come."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: TextIO = path.open("w", encoding="utf-8-sig", newline="")
        self._writer = csv.writer(self._file)
        self._writer.writerow(COLUMNS)

    def add(self, file: str, reject: Reject) -> None:
        """Add a reject of a file."""
        reason = reject.reason.both()
        written = "no" if reject.row else "yes"
        self._writer.writerow(
            [file, reject.line or "", reject.column, reject.value, written, reason["ja"], reason["en"]]
        )

    def close(self) -> None:
        """Finish the file."""
        self._file.close()
