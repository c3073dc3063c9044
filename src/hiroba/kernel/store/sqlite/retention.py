"""Forgets what is older than the settings want, in small transactions between those of others."""

from __future__ import annotations

from functools import partial
from typing import Final

import apsw

from hiroba.kernel.store.expiry import now
from hiroba.kernel.store.sqlite.writer import Writer

_ROWS: Final = 400
_ENTITIES: Final = 200


async def trim(writer: Writer, *, history_before: int | None, changes_before: int | None) -> None:
    """Delete history rows and change rows older than these instants (µs).

    The newest change row always stays, since seqs count on from it; so does what a cursor has not passed, and the
    newest history row of an attribute instance that is still there.
    """
    if changes_before is not None:
        while await writer.run(partial(_trim_changes, before=changes_before)):
            pass
    if history_before is not None:
        ref: int | None = 0
        while ref is not None:
            ref = await writer.run(partial(_trim_history, before=history_before, start=ref))


def _trim_changes(db: apsw.Connection, *, before: int) -> int:
    db.execute(
        "DELETE FROM change WHERE seq IN (SELECT seq FROM change WHERE at < ? AND seq < (SELECT max(seq) FROM change) "
        "AND seq <= coalesce((SELECT min(seq) FROM cursor), 9223372036854775807) ORDER BY seq LIMIT ?)",
        (before, _ROWS),
    )
    return int(db.changes())


def _trim_history(db: apsw.Connection, *, before: int, start: int) -> int | None:
    """Trim the next entities after a ref; return the last one's ref, None at the end."""
    refs = [
        ref for (ref,) in db.execute("SELECT ref FROM entity WHERE ref > ? ORDER BY ref LIMIT ?", (start, _ENTITIES))
    ]
    if not refs:
        return None
    db.execute(
        "DELETE FROM history WHERE ref > ? AND ref <= ? AND at < ? "
        "AND (deleted IS NOT NULL OR EXISTS (SELECT 1 FROM history n WHERE n.ref = history.ref "
        "AND n.attr = history.attr AND n.ds = history.ds AND (n.at, n.seq) > (history.at, history.seq)))",
        (start, refs[-1], before),
    )
    return int(refs[-1])


def expired_ids(db: apsw.Connection, at: int) -> list[str]:
    """Return some ids of entities whose time, or that of an attribute, is over."""
    sql = (
        "SELECT id FROM entity WHERE expires IS NOT NULL AND expires <= ? AND deleted IS NULL ORDER BY expires LIMIT ?"
    )
    return [id for (id,) in db.execute(sql, (at, _ROWS))]


def touch(db: apsw.Connection) -> None:
    """Write something small, to see that writing works."""
    db.execute("INSERT OR REPLACE INTO meta(key, value) VALUES('touched', ?)", (now(),))
