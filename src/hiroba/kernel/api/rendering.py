"""Entities as bytes, each rendered once per version, context and representation."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, Final, TypeAlias

import orjson

from hiroba.kernel.model.compact import View, compact_entity
from hiroba.kernel.model.context import Context
from hiroba.kernel.store.port import Stored

BUDGET: Final = 48 * 1024 * 1024
OVERHEAD: Final = 250
"""Bytes that an entry costs beside its text: headers, slots, its place in the order."""
SHELVES: Final = 256


Shelf: TypeAlias = dict[int, tuple[int, bytes]]
"""Ref → the version rendered, and its text."""


class Fragments:
    """Rendered entities, the oldest given up first; `budget` bounds their size in bytes.

    There is a shelf for each tenant, context and view, so that a page looks up its shelf once and its rows by number.
    """

    def __init__(self, budget: int = BUDGET) -> None:
        self._shelves: dict[tuple[str, str, View], Shelf] = {}
        self._order: deque[tuple[Shelf, int]] = deque()
        self._budget = budget
        self._size = 0

    def one(self, tenant: str, stored: Stored, context: Context, view: View) -> bytes:
        """Return an entity as JSON without its @context."""
        shelf = self._shelf(tenant, context, view)
        found = shelf.get(stored.ref)
        if found is not None and found[0] == stored.version:
            return found[1]
        return self._render(shelf, stored, context, view)

    def many(self, tenant: str, rows: Sequence[Stored], context: Context, view: View) -> bytes:
        """Return entities as a JSON array."""
        shelf = self._shelf(tenant, context, view)
        parts = []
        for row in rows:
            found = shelf.get(row.ref)
            if found is not None and found[0] == row.version:
                parts.append(found[1])
            else:
                parts.append(self._render(shelf, row, context, view))
        return b"[" + b",".join(parts) + b"]"

    def _shelf(self, tenant: str, context: Context, view: View) -> Shelf:
        key = (tenant, context.key, view)
        shelf = self._shelves.get(key)
        if shelf is None:
            if len(self._shelves) >= SHELVES:
                self._shelves.clear()
                self._order.clear()
                self._size = 0
            shelf = self._shelves[key] = {}
        return shelf

    def _render(self, shelf: Shelf, stored: Stored, context: Context, view: View) -> bytes:
        text = orjson.dumps(compact_entity(stored.entity, context, view))
        before = shelf.get(stored.ref)
        if before is None:
            self._size += len(text) + OVERHEAD
            self._order.append((shelf, stored.ref))
        else:
            self._size += len(text) - len(before[1])
        shelf[stored.ref] = stored.version, text
        while self._size > self._budget:
            oldest, ref = self._order.popleft()
            self._size -= len(oldest.pop(ref)[1]) + OVERHEAD
        return text


def with_context(fragment: bytes, reference: Any) -> bytes:
    """Return a rendered entity with its @context spliced in as the last member."""
    return fragment[:-1] + b',"@context":' + orjson.dumps(reference) + b"}"
