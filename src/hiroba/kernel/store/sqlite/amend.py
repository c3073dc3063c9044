"""Changes recorded histories: what the temporal provision of the standard asks for (GS CIM 009, 5.6.11 to 5.6.16)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import apsw
import orjson

from hiroba.kernel.model.entity import Entity, Instance
from hiroba.kernel.store.batch import APART, history_row, instant, instant_text
from hiroba.kernel.store.expiry import now
from hiroba.kernel.store.port import HistoryAdd, HistoryCut, HistoryEdit
from hiroba.kernel.store.sqlite.shared import Shared
from hiroba.kernel.store.sqlite.tables import PUT_HISTORY

_LOOK: Final = "SELECT ref, deleted, doc FROM entity WHERE id = ?"
_BEGIN: Final = (
    "INSERT INTO entity(ref, id, version, created, modified, expires, deleted, doc) VALUES(?, ?, 0, ?, ?, NULL, ?, ?)"
)
_KEEP: Final = "UPDATE entity SET modified = ?, doc = ? WHERE ref = ?"
_TYPED: Final = "INSERT OR IGNORE INTO gone_type(type, ref) VALUES(?, ?)"
_UNTYPED: Final = "DELETE FROM gone_type WHERE type = ? AND ref = ?"
_LAST: Final = "SELECT max(seq) FROM history WHERE ref = ? AND attr = ? AND at = ? AND seq >= ?"
_SAME: Final = (
    "DELETE FROM history WHERE ref = ? AND attr = ? AND at = ? AND seq >= ? AND ds = ? AND observed IS NOT NULL"
)
_FIND: Final = "SELECT at, seq, ds, doc FROM history WHERE ref = ? AND attr = ? AND instr(doc, CAST(? AS BLOB)) > 0"


def amend(db: apsw.Connection, shared: Shared, edits: Sequence[HistoryEdit]) -> list[Any]:
    """Carry out edits within the caller's transaction, after all that the same transaction writes otherwise."""
    amending = _Amending(db, shared)
    answers = [amending.add(edit) if isinstance(edit, HistoryAdd) else amending.cut(edit) for edit in edits]
    shared.names.flush(db)
    return answers


class _Amending:
    def __init__(self, db: apsw.Connection, shared: Shared) -> None:
        self._db = db
        self._shared = shared
        self._at = now()

    def _known(self, id: str) -> tuple[int, bool, Entity] | None:
        """Return ref, whether it is there now, and the last state of an entity that is, or has a history."""
        row = self._db.execute(_LOOK, (id,)).fetchone()
        if row is None:
            return None
        ref, deleted, doc = row
        entity: Entity = orjson.loads(doc)
        if deleted is not None and not self._has_past(ref, entity):
            return None
        return ref, deleted is None, entity

    def _has_past(self, ref: int, entity: Entity) -> bool:
        ids = self._shared.names.ids
        sql = "SELECT 1 FROM gone_type WHERE type = ? AND ref = ?"
        return any(self._db.execute(sql, (ids.get(iri, 0), ref)).get for iri in entity["type"])

    def add(self, edit: HistoryAdd) -> str | None:
        known = self._known(edit.id)
        if known is None and not edit.create:
            return None
        if known is None:
            ref = self._begin(edit)
        else:
            ref, there, entity = known
            if not there:
                self._retype(ref, entity, edit.types)
        for iri, instances in edit.instances.items():
            attr = self._shared.names.intern(iri)
            for instance in instances:
                self._put(ref, attr, instance)
        return "created" if known is None else "updated"

    def _begin(self, edit: HistoryAdd) -> int:
        """Make the row of an entity that has a past and no present; one that lost its past lends its ref."""
        text = instant_text(self._at)
        entity = {"id": edit.id, "type": list(edit.types), "createdAt": text, "modifiedAt": text, "attrs": {}}
        doc = orjson.dumps(entity)
        ref: int | None = self._db.execute("SELECT ref FROM entity WHERE id = ?", (edit.id,)).get
        if ref is not None:
            self._db.execute(_KEEP, (self._at, doc, ref))
        else:
            ref = int(self._db.execute("SELECT coalesce(max(ref), 0) + 1 FROM entity").get)
            self._db.execute(_BEGIN, (ref, edit.id, self._at, self._at, self._at, doc))
            self._shared.next_ref = ref + 1
        self._type(ref, edit.types)
        return ref

    def _type(self, ref: int, types: Sequence[str]) -> None:
        self._db.executemany(_TYPED, [(self._shared.names.intern(iri), ref) for iri in types])

    def _retype(self, ref: int, entity: Entity, types: Sequence[str]) -> None:
        fresh = [iri for iri in types if iri not in entity["type"]]
        entity = {**entity, "type": [*entity["type"], *fresh], "modifiedAt": instant_text(self._at)}
        self._db.execute(_KEEP, (self._at, orjson.dumps(entity), ref))
        self._type(ref, fresh)

    def _put(self, ref: int, attr: int, instance: Instance) -> None:
        dataset = instance.get("datasetId")
        ds = 0 if dataset is None else self._shared.names.intern(dataset)
        row = history_row((ref, attr, 0, ds), instance, self._at, orjson.dumps(instance))
        if row[5] is not None:
            self._db.execute(_SAME, (ref, attr, row[5], APART, ds))
        last = self._db.execute(_LAST, (ref, attr, row[2], APART)).get
        self._db.execute(PUT_HISTORY, (*row[:3], APART if last is None else last + 1, *row[4:]))

    def cut(self, edit: HistoryCut) -> int | None:
        known = self._known(edit.id)
        if known is None:
            return None
        ref, there, entity = known
        if edit.attribute is None:
            return self._forget(ref, entity, there=there)
        attr = self._shared.names.ids.get(edit.attribute, 0)
        if edit.instance_id is not None:
            return self._one(ref, attr, edit)
        where, values = "ref = ? AND attr = ?", [ref, attr]
        if not edit.all_datasets:
            where += " AND ds = ?"
            values.append(0 if edit.dataset is None else self._shared.names.ids.get(edit.dataset, -1))
        self._db.execute(f"DELETE FROM history WHERE {where}", values)
        return int(self._db.changes())

    def _forget(self, ref: int, entity: Entity, *, there: bool) -> int:
        self._db.execute("DELETE FROM history WHERE ref = ?", (ref,))
        removed = int(self._db.changes())
        if not there:
            # the row stays, for the change log may still speak of it
            types = [(self._shared.names.ids[iri], ref) for iri in entity["type"]]
            self._db.executemany(_UNTYPED, types)
            bare = {name: entity[name] for name in ("id", "type", "createdAt", "modifiedAt") if name in entity}
            self._db.execute(_KEEP, (self._at, orjson.dumps({**bare, "attrs": {}}), ref))
            removed = max(removed, 1)
        return removed

    def _one(self, ref: int, attr: int, edit: HistoryCut) -> int:
        rows: list[Any] = self._db.execute(_FIND, (ref, attr, edit.instance_id)).fetchall()
        found = [(*row[:3], orjson.loads(row[3])) for row in rows]
        found = [row for row in found if row[3].get("instanceId") == edit.instance_id]
        for at, seq, ds, before in found:
            self._db.execute(
                "DELETE FROM history WHERE ref = ? AND attr = ? AND at = ? AND seq = ? AND ds = ?",
                (ref, attr, at, seq, ds),
            )
            if edit.instead is not None:
                kept = {"createdAt": before["createdAt"]} if instant(before.get("createdAt")) is not None else {}
                self._put(ref, attr, {**edit.instead, **kept, "instanceId": edit.instance_id})
        return len(found)
