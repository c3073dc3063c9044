"""Entities as bytes, each rendered once per version, context and representation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import orjson

from hiroba.kernel.model.compact import View, compact_entity
from hiroba.kernel.model.context import Context
from hiroba.kernel.store.port import Stored

BUDGET: Final = 48 * 1024 * 1024
OVERHEAD: Final = 250
"""Bytes that an entry costs beside its text: key, headers, slot."""


class Fragments:
    """Rendered entities, the oldest given up first; `budget` bounds their size in bytes."""

    def __init__(self, budget: int = BUDGET) -> None:
        self._held: dict[tuple[Any, ...], bytes] = {}
        self._budget = budget
        self._size = 0

    def one(self, tenant: str, stored: Stored, context: Context, view: View) -> bytes:
        """Return an entity as JSON without its @context."""
        key = (stored.ref, stored.version, tenant, context.key, view)
        found = self._held.get(key)
        if found is None:
            found = orjson.dumps(compact_entity(stored.entity, context, view))
            self._keep(key, found)
        return found

    def many(self, tenant: str, rows: Sequence[Stored], context: Context, view: View) -> bytes:
        """Return entities as a JSON array."""
        return b"[" + b",".join([self.one(tenant, row, context, view) for row in rows]) + b"]"

    def _keep(self, key: tuple[Any, ...], text: bytes) -> None:
        self._size += len(text) + OVERHEAD
        self._held[key] = text
        while self._size > self._budget:
            oldest = next(iter(self._held))
            self._size -= len(self._held.pop(oldest)) + OVERHEAD


def with_context(fragment: bytes, reference: Any) -> bytes:
    """Return a rendered entity with its @context spliced in as the last member."""
    return fragment[:-1] + b',"@context":' + orjson.dumps(reference) + b"}"
