"""What is over: entities and attributes with an `expiresAt` that has passed (GS CIM 009, 4.22)."""

from __future__ import annotations

import time

from hiroba.kernel.model.entity import Attributes, Entity
from hiroba.kernel.store.batch import instant, instant_text
from hiroba.kernel.store.port import AttributeChange, Verdict


def now() -> int:
    """Return the time in µs since 1970 UTC."""
    return time.time_ns() // 1000


def expired(entity: Entity, at: int) -> bool:
    """Tell whether an entity's time is over (4.22)."""
    expires = entity.get("expiresAt")
    if expires is None:
        return False
    end = instant(expires)
    return end is not None and end <= at


def swept(present: Entity | None) -> Verdict:
    """Decide what stays of an entity of which something has expired; it is shown as none when all of it has."""
    if present is None:
        return Verdict(write=True)
    at = now()
    changes: list[AttributeChange] = []
    attrs: Attributes = {}
    for iri, instances in present["attrs"].items():
        kept = [one for one in instances if "expiresAt" not in one or not expired(one, at)]
        if kept:
            attrs[iri] = kept
        changes.extend(
            AttributeChange(iri, one.get("datasetId"), "deleted", one, None) for one in instances if one not in kept
        )
    if not changes:  # renewed meanwhile
        return Verdict(write=False)
    return Verdict(write=True, entity={**present, "modifiedAt": instant_text(at), "attrs": attrs}, changes=changes)
