"""One transaction: decides mutations against what it has itself written so far, publishes after the commit."""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import apsw
import orjson

from hiroba.kernel.model.entity import Entity
from hiroba.kernel.model.errors import HirobaError
from hiroba.kernel.store.port import AttributeChange, Change, Mutation, Stored, Verdict
from hiroba.kernel.store.sqlite.batch import Batch
from hiroba.kernel.store.sqlite.cache import Row
from hiroba.kernel.store.sqlite.shared import Shared, expired, now

LOG = logging.getLogger(__name__)
_LOOK = "SELECT ref, version, deleted, doc FROM entity WHERE id = ?"


@dataclass(slots=True)
class Held:
    """An entity as the running transaction sees it.

    `live` is what a mutation is shown, `indexed` the state that its index rows follow: one that has expired and was not
    swept yet is not live, but still indexed. `gone` are the types that a deleted one had.
    """

    ref: int
    live: Entity | None
    indexed: Entity | None
    version: int = 0
    gone: tuple[str, ...] = ()
    doc: bytes | None = None


class Unwritable(Exception):
    """Say that what a mutation decided cannot be written; the transaction is spoilt and has to be run without it."""

    def __init__(self, mutation: Mutation) -> None:
        super().__init__(mutation.id)
        self.mutation = mutation


class Transaction:
    """Run mutations one after the other and remember what they bring; those of `without` are answered by an error."""

    def __init__(self, shared: Shared, db: apsw.Connection, *, without: Collection[int] = ()) -> None:
        self.batch = Batch(shared.names)
        self._without = without
        self._shared = shared
        self._db = db
        self._at = now()
        self._overlay: dict[str, Held] = {}
        self._seq = shared.last_seq
        self._next_ref = shared.next_ref
        self._changes: list[Change] = []

    def apply(self, mutation: Mutation) -> Any:
        """Run one mutation; return its answer, or its HirobaError when it refuses.

        Raises Unwritable when it fails with its rows half added.
        """
        if self._without and id(mutation) in self._without:
            return _failure()
        held = self._look(mutation.id)
        try:
            verdict = mutation.decide(held.live if held is not None else None)
        except HirobaError as refusal:
            return refusal
        except Exception:  # one broken mutation must not take the others along
            LOG.exception("A mutation of %s failed", mutation.id)
            return _failure()
        try:
            return self._carry_out(mutation.id, held, verdict)
        except apsw.Error:
            raise
        except Exception as error:
            raise Unwritable(mutation) from error

    def _look(self, id: str) -> Held | None:
        held = self._overlay.get(id)
        if held is not None:
            return held
        stored = self._shared.cache.get(id)
        if stored is None:
            row = self._db.execute(_LOOK, (id,)).fetchone()
            if row is None:
                return None
            ref, version, deleted, doc = row
            if deleted is not None:
                return Held(ref, None, None, gone=tuple(orjson.loads(doc)["type"]))
            stored = Row(id, ref, version, doc)
        entity = stored.entity
        live = None if expired(entity, self._at) else entity
        return Held(stored.ref, live, entity, stored.version)

    def _carry_out(self, id: str, held: Held | None, verdict: Verdict) -> Any:
        if not verdict.write:
            return verdict.answer
        after = verdict.entity
        live = held.live if held is not None else None
        indexed = held.indexed if held is not None else None
        state = after or live or indexed
        if state is None:
            return verdict.answer
        ref = held.ref if held is not None else self._next_ref
        changes = verdict.changes
        if after is None and live is None:
            changes = _deletions(state)  # an expired entity is swept by a mutation that cannot see it
        op = "deleted" if after is None else "created" if live is None else "updated"
        seq = self._seq + 1
        change = Change(seq, self._at, op, id, tuple(state["type"]), tuple(changes), state, seq)
        doc = self.batch.add(change, ref, before=indexed, after=after, gone=held.gone if held is not None else ())
        self._seq = seq
        if held is None:
            self._next_ref += 1
        self._changes.append(change)
        gone = () if after is not None else tuple(state["type"])
        self._overlay[id] = Held(ref, after, after, seq, gone, doc if op == "created" else None)
        return verdict.answer

    def publish(self) -> None:
        """Show what was committed to readers, then tell the listeners once."""
        shared = self._shared
        shared.names.settle(kept=True)
        shared.last_seq = self._seq
        shared.next_ref = max(shared.next_ref, self._next_ref)
        for id, held in self._overlay.items():
            if held.live is None:
                shared.cache.drop(id, held.ref)
                continue
            # what is written again and again is kept decoded, what is new as the few bytes that it takes
            kept = Row(id, held.ref, held.version, held.doc) if held.doc else Stored(held.ref, held.version, held.live)
            shared.cache.put(kept)
        for end in self.batch.ends:
            if shared.next_expiry is None or end < shared.next_expiry:
                shared.next_expiry = end
        usage = shared.usage
        for key, step in self.batch.usage.items():
            usage[key] = usage.get(key, 0) + step
        if self.batch.geo_changed or self.batch.members_changed:
            shared.geo_generation += 1
        if self.batch.order_changed:
            shared.starts.clear()
        if not self._changes:
            return
        shared.recent.extend(self._changes)
        for listener in tuple(shared.listeners):
            try:
                listener(self._changes)
            except Exception:  # a listener's fault must not reach who wrote
                LOG.exception("A listener of changes failed")


def _failure() -> HirobaError:
    return HirobaError("The write failed for a reason that is in the server's log.")


def _deletions(entity: Entity) -> tuple[AttributeChange, ...]:
    return tuple(
        AttributeChange(iri, one.get("datasetId"), "deleted", one, None)
        for iri, ones in entity["attrs"].items()
        for one in ones
    )
