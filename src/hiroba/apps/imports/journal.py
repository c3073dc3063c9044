"""Keep what was before an import, durably and before it is changed, so that it can be undone."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson

Entry = dict[str, Any]


class Journal:
    """A file of entries, one JSON object a line.

    `{"op": "created", "id", "attrs": [names]}`, `{"op": "changed", "id", "type", "before": {name: instance or null}}`
    and `{"op": "deleted", "id", "before": entity}`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, entries: Sequence[Entry]) -> None:
        """Write entries; they are on the disk when this returns."""
        if not entries:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as file:
            file.write(b"".join(orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE) for entry in entries))
            file.flush()
            os.fsync(file.fileno())

    def entries(self) -> Iterator[Entry]:
        """Yield the entries, newest first; a last line that a crash cut off is left out."""
        if not self.path.exists():
            return
        offsets = [0]
        with self.path.open("rb") as file:
            while line := file.readline():
                if line.endswith(b"\n"):
                    offsets.append(offsets[-1] + len(line))
            for begin, end in zip(reversed(offsets[:-1]), reversed(offsets[1:]), strict=True):
                file.seek(begin)
                yield orjson.loads(file.read(end - begin))

    def forget(self) -> None:
        """Delete the file."""
        self.path.unlink(missing_ok=True)
