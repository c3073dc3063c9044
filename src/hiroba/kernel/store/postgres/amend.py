"""Changes recorded histories: what the temporal provision of the standard asks for (GS CIM 009, 5.6.11 to 5.6.16)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import orjson

from hiroba.kernel.model.entity import Entity, Instance
from hiroba.kernel.store.batch import APART, history_row, instant, instant_text
from hiroba.kernel.store.expiry import now
from hiroba.kernel.store.port import HistoryAdd, HistoryCut, HistoryEdit
from hiroba.kernel.store.postgres.keys import id_key
from hiroba.kernel.store.postgres.lines import Connection
from hiroba.kernel.store.postgres.shared import Shared
from hiroba.kernel.store.postgres.tables import insertion, insertion_values

_LOOK: Final = "SELECT ref, deleted, doc FROM hiroba.entity WHERE tenant = $1 AND key = $2"
_KEEP: Final = "UPDATE hiroba.entity SET modified = $2, doc = $3::text::json WHERE tenant = $1 AND ref = $4"
_UNTYPED: Final = "DELETE FROM hiroba.gone_type WHERE tenant = $1 AND ref = $2 AND type = ANY($3::int[])"
_LAST: Final = (
    "SELECT max(seq) FROM hiroba.history WHERE tenant = $1 AND ref = $2 AND attr = $3 AND at = $4 AND seq >= $5"
)
_SAME: Final = (
    "DELETE FROM hiroba.history WHERE tenant = $1 AND ref = $2 AND attr = $3 AND at = $4 AND seq >= $5 AND ds = $6 "
    "AND observed IS NOT NULL"
)
_FIND: Final = (
    "SELECT at, seq, ds, doc FROM hiroba.history WHERE tenant = $1 AND ref = $2 AND attr = $3 "
    "AND strpos(doc::text, $4) > 0"
)
_ONE: Final = (
    "DELETE FROM hiroba.history WHERE tenant = $1 AND ref = $2 AND attr = $3 AND at = $4 AND seq = $5 AND ds = $6"
)


async def amend(db: Connection, *, shared: Shared, edits: Sequence[HistoryEdit]) -> list[Any]:
    """Carry out edits within the caller's transaction, after all that the same transaction writes otherwise."""
    amending = _Amending(db, shared)
    answers = [await amending.add(edit) if isinstance(edit, HistoryAdd) else await amending.cut(edit) for edit in edits]
    await amending.keep_names()
    return answers


