"""Writes one transaction's rows table by table, in the order of their keys."""

from __future__ import annotations

from typing import Final

import apsw

from hiroba.kernel.store import batch
from hiroba.kernel.store.sqlite.names import Names

_ENTITY = (
    "INSERT INTO entity(ref, id, version, created, modified, expires, deleted, doc) VALUES(?,?,?,?,?,?,?,?) "
    "ON CONFLICT(ref) DO UPDATE SET version = excluded.version, created = excluded.created, "
    "modified = excluded.modified, expires = excluded.expires, deleted = excluded.deleted, doc = excluded.doc"
)
PUT_HISTORY: Final = (
    "INSERT OR REPLACE INTO history(ref, attr, at, seq, ds, observed, created, modified, deleted, num, doc) "
    "VALUES(?,?,?,?,?,?,?,?,?,?,?)"
)
_CHANGE = "INSERT INTO change(seq, at, op, ref, types, payload) VALUES(?,?,?,?,?,?)"
_USAGE = (
    "INSERT INTO usage(type, attr, kind, n) VALUES(?,?,?,?) "
    "ON CONFLICT(type, attr, kind) DO UPDATE SET n = n + excluded.n"
)
INSERTIONS: Final = {
    table: f"INSERT OR IGNORE INTO {table}({', '.join(columns)}) VALUES({', '.join('?' * len(columns))})"
    for table, columns in batch.PAIRS.items()
} | {"geo": "INSERT OR REPLACE INTO geo(id, x0, x1, y0, y1, attr) VALUES(?,?,?,?,?,?)"}
"""How rows of the indexes are put in."""
_DELETES: Final = {
    table: f"DELETE FROM {table} WHERE {' AND '.join(f'{column} = ?' for column in columns)}"
    for table, columns in batch.PAIRS.items()
}


class Batch(batch.Batch):
    """The rows of one transaction that are not in the database yet."""

    def __init__(self, names: Names) -> None:
        super().__init__(names)
        self._names = names

    def flush(self, db: apsw.Connection, *, last: bool = False) -> None:
        """Write what was collected since the last call within the caller's transaction; counts only at the `last`."""
        if not last:
            self._names.flush(db)
        if self.entities:
            db.executemany(_ENTITY, self.entities.values())
        for table, wanted in self.sets.items():
            if wanted:
                gone = [key for key, there in wanted.items() if not there]
                fresh = [key for key, there in wanted.items() if there]
                if gone:
                    db.executemany(_DELETES[table], gone)
                if fresh:
                    db.executemany(INSERTIONS[table], fresh)
        if self.geo:
            db.executemany("DELETE FROM geo WHERE id = ?", [(id,) for id, row in self.geo.items() if row is None])
            db.executemany(INSERTIONS["geo"], [row for row in self.geo.values() if row is not None])
        if self.history:
            db.executemany(PUT_HISTORY, self.history)
        if self.changes:
            db.executemany(_CHANGE, self.changes)
        if last:
            self.add_up()
            self._names.flush(db)
            db.executemany(_USAGE, [(*key, step) for key, step in self.usage.items() if step])
        self.reset()
