"""Find the subscriptions that a change concerns without asking them all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from hiroba.kernel.model.entity import Entity
from hiroba.kernel.store.port import AttributeChange, Change
from hiroba.kernel.subscriptions.entry import Condition, Entry, Test
from hiroba.kernel.subscriptions.gates import Gated, gate_of

Name = str | None
Key = tuple[Name, Name]

Place = TypeVar("Place", str, Key)

MOST_KEYS = 2000


class _Shared:
    """A condition that several subscriptions have in common, with its answer for the change under way."""

    __slots__ = ("_compiled", "answer", "condition", "gate", "serial", "test", "uses")

    def __init__(self, condition: Condition) -> None:
        self.condition = condition
        self.gate = gate_of(condition)
        self.test: Test | None = None
        self._compiled = False
        self.uses = 0
        self.serial = 0
        self.answer = True

    def met(self, entity: Entity, serial: int) -> bool:
        """Return the answer for the change with this serial; compiling waits until somebody asks."""
        if self.serial != serial:
            if not self._compiled:
                self.test = self.condition.test()
                self._compiled = True
            self.serial = serial
            self.answer = self.test is None or self.test(entity)
        return self.answer


Held = tuple[Entry, _Shared]


class SubscriptionIndex:
    """Subscriptions by (type, attribute) and by entity id; equal conditions are evaluated once per change."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self._by_name: dict[Key, Gated[Held]] = {}
        self._by_id: dict[str, Gated[Held]] = {}
        self._shared: dict[Condition, _Shared] = {}
        self._serial = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(list(self._entries.values()))

    def get(self, id: str) -> Entry | None:
        """Return the entry of a subscription, or None."""
        return self._entries.get(id)

    def put(self, entry: Entry) -> None:
        """Take in a subscription, in place of the one with its id; a periodic one never matches a change."""
        self.drop(entry.id)
        self._entries[entry.id] = entry
        if entry.interval:
            return
        shared = self._shared.get(entry.condition)
        if shared is None:
            shared = self._shared[entry.condition] = _Shared(entry.condition)
        shared.uses += 1
        ids, keys = places(entry)
        for id in ids:
            self._by_id.setdefault(id, Gated()).put(entry.id, (entry, shared), shared.gate)
        for key in keys:
            self._by_name.setdefault(key, Gated()).put(entry.id, (entry, shared), shared.gate)

    def drop(self, id: str) -> None:
        """Forget a subscription, if it is there."""
        entry = self._entries.pop(id, None)
        if entry is None or entry.interval:
            return
        shared = self._shared[entry.condition]
        shared.uses -= 1
        if not shared.uses:
            del self._shared[entry.condition]
        ids, keys = places(entry)
        for place in ids:
            _take_out(self._by_id, place, id)
        for key in keys:
            _take_out(self._by_name, key, id)

    def matches(self, change: Change, moment: int) -> list[Entry]:
        """Return the subscriptions to be notified of a change at an instant (µs)."""
        self._serial += 1
        serial = self._serial
        found: list[Entry] = []
        for entry, shared in self._candidates(change):
            if not entry.alive(moment) or change.seq <= entry.since or not triggers(entry, change):
                continue
            if entry.selects and not any(test(change.entity) for test in entry.selects):
                continue
            if shared.met(change.entity, serial):
                found.append(entry)
        return found

    def _candidates(self, change: Change) -> Iterable[Held]:
        buckets = [self._by_id[change.id]] if change.id in self._by_id else []
        by_name = self._by_name
        if by_name:
            names = [None, *attributes_touched(change)]
            for type in (None, *change.types):
                for name in names:
                    bucket = by_name.get((type, name))
                    if bucket is not None:
                        buckets.append(bucket)
        return {held[0].id: held for bucket in buckets for held in bucket.let_through(change.entity)}.values()


def match(entry: Entry, change: Change, moment: int) -> bool:
    """Tell whether one subscription is to be notified of a change, as the index does for all."""
    if entry.interval or not entry.alive(moment) or change.seq <= entry.since or not triggers(entry, change):
        return False
    if entry.selects and not any(test(change.entity) for test in entry.selects):
        return False
    test = entry.condition.test()
    return test is None or test(change.entity)


def places(entry: Entry) -> tuple[set[str], set[Key]]:
    """Return the ids and the (type, attribute) pairs under which an entry is found."""
    ids: set[str] = set()
    types: set[Name] = set()
    for selector in entry.selectors:
        if selector.ids is not None:
            ids |= selector.ids
        else:
            types |= set(selector.names() or (None,))
    if not entry.selectors:
        types.add(None)
    watched: Iterable[Name] = entry.watched if entry.watched is not None else (None,)
    keys = {(type, name) for type in types for name in watched}
    if len(keys) > MOST_KEYS:
        # rather a longer list of candidates than a subscription that fills the index
        keys = {(type, None) for type in types}
    return ids, keys


def attributes_touched(change: Change) -> set[str]:
    """Return the attributes by which a change can concern a subscription."""
    if change.op == "updated":
        return {one.attribute for one in change.changes if one.kind != "touched"}
    return {one.attribute for one in change.changes} | set(change.entity.get("attrs", ()))


def triggers(entry: Entry, change: Change) -> bool:
    """Tell whether what happened is what a subscription watches (notificationTrigger, watchedAttributes)."""
    if entry.orion is not None:
        return entry.orion.fires(change)
    if change.op == "deleted" and entry.on_deleted and _carries(entry, change):
        return True
    if change.op == "created" and entry.on_created and _carries(entry, change):
        return True
    return any(concerns(entry, one) for one in change.changes)


def concerns(entry: Entry, change: AttributeChange) -> bool:
    """Tell whether a subscription watches this change of an attribute."""
    return change.kind in entry.kinds and (entry.watched is None or change.attribute in entry.watched)


def _carries(entry: Entry, change: Change) -> bool:
    return entry.watched is None or not entry.watched.isdisjoint(change.entity.get("attrs", ()))


def _take_out(table: dict[Place, Gated[Held]], place: Place, id: str) -> None:
    bucket = table[place]
    bucket.drop(id)
    if not len(bucket):
        del table[place]
