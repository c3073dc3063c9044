"""What the writer and the readers of a tenant share: the cache, the names, the counts and how far the log reaches."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

import apsw

from hiroba.kernel.query.tree import TypeQuery
from hiroba.kernel.store.cache import Cache
from hiroba.kernel.store.expiry import expired as expired
from hiroba.kernel.store.expiry import now as now
from hiroba.kernel.store.port import Change
from hiroba.kernel.store.rows import UsageKey
from hiroba.kernel.store.sqlite.names import Names

Listener = Callable[[Sequence[Change]], None]


class Shared:
    """A tenant's committed state in memory, changed only by the event loop's thread."""

    def __init__(self, name: str, path: Path | None, *, cache_size: int) -> None:
        self.name = name
        self.path = path
        self.cache = Cache(cache_size)
        self.names = Names()
        self.usage: dict[UsageKey, int] = {}
        self.recent: deque[Change] = deque(maxlen=1024)
        self.listeners: list[Listener] = []
        self.last_seq = 0
        self.next_ref = 1
        self.geo_generation = 0
        self.starts: dict[tuple[TypeQuery | None, int], int] = {}
        """The ref with which a page begins, by type and offset; those that are created come after all others."""
        self.next_expiry: int | None = None

    @property
    def label(self) -> str:
        """Return what to call this database in an error."""
        return str(self.path) if self.path is not None else "the store in memory"

    def load(self, db: apsw.Connection) -> None:
        """Read everything anew from the database, forgetting what was in memory."""
        self.cache.clear()
        self.names.load(db)
        self.usage = {(t, a, k): n for t, a, k, n in db.execute("SELECT type, attr, kind, n FROM usage")}
        self.last_seq = int(db.execute("SELECT coalesce(max(seq), 0) FROM change").get)
        self.next_ref = int(db.execute("SELECT coalesce(max(ref), 0) + 1 FROM entity").get)
        self.load_expiry(db)
        self.geo_generation += 1
        self.starts.clear()
        self.recent.clear()

    def load_expiry(self, db: apsw.Connection) -> None:
        """Read when the next entity expires."""
        self.next_expiry = db.execute(
            "SELECT min(expires) FROM entity WHERE expires IS NOT NULL AND deleted IS NULL"
        ).get

    def expiring(self, at: int) -> bool:
        """Tell whether some entity that is still kept has expired."""
        return self.next_expiry is not None and self.next_expiry <= at
