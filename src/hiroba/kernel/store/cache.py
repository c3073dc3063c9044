"""Decoded entities kept in memory, the most recently used ones."""

from __future__ import annotations

import orjson

from hiroba.kernel.model.entity import Entity
from hiroba.kernel.store.port import Stored


class Row(Stored):
    """An entity as its row has it, decoded when somebody looks into it: who has it rendered already need not."""

    __slots__ = ("_doc", "_entity", "id")

    def __init__(self, id: str, ref: int, version: int, doc: bytes) -> None:
        self.id = id
        self.ref = ref
        self.version = version
        self._doc = doc
        self._entity: Entity | None = None

    @property
    def entity(self) -> Entity:
        """Return the entity."""
        found = self._entity
        if found is None:
            found = self._entity = orjson.loads(self._doc)
            self._doc = b""
        return found

    @entity.setter
    def entity(self, entity: Entity) -> None:
        self._entity = entity


class Cache:
    """Hold up to about `size` entities by id and by ref.

    Two generations instead of a list of uses: what is not asked for while the young one fills is dropped with the
    old one, at the cost of one dictionary look-up.
    """

    __slots__ = ("_half", "_old", "_old_refs", "_young", "_young_refs")

    def __init__(self, size: int) -> None:
        self._half = max(1, size // 2)
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._young: dict[str, Stored] = {}
        self._young_refs: dict[int, Stored] = {}
        self._old: dict[str, Stored] = {}
        self._old_refs: dict[int, Stored] = {}

    def get(self, id: str) -> Stored | None:
        """Return an entity by its id."""
        found = self._young.get(id)
        if found is None:
            found = self._old.get(id)
            if found is not None:
                self.put(found)
        return found

    def by_ref(self, ref: int) -> Stored | None:
        """Return an entity by its ref."""
        found = self._young_refs.get(ref)
        if found is None:
            found = self._old_refs.get(ref)
            if found is not None:
                self.put(found)
        return found

    def peek(self, ref: int) -> Stored | None:
        """Return an entity by its ref without counting it as a use; safe from any thread."""
        return self._young_refs.get(ref) or self._old_refs.get(ref)

    def put(self, stored: Stored) -> None:
        """Keep an entity in place of what was kept under its id."""
        if len(self._young) >= self._half:
            self._old, self._old_refs = self._young, self._young_refs
            self._young, self._young_refs = {}, {}
        self._young[stored.id if type(stored) is Row else stored.entity["id"]] = stored
        self._young_refs[stored.ref] = stored

    def drop(self, id: str, ref: int) -> None:
        """Forget one entity."""
        self._young.pop(id, None)
        self._old.pop(id, None)
        self._young_refs.pop(ref, None)
        self._old_refs.pop(ref, None)
