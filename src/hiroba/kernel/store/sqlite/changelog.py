"""Reads the change log back: from memory while the reader is close behind, else from the tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import apsw
import orjson

from hiroba.kernel.model.entity import Entity, Instance
from hiroba.kernel.store.batch import KINDS, OPS
from hiroba.kernel.store.deciding import put_back
from hiroba.kernel.store.port import AttributeChange, Change
from hiroba.kernel.store.sqlite.names import Names

_READ: Final = (
    "SELECT c.seq, c.at, c.op, c.ref, c.types, c.payload, e.id, e.doc FROM change c JOIN entity e ON e.ref = c.ref "
    "WHERE c.seq > ? AND c.seq <= ? ORDER BY c.seq LIMIT ?"
)
_BEFORE: Final = (
    "SELECT doc, deleted FROM history WHERE ref = ? AND attr = ? AND at = ? AND ds = ? AND seq < ? "
    "ORDER BY seq DESC LIMIT 1"
)


def from_memory(recent: Sequence[Change], after: int, limit: int) -> list[Change] | None:
    """Return the changes after a seq when all of them are still in memory, else None."""
    if not recent or recent[0].seq > after + 1:
        return None
    start = after + 1 - recent[0].seq
    return [recent[place] for place in range(start, min(start + limit, len(recent)))]


def from_log(db: apsw.Connection, names: Names, *, after: int, upto: int, limit: int) -> list[Change]:
    """Return changes from the tables; what an instance was before comes from the history, when that is still kept."""
    rows = db.execute(_READ, (after, upto, limit)).fetchall()
    return [_change(db, names, row) for row in rows]


def _change(db: apsw.Connection, names: Names, row: tuple[Any, ...]) -> Change:
    seq, at, op, ref, types, payload, id, doc = row
    changes = tuple(
        AttributeChange(
            names.iris[attr],
            dataset,
            KINDS[kind],
            None if moment is None else _before(db, names, (ref, attr, moment), dataset=dataset, seq=seq),
            after,
        )
        for attr, dataset, kind, after, moment in orjson.loads(payload)
    )
    entity: Entity = orjson.loads(doc)
    iris = tuple(names.iris[type_] for type_ in orjson.loads(types))
    entity["id"], entity["type"] = id, list(iris)
    put_back(entity, changes, deleted=OPS[op] == "deleted")
    return Change(seq, at, OPS[op], id, iris, changes, entity, seq)


def _before(
    db: apsw.Connection, names: Names, place: tuple[int, int, int], *, dataset: str | None, seq: int
) -> Instance | None:
    ds = 0 if dataset is None else names.ids.get(dataset, -1)
    row = db.execute(_BEFORE, (*place, ds, seq)).fetchone()
    if row is None or row[1] is not None:
        return None
    instance: Instance = orjson.loads(row[0])
    return instance
