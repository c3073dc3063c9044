"""Collects the rows that one transaction brings, whatever database they are for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

import orjson

from hiroba.kernel.model.entity import Entity, Instance, value_of
from hiroba.kernel.model.ids import new_instance_id
from hiroba.kernel.query.moments import read_moment
from hiroba.kernel.store import rows
from hiroba.kernel.store.names import Names
from hiroba.kernel.store.port import SCOPE, AttributeChange, Change

OPS: Final = ("created", "updated", "deleted")
KINDS: Final = ("created", "updated", "touched", "deleted")
_OP_NUMBERS: Final = {op: number for number, op in enumerate(OPS)}
_KIND_NUMBERS: Final = {kind: number for number, kind in enumerate(KINDS)}

APART: Final = 1 << 62
"""Seqs from here on are of history rows that no change of the log brought; they count on among those of one instant."""
PAIRS: Final = {
    "entity_type": ("type", "ref"),
    "gone_type": ("type", "ref"),
    "entity_scope": ("scope", "ref"),
    "attr_value": ("attr", "v", "ref"),
}
"""The tables that are sets of their rows, with their columns."""


@lru_cache(maxsize=8192)
def instant(text: str | None) -> int | None:
    """Return µs since 1970 UTC of a date-time text, None for none."""
    moment = read_moment(text)
    return None if moment is None else moment.at


def next_end(entity: Entity) -> int | None:
    """Return when an entity, or the first of its attribute instances, expires (µs; 4.22), None for never."""
    end = instant(entity.get("expiresAt"))
    for instances in entity["attrs"].values():
        for instance in instances:
            if "expiresAt" in instance:
                own = instant(instance["expiresAt"])
                end = own if end is None or (own is not None and own < end) else end
    return end


def instant_text(at: int) -> str:
    """Return µs since 1970 UTC as the text that the standard wants, in milliseconds."""
    seconds, micros = divmod(at, 1_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{micros // 1000:03d}Z"


def moment_of(instance: Instance | None, at: int) -> int | None:
    """Return when an instance counts in the history: when it was observed, or else written."""
    if instance is None:
        return None
    return instant(instance.get("observedAt")) or instant(instance.get("modifiedAt")) or at


def history_row(place: tuple[int, int, int, int], instance: Instance, at: int, doc: bytes) -> tuple[Any, ...]:
    """Return the row of an instance of the history; `place` is (ref, attribute, seq, dataset), `at` now (µs)."""
    ref, attr, seq, ds = place
    value = value_of(instance)
    observed = instant(instance.get("observedAt"))
    deleted = instant(instance.get("deletedAt"))
    modified = instant(instance.get("modifiedAt")) or deleted or at
    return (
        ref,
        attr,
        modified if observed is None else observed,
        seq,
        ds,
        observed,
        instant(instance.get("createdAt")),
        modified,
        deleted,
        float(value) if type(value) in (float, int) else None,
        doc,
    )


class Batch:
    """The rows of one transaction that are not in the database yet."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.ends: list[int] = []
        """When entities written here, or attributes of them, expire (µs)."""
        self.usage: dict[rows.UsageKey, int] = {}
        self._shapes: dict[rows.Shape, int] = {}
        self.geo_changed = False
        self.members_changed = False
        self.order_changed = False
        self.reset()

    @property
    def size(self) -> int:
        """Return of how many entities the rows are not written yet."""
        return len(self.entities)

    def reset(self) -> None:
        """Forget the rows, which are written now; the counts stay."""
        self.entities: dict[int, tuple[Any, ...]] = {}
        self.sets: dict[str, dict[tuple[Any, ...], bool]] = {table: {} for table in PAIRS}
        self.geo: dict[int, rows.GeoRow | None] = {}
        self.history: list[tuple[Any, ...]] = []
        self.changes: list[tuple[Any, ...]] = []

    def add(
        self, change: Change, ref: int, *, before: Entity | None, after: Entity | None, gone: Sequence[str]
    ) -> bytes:
        """Add what a change brings; return the entity as it is written.

        `before` is the state whose index rows are there now; `gone` are the types that it was deleted with, if it was.
        A deleted entity's last state stays, so that its history keeps its owner.
        """
        at, seq = change.at, change.seq
        # first, since it fails before anything is added when the entity cannot be written as JSON
        doc = self._entity(ref, seq, at=at, entity=change.entity, deleted=at if after is None else None)
        self._log(change, ref)
        self._record_scope(change, ref, before, after)
        self._index(ref, before, after)
        for iri in gone:
            self.order_changed = True
            self.sets["gone_type"][self.names.intern(iri), ref] = False
        return doc

    def _entity(self, ref: int, seq: int, *, at: int, entity: Entity, deleted: int | None) -> bytes:
        expires = next_end(entity)
        if expires is not None and deleted is None:
            self.ends.append(expires)
        doc = orjson.dumps(entity)
        self.entities[ref] = (
            ref,
            entity["id"],
            seq,
            instant(entity.get("createdAt")) or at,
            instant(entity.get("modifiedAt")) or at,
            expires,
            deleted,
            doc,
        )
        return doc

    def _log(self, logged: Change, ref: int) -> None:
        intern = self.names.intern
        at, seq = logged.at, logged.seq
        log: list[Any] = []
        for change in logged.changes:
            attr = intern(change.attribute)
            dataset = change.dataset
            kind = _KIND_NUMBERS[change.kind]
            ds = 0 if dataset is None else intern(dataset)
            instance = change.after
            if instance is None:
                gone = _gone(change, at)
                self.history.append((ref, attr, at, seq, ds, None, None, at, at, None, orjson.dumps(gone)))
                log.append((attr, dataset, kind, None, moment_of(change.before, at)))
                continue
            doc = orjson.dumps(instance)
            self.history.append(history_row((ref, attr, seq, ds), instance, at, doc))
            log.append((attr, dataset, kind, orjson.Fragment(doc), moment_of(change.before, at)))
        types = orjson.dumps([intern(iri) for iri in logged.types])
        self.changes.append((seq, at, _OP_NUMBERS[logged.op], ref, types, orjson.dumps(log)))

    def _record_scope(self, change: Change, ref: int, before: Entity | None, after: Entity | None) -> None:
        """Record the scopes that an entity has from now on, or that it has none any more (4.5.6)."""
        was = before.get("scope") if before else None
        fresh = after.get("scope") if after else None
        if (not was and not fresh) or was == fresh:
            return
        text = instant_text(change.at)
        at = instant(text) or change.at  # as exact as the text, so that scopes of one millisecond keep their order
        place = (ref, self.names.intern(SCOPE), change.seq, 0)
        instance: Instance = {"type": "Property", "deletedAt": text}
        if fresh:
            instance = {"type": "Property", "value": fresh, "observedAt": text, "createdAt": text, "modifiedAt": text}
        self.history.append(history_row(place, instance, at, orjson.dumps(instance)))

    def _index(self, ref: int, before: Entity | None, after: Entity | None) -> None:
        intern = self.names.intern
        old = before["attrs"] if before else {}
        new = after["attrs"] if after else {}
        geo = shaped = False
        values = self.sets["attr_value"]
        for iri, instances in new.items():
            was = old.get(iri)
            if was is instances:
                continue
            fresh = rows.index_values(instances)
            attr = intern(iri)
            geo = geo or rows.may_have_geo(instances) or rows.may_have_geo(was)
            if was is None:
                shaped = True
            else:
                shaped = shaped or rows.kinds_of(was) != rows.kinds_of(instances)
                stale = rows.index_values(was)
                for v in stale - fresh:
                    values[attr, v, ref] = False
                fresh -= stale
            for v in fresh:
                values[attr, v, ref] = True
        for iri, was in old.items():
            if iri not in new:
                shaped = True
                geo = geo or rows.may_have_geo(was)
                attr = intern(iri)
                for v in rows.index_values(was):
                    values[attr, v, ref] = False
        if geo:
            self._locate(ref, before, after)
        if shaped or before is None or after is None or before["type"] != after["type"]:
            self._count(before, after)
        self._classify(ref, before, after)

    def _locate(self, ref: int, before: Entity | None, after: Entity | None) -> None:
        intern = self.names.intern
        stale = {row[0]: row for row in rows.geo_rows(ref, before["attrs"], intern)} if before else {}
        fresh = {row[0]: row for row in rows.geo_rows(ref, after["attrs"], intern)} if after else {}
        for id in stale.keys() - fresh.keys():
            self.geo[id] = None
            self.geo_changed = True
        for id, row in fresh.items():
            if stale.get(id) != row:
                self.geo[id] = row
                self.geo_changed = True

    def _count(self, before: Entity | None, after: Entity | None) -> None:
        was = rows.shape_of(before) if before else None
        now = rows.shape_of(after) if after else None
        if was != now:
            shapes = self._shapes
            if was is not None:
                shapes[was] = shapes.get(was, 0) - 1
            if now is not None:
                shapes[now] = shapes.get(now, 0) + 1

    def add_up(self) -> None:
        """Turn what was added into steps of the counts."""
        for shape, n in self._shapes.items():
            for key in rows.usage_keys(shape, self.names.intern):
                self.usage[key] = self.usage.get(key, 0) + n
        self._shapes = {}

    def _classify(self, ref: int, before: Entity | None, after: Entity | None) -> None:
        intern = self.names.intern
        stale = before["type"] if before else []
        fresh = after["type"] if after else []
        if stale != fresh:
            self.members_changed = True
            self.order_changed = self.order_changed or bool(stale)
            table = self.sets["entity_type"]
            for iri in stale:
                table[intern(iri), ref] = False
                if after is None:
                    self.sets["gone_type"][intern(iri), ref] = True
            for iri in fresh:
                table[intern(iri), ref] = True
        was, now = rows.scopes_of(before), rows.scopes_of(after)
        scopes = self.sets["entity_scope"]
        for scope in was - now:
            scopes[scope, ref] = False
        for scope in now - was:
            scopes[scope, ref] = True


def _gone(change: AttributeChange, at: int) -> Instance:
    """Return the instance that tells of a deletion (4.5.7)."""
    before = change.before or {}
    gone: Instance = {
        "type": before.get("type", "Property"),
        "deletedAt": instant_text(at),
        "instanceId": new_instance_id(),
    }
    if "datasetId" in before:
        gone["datasetId"] = before["datasetId"]
    return gone
