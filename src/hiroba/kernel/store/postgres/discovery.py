"""Tells what is in use, and groups points for a map."""

from __future__ import annotations

from typing import Final

from hiroba.kernel.query.tree import TypeQuery
from hiroba.kernel.store import rows
from hiroba.kernel.store.expiry import now
from hiroba.kernel.store.port import Cluster
from hiroba.kernel.store.postgres import plan
from hiroba.kernel.store.postgres.lines import Connection
from hiroba.kernel.store.postgres.shared import Shared
from hiroba.kernel.store.rows import UsageKey

_USAGE: Final = "SELECT type, attr, kind, n FROM hiroba.usage WHERE tenant = $1"


async def usage(shared: Shared) -> dict[UsageKey, int]:
    """Return the counts, every name in which is known then."""
    found = {(t, a, k): n for t, a, k, n in await shared.lines.fetch(shared.id, _USAGE, shared.id)}
    iris = shared.names.iris
    if any((t and t not in iris) or (a and a not in iris) for t, a, _ in found):
        await shared.refresh_names()
    return found


async def clusters(
    db: Connection,
    shared: Shared,
    types: TypeQuery,
    *,
    bbox: tuple[float, float, float, float],
    cell: tuple[float, float],
) -> list[Cluster]:
    """Group the middles of default locations by cells of a grid that starts at 0° 0°."""
    new = plan.Statement(shared.id)
    chosen = new.types(types, shared.names)
    w, s, e, n, width, height, at = (f"{new.put(float(value))}::float8" for value in (*bbox, *cell, now()))
    slots = rows.SLOTS
    sql = (
        "SELECT avg(x), avg(y), count(*), min(ref) FROM ("
        f"SELECT (g.x0 + g.x1) / 2 AS x, (g.y0 + g.y1) / 2 AS y, g.id / {slots} AS ref "
        f"FROM hiroba.boxes({w}, {s}, {e}, {n}) g WHERE g.id % {slots} = 0 AND g.id / {slots} IN ({chosen})"
        f") p WHERE x BETWEEN {w} AND {e} AND y BETWEEN {s} AND {n} AND ref NOT IN (SELECT ref FROM hiroba.entity "
        f"WHERE tenant = $1 AND expires IS NOT NULL AND expires <= {at}::bigint AND deleted IS NULL) "
        f"GROUP BY floor(x / {width}), floor(y / {height}) ORDER BY floor(x / {width}), floor(y / {height})"
    )
    return [Cluster(*row) for row in await db.fetch(sql, *new.values)]
