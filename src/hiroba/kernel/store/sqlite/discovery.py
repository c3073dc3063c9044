"""Groups points for a map."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final

import apsw

from hiroba.kernel.model.entity import LOCATION
from hiroba.kernel.query.tree import TypeIs, TypeQuery
from hiroba.kernel.store import rows
from hiroba.kernel.store.expiry import now
from hiroba.kernel.store.port import Cluster
from hiroba.kernel.store.sqlite import plan
from hiroba.kernel.store.sqlite.shared import Shared

_KEPT: Final = 256


def clusters(
    db: apsw.Connection,
    shared: Shared,
    types: TypeQuery,
    *,
    bbox: tuple[float, float, float, float],
    cell: tuple[float, float],
) -> list[Cluster]:
    """Group the middles of default locations by cells of a grid that starts at 0° 0°.

    Slot 0 of an entity's R*Tree rows is its default location, so the id alone tells it from other geometries.
    """
    west, south, east, north = bbox
    slots = rows.SLOTS
    chosen = plan.types_sql(types, shared.names)
    own = f"g.id / {slots}"
    if isinstance(types, TypeIs):
        type_ = shared.names.ids.get(types.type, 0)
        source = (
            f"geo g CROSS JOIN entity_type t ON t.type = {type_} AND t.ref = {own} WHERE "
            if shared.usage.get((type_, 0, ""), 0) * 8 > shared.usage.get((0, shared.names.ids.get(LOCATION, 0), ""), 0)
            else f"entity_type t CROSS JOIN geo g ON g.id = t.ref * {slots} WHERE t.type = {type_} AND "
        )
    else:
        source = f"geo g WHERE {own} IN ({chosen}) AND "
    values: list[float] = [west, east, south, north]
    unexpired = ""
    if shared.expiring(now()):
        unexpired = f"AND {own} NOT IN (SELECT ref FROM entity WHERE expires <= ? AND deleted IS NULL) "
        values.append(now())
    sql = (
        "SELECT avg(x), avg(y), count(*), min(ref) FROM ("
        f"SELECT (g.x0 + g.x1) / 2 AS x, (g.y0 + g.y1) / 2 AS y, {own} AS ref FROM {source}"
        f"g.x1 >= ? AND g.x0 <= ? AND g.y1 >= ? AND g.y0 <= ? AND g.id % {slots} = 0 {unexpired}) "
        "WHERE x BETWEEN ? AND ? AND y BETWEEN ? AND ? GROUP BY floor(x / ?), floor(y / ?)"
    )
    values += [west, east, south, north, *cell]
    return [Cluster(*row) for row in db.execute(sql, values)]


class ClusterCache:
    """Keep clusters until a location, a type or the set of entities changes."""

    def __init__(self) -> None:
        self._generation = -1
        self._known: OrderedDict[Hashable, list[Cluster]] = OrderedDict()

    def get(self, generation: int, key: Hashable) -> list[Cluster] | None:
        """Return what is known for a key, if nothing moved since."""
        return self._known.get(key) if generation == self._generation else None

    def put(self, generation: int, key: Hashable, found: list[Cluster]) -> None:
        """Keep an answer that was read at a generation or later."""
        if generation < self._generation:
            return
        if generation != self._generation:
            self._known.clear()
            self._generation = generation
        self._known[key] = found
        if len(self._known) > _KEPT:
            self._known.popitem(last=False)
