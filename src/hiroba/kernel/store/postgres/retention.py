"""Forgets what is older than the settings want, in small transactions between those of others."""

from __future__ import annotations

from functools import partial
from typing import Final

from hiroba.kernel.store.postgres.lines import Connection
from hiroba.kernel.store.postgres.writer import Writer

ROWS: Final = 400
_ENTITIES: Final = 200
EXPIRED: Final = (
    "SELECT id FROM hiroba.entity WHERE tenant = $1 AND expires IS NOT NULL AND expires <= $2 AND deleted IS NULL "
    "ORDER BY expires LIMIT $3"
)
_CHANGES: Final = (
    "DELETE FROM hiroba.change WHERE tenant = $1 AND seq IN (SELECT seq FROM hiroba.change WHERE tenant = $1 "
    "AND at < $2 AND seq < (SELECT max(seq) FROM hiroba.change WHERE tenant = $1) "
    "AND seq <= coalesce((SELECT min(seq) FROM hiroba.cursor WHERE tenant = $1), 9223372036854775807) "
    "ORDER BY seq LIMIT $3)"
)
_HISTORY: Final = (
    "DELETE FROM hiroba.history h WHERE h.tenant = $1 AND h.ref > $2 AND h.ref <= $3 AND h.at < $4 "
    "AND (h.deleted IS NOT NULL OR EXISTS (SELECT FROM hiroba.history n WHERE n.tenant = $1 AND n.ref = h.ref "
    "AND n.attr = h.attr AND n.ds = h.ds AND (n.at, n.seq) > (h.at, h.seq)))"
)


async def trim(writer: Writer, tenant: int, *, history_before: int | None, changes_before: int | None) -> None:
    """Delete history rows and change rows older than these instants (µs).

    The newest change row always stays; so does what a cursor has not passed, and the newest history row of an
    attribute instance that is still there.
    """
    if changes_before is not None:
        while await writer.run(partial(_trim_changes, tenant=tenant, before=changes_before)):
            pass
    if history_before is not None:
        ref: int | None = 0
        while ref is not None:
            ref = await writer.run(partial(_trim_history, tenant=tenant, before=history_before, start=ref))


async def _trim_changes(db: Connection, *, tenant: int, before: int) -> int:
    done: str = await db.execute(_CHANGES, tenant, before, ROWS)
    return int(done.rpartition(" ")[2])


async def _trim_history(db: Connection, *, tenant: int, before: int, start: int) -> int | None:
    """Trim the next entities after a ref; return the last one's ref, None at the end."""
    sql = "SELECT max(ref) FROM (SELECT ref FROM hiroba.entity WHERE tenant = $1 AND ref > $2 ORDER BY ref LIMIT $3) r"
    last: int | None = await db.fetchval(sql, tenant, start, _ENTITIES)
    if last is not None:
        await db.execute(_HISTORY, tenant, start, last, before)
    return last
