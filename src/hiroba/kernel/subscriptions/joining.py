"""Let linked entities go along in notifications (GS CIM 009, 4.5.23 and 5.8.6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hiroba.kernel.broker.linking import Get, gather
from hiroba.kernel.model.compact import View
from hiroba.kernel.model.context import Context
from hiroba.kernel.model.entity import Entity
from hiroba.kernel.model.linking import Join, beside, with_linked
from hiroba.kernel.store.port import Change
from hiroba.kernel.subscriptions.entry import Entry


@dataclass(slots=True, frozen=True)
class Joined:
    """What a notification tells of, with linked entities inside, and those that stand beside, with their views."""

    data: list[Change | Entity]
    beside: list[tuple[Entity, View]]


async def joined(get: Get, entry: Entry, data: Sequence[Change | Entity], context: Context, *, join: Join) -> Joined:
    """Gather what is linked now; a deleted entity stands alone."""
    told = list(data)
    linking = [entity for one in told if (entity := _linking(one)) is not None]
    known = await gather(get, linking, entry.view, join)
    if join.flat:
        return Joined(told, beside(linking, entry.view, join, known))
    for place, one in enumerate(told):
        entity = _linking(one)
        if entity is not None:
            filled = with_linked(entity, context, entry.view, join=join, known=known)
            told[place] = one._replace(entity=filled) if isinstance(one, Change) else filled
    return Joined(told, [])


def _linking(one: Change | Entity) -> Entity | None:
    if isinstance(one, Change):
        return None if one.op == "deleted" else one.entity
    return one
