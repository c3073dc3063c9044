"""Reads the change log back from the tables."""

from __future__ import annotations

from typing import Any, Final

import orjson

from hiroba.kernel.model.entity import Entity
from hiroba.kernel.store.batch import KINDS, OPS
from hiroba.kernel.store.deciding import put_back
from hiroba.kernel.store.port import AttributeChange, Change
from hiroba.kernel.store.postgres.lines import Connection
from hiroba.kernel.store.postgres.shared import Shared

READ: Final = (
    "SELECT c.seq, c.at, c.op, c.ref, c.types, c.payload, e.id, e.doc FROM hiroba.change c "
    "JOIN hiroba.entity e ON e.tenant = $1 AND e.ref = c.ref WHERE c.tenant = $1 AND c.seq > $2 "
    "ORDER BY c.seq LIMIT $3"
)
_BEFORE: Final = (
    "SELECT k.place, h.doc, h.deleted FROM unnest($2::bigint[], $3::int[], $4::bigint[], $5::int[], $6::bigint[]) "
    "WITH ORDINALITY AS k(ref, attr, at, ds, seq, place) CROSS JOIN LATERAL (SELECT doc, deleted FROM hiroba.history "
    "WHERE tenant = $1 AND ref = k.ref AND attr = k.attr AND at = k.at AND ds = k.ds AND seq < k.seq "
    "ORDER BY seq DESC LIMIT 1) h"
)


async def from_log(db: Connection, shared: Shared, *, after: int, limit: int) -> list[Change]:
    """Return changes from the tables; what an instance was before comes from the history, when that is still kept."""
    rows = [
        (*row[:4], orjson.loads(row[4]), orjson.loads(row[5]), row[6], row[7])
        for row in await db.fetch(READ, shared.id, after, limit)
    ]
    iris, ids = shared.names.iris, shared.names.ids
    if any(number not in iris for row in rows for number in (*row[4], *(one[0] for one in row[5]))):
        await shared.learn_names(db, 1 << 31)
    await shared.know(one[1] for row in rows for one in row[5] if one[1] is not None)
    asked = [
        (row[3], attr, moment, 0 if dataset is None else ids.get(dataset, -1), row[0])
        for row in rows
        for attr, dataset, _, _, moment in row[5]
        if moment is not None
    ]
    before: dict[int, Any] = {}
    if asked:
        found = await db.fetch(_BEFORE, shared.id, *map(list, zip(*asked, strict=True)))
        before = {place - 1: orjson.loads(doc) for place, doc, deleted in found if deleted is None}
    place = 0
    changes = []
    for seq, at, op, _, types, payload, id, doc in rows:
        told = []
        for attr, dataset, kind, after_it, moment in payload:
            was = None
            if moment is not None:
                was, place = before.get(place), place + 1
            told.append(AttributeChange(iris[attr], dataset, KINDS[kind], was, after_it))
        entity: Entity = orjson.loads(doc)
        named = tuple(iris[type_] for type_ in types)
        entity["id"], entity["type"] = id, list(named)
        put_back(entity, told, deleted=OPS[op] == "deleted")
        changes.append(Change(seq, at, OPS[op], id, named, tuple(told), entity, seq))
    return changes
