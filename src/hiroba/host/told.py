"""Changes as apps and agents are told of them, put into words when somebody looks."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from hiroba.kernel.model.compact import View, compact_instance
from hiroba.kernel.model.context import Context
from hiroba.kernel.model.instants import format_instant
from hiroba.kernel.store.port import Change
from hiroba.sdk import Changed

PLAIN = View()


class Told(Changed):
    """A change as the stream tells it: the changed attributes as they are now, None for those gone.

    Most readers pass over most changes after a look at the type and the names, so the attributes are only written
    out for who asks for them.
    """

    __slots__ = ("_change", "_context")

    _change: Change
    _context: Context

    def __init__(self, change: Change, context: Context) -> None:
        keep = object.__setattr__
        keep(self, "seq", change.seq)
        keep(self, "at", format_instant(change.at))
        keep(self, "op", change.op)
        keep(self, "id", change.id)
        keep(self, "types", tuple([context.compact_name(one) for one in change.types]))
        keep(self, "_change", change)
        keep(self, "_context", context)

    @property
    def names(self) -> Collection[str]:
        """Return the names of the changed attributes."""
        return {self._context.compact_name(iri) for iri in self._iris()}

    def about(self, names: Collection[str]) -> dict[str, Any]:
        """Return those of the changed attributes that have these names."""
        return self._told(names)

    @property
    def attrs(self) -> dict[str, Any]:
        """Return the changed attributes."""
        return self._told(None)

    def _iris(self) -> list[str]:
        change = self._change
        if change.op == "deleted":
            return []
        return [one.attribute for one in change.changes if one.kind != "touched"]

    def _told(self, names: Collection[str] | None) -> dict[str, Any]:
        context = self._context
        attrs: dict[str, Any] = {}
        present = self._change.entity["attrs"]
        for iri in self._iris():
            name = context.compact_name(iri)
            if names is None or name in names:
                instances = [compact_instance(each, context, PLAIN) for each in present.get(iri, ())]
                attrs[name] = None if not instances else instances[0] if len(instances) == 1 else instances
        return attrs

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Changed):
            return NotImplemented
        mine = (self.seq, self.at, self.op, self.id, self.types, self.attrs)
        return mine == (other.seq, other.at, other.op, other.id, other.types, other.attrs)

    __hash__ = None  # type: ignore[assignment]  # as its attributes are a dictionary
