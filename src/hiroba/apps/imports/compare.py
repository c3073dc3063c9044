"""Find what an import changes in an entity that the city already has; pure."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, field
from typing import Any

Entity = dict[str, Any]
EDITED_BY = "editedBy"
"""The sub-attribute with which an editor signs a value corrected by hand."""
SOURCE = "source"
"""The attribute that says which data set an entity came with."""
_MEMBERS = frozenset({"id", "type", "scope", "@context"})


@dataclass(slots=True)
class Difference:
    """What to write: attributes new or changed, and attributes gone; `kept` were corrected by hand and stay."""

    changed: dict[str, Any] = field(default_factory=dict)
    gone: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.changed or self.gone)


def difference(made: Entity, present: Entity, *, speaks_for: Set[str]) -> Difference:
    """Compare two normalized entities; an attribute that the file speaks for but does not give is gone.

    What an editor has signed stays as it is, even if the file still has the old value.
    """
    found = Difference()
    for name, instance in attributes(made).items():
        old = present.get(name)
        if old == instance or (name == SOURCE and old is not None):
            # what two data sets describe stays with the one that brought it
            continue
        if edited(old):
            found.kept.append(name)
        else:
            found.changed[name] = instance
    for name in sorted(speaks_for & attributes(present).keys() - made.keys()):
        (found.kept if edited(present[name]) else found.gone).append(name)
    return found


def attributes(entity: Entity) -> dict[str, Any]:
    """Return the attributes of a normalized entity."""
    return {name: value for name, value in entity.items() if name not in _MEMBERS}


def edited(instance: Any) -> bool:
    """Tell whether a value was corrected by hand."""
    return isinstance(instance, dict) and EDITED_BY in instance