class _Amending:
    def __init__(self, db: Connection, shared: Shared) -> None:
        self._db = db
        self._shared = shared
        self._at = now()

    async def _put_in(self, table: str, rows: Iterable[tuple[Any, ...]]) -> None:
        await self._db.execute(insertion(table), self._shared.id, *insertion_values(table, rows))

    async def keep_names(self) -> None:
        """Write the names that are new."""
        names = self._shared.names
        if names.fresh:
            await self._put_in("name", names.fresh)
            sql = "UPDATE hiroba.tenant SET names = $2 WHERE id = $1"
            await self._db.execute(sql, self._shared.id, len(names.iris))

    async def _known(self, id: str) -> tuple[int, bool, Entity] | None:
        """Return ref, whether it is there now, and the last state of an entity that is, or has a history."""
        row = await self._db.fetchrow(_LOOK, self._shared.id, id_key(id))
        if row is None:
            return None
        ref, deleted, doc = row
        entity: Entity = orjson.loads(doc)
        if deleted is not None and not await self._has_past(ref, entity):
            return None
        return ref, deleted is None, entity

    async def _has_past(self, ref: int, entity: Entity) -> bool:
        sql = "SELECT count(*) FROM hiroba.gone_type WHERE tenant = $1 AND ref = $2 AND type = ANY($3::int[])"
        return bool(await self._db.fetchval(sql, self._shared.id, ref, self._numbers(entity["type"])))

    def _numbers(self, types: Iterable[str]) -> list[int]:
        ids = self._shared.names.ids
        return [ids.get(iri, 0) for iri in types]

    async def add(self, edit: HistoryAdd) -> str | None:
        known = await self._known(edit.id)
        if known is None and not edit.create:
            return None
        if known is None:
            ref = await self._begin(edit)
        else:
            ref, there, entity = known
            if not there:
                await self._retype(ref, entity, edit.types)
        for iri, instances in edit.instances.items():
            attr = self._shared.names.intern(iri)
            for instance in instances:
                await self._put(ref, attr, instance)
        return "created" if known is None else "updated"

    async def _begin(self, edit: HistoryAdd) -> int:
        """Make the row of an entity that has a past and no present; one that lost its past lends its ref."""
        text = instant_text(self._at)
        entity = {"id": edit.id, "type": list(edit.types), "createdAt": text, "modifiedAt": text, "attrs": {}}
        doc = str(orjson.dumps(entity), "utf-8")
        row = await self._db.fetchrow(_LOOK, self._shared.id, id_key(edit.id))
        if row is not None:
            ref = int(row["ref"])
            await self._db.execute(_KEEP, self._shared.id, self._at, doc, ref)
        else:
            sql = "UPDATE hiroba.tenant SET refs = refs + 1 WHERE id = $1 RETURNING refs"
            ref = int(await self._db.fetchval(sql, self._shared.id))
            at = self._at
            await self._put_in("entity", [(ref, edit.id, id_key(edit.id), 0, at, at, None, at, doc)])
        await self._type(ref, edit.types)
        return ref

    async def _type(self, ref: int, types: Sequence[str]) -> None:
        await self._put_in("gone_type", [(self._shared.names.intern(iri), ref) for iri in types])

    async def _retype(self, ref: int, entity: Entity, types: Sequence[str]) -> None:
        fresh = [iri for iri in types if iri not in entity["type"]]
        entity = {**entity, "type": [*entity["type"], *fresh], "modifiedAt": instant_text(self._at)}
        await self._db.execute(_KEEP, self._shared.id, self._at, str(orjson.dumps(entity), "utf-8"), ref)
        await self._type(ref, fresh)

    async def _put(self, ref: int, attr: int, instance: Instance) -> None:
        dataset = instance.get("datasetId")
        ds = 0 if dataset is None else self._shared.names.intern(dataset)
        row = history_row((ref, attr, 0, ds), instance, self._at, orjson.dumps(instance))
        if row[5] is not None:
            await self._db.execute(_SAME, self._shared.id, ref, attr, row[5], APART, ds)
        last = await self._db.fetchval(_LAST, self._shared.id, ref, attr, row[2], APART)
        seq = APART if last is None else last + 1
        await self._put_in("history", [(*row[:3], seq, *row[4:10], str(row[10], "utf-8"))])

    async def cut(self, edit: HistoryCut) -> int | None:
        known = await self._known(edit.id)
        if known is None:
            return None
        ref, there, entity = known
        if edit.attribute is None:
            return await self._forget(ref, entity, there=there)
        attr = self._shared.names.ids.get(edit.attribute, 0)
        if edit.instance_id is not None:
            return await self._one(ref, attr, edit)
        sql = "DELETE FROM hiroba.history WHERE tenant = $1 AND ref = $2 AND attr = $3"
        values = [self._shared.id, ref, attr]
        if not edit.all_datasets:
            sql += " AND ds = $4"
            values.append(0 if edit.dataset is None else self._shared.names.ids.get(edit.dataset, -1))
        return await self._deleted(sql, *values)

    async def _deleted(self, sql: str, *values: Any) -> int:
        done: str = await self._db.execute(sql, *values)
        return int(done.rpartition(" ")[2])

    async def _forget(self, ref: int, entity: Entity, *, there: bool) -> int:
        removed = await self._deleted("DELETE FROM hiroba.history WHERE tenant = $1 AND ref = $2", self._shared.id, ref)
        if not there:
            # the row stays, for the change log may still speak of it
            await self._db.execute(_UNTYPED, self._shared.id, ref, self._numbers(entity["type"]))
            bare = {name: entity[name] for name in ("id", "type", "createdAt", "modifiedAt") if name in entity}
            doc = str(orjson.dumps({**bare, "attrs": {}}), "utf-8")
            await self._db.execute(_KEEP, self._shared.id, self._at, doc, ref)
            removed = max(removed, 1)
        return removed

    async def _one(self, ref: int, attr: int, edit: HistoryCut) -> int:
        rows = await self._db.fetch(_FIND, self._shared.id, ref, attr, edit.instance_id)
        found = [(*row[:3], orjson.loads(row[3])) for row in rows]
        found = [row for row in found if row[3].get("instanceId") == edit.instance_id]
        for at, seq, ds, before in found:
            await self._db.execute(_ONE, self._shared.id, ref, attr, at, seq, ds)
            if edit.instead is not None:
                kept = {"createdAt": before["createdAt"]} if instant(before.get("createdAt")) is not None else {}
                await self._put(ref, attr, {**edit.instead, **kept, "instanceId": edit.instance_id})
        return len(found)
