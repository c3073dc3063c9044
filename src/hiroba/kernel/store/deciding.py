"""Decides the mutations of one transaction, each against what the ones before have left, whatever the database."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from hiroba.kernel.model.entity import Entity
from hiroba.kernel.model.errors import HirobaError
from hiroba.kernel.store.batch import Batch
from hiroba.kernel.store.cache import Row
from hiroba.kernel.store.port import AttributeChange, Change, Mutation, Stored, Verdict

LOG = logging.getLogger(__name__)
Rows = TypeVar("Rows", bound=Batch)


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


class Deciding(ABC, Generic[Rows]):
    """Run mutations one after the other and remember what they bring; those of `without` are answered by an error.

    `seq` is the newest one of the log, `next_ref` the first that is free, `at` now.
    """

    def __init__(self, batch: Rows, *, seq: int, next_ref: int, at: int, without: Collection[int] = ()) -> None:
        self.batch = batch
        self.at = at
        self.seq = seq
        self.next_ref = next_ref
        self.overlay: dict[str, Held] = {}
        self.changes: list[Change] = []
        self._without = without

    @abstractmethod
    def look(self, id: str) -> Held | None:
        """Return an entity as the database has it, locked against other writers."""

    def apply(self, mutation: Mutation) -> Any:
        """Run one mutation; return its answer, or its HirobaError when it refuses.

        Raises Unwritable when it fails with its rows half added.
        """
        if self._without and id(mutation) in self._without:
            return _failure()
        held = self.overlay.get(mutation.id) or self.look(mutation.id)
        try:
            verdict = mutation.decide(held.live if held is not None else None)
        except HirobaError as refusal:
            return refusal
        except Exception:  # one broken mutation must not take the others along
            LOG.exception("A mutation of %s failed", mutation.id)
            return _failure()
        try:
            return self._carry_out(mutation.id, held, verdict)
        except Exception as error:
            raise Unwritable(mutation) from error

    def _carry_out(self, id: str, held: Held | None, verdict: Verdict) -> Any:
        if not verdict.write:
            return verdict.answer
        after = verdict.entity
        live = held.live if held is not None else None
        indexed = held.indexed if held is not None else None
        state = after or live or indexed
        if state is None:
            return verdict.answer
        ref = held.ref if held is not None else self.next_ref
        changes = verdict.changes
        if after is None and live is None:
            changes = _deletions(state)  # an expired entity is swept by a mutation that cannot see it
        op = "deleted" if after is None else "created" if live is None else "updated"
        seq = self.seq + 1
        change = Change(seq, self.at, op, id, tuple(state["type"]), tuple(changes), state, seq)
        doc = self.batch.add(change, ref, before=indexed, after=after, gone=held.gone if held is not None else ())
        self.seq = seq
        if held is None:
            self.next_ref += 1
        self.changes.append(change)
        gone = () if after is not None else tuple(state["type"])
        self.overlay[id] = Held(ref, after, after, seq, gone, doc if op == "created" else None)
        return verdict.answer

    def kept(self) -> list[Stored]:
        """Return what is there now of the entities that were written, for a cache."""
        # what is written again and again is kept decoded, what is new as the few bytes that it takes
        return [
            Row(id, held.ref, held.version, held.doc) if held.doc else Stored(held.ref, held.version, held.live)
            for id, held in self.overlay.items()
            if held.live is not None
        ]


def _failure() -> HirobaError:
    return HirobaError("The write failed for a reason that is in the server's log.")


def _deletions(entity: Entity) -> tuple[AttributeChange, ...]:
    return tuple(
        AttributeChange(iri, one.get("datasetId"), "deleted", one, None)
        for iri, ones in entity["attrs"].items()
        for one in ones
    )


def put_back(entity: Entity, changes: Sequence[AttributeChange], *, deleted: bool) -> None:
    """Set the changed attributes to what they were then: after the change, or before it for a deleted entity."""
    if deleted:
        entity["attrs"] = {}
    attrs = entity["attrs"]
    for change in changes:
        then = change.before if deleted else change.after
        others = [one for one in attrs.get(change.attribute, ()) if one.get("datasetId") != change.dataset]
        if then is not None:
            others = [*others, then] if change.dataset else [then, *others]
        if others:
            attrs[change.attribute] = others
        else:
            attrs.pop(change.attribute, None)
