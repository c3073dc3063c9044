"""One transaction: decides mutations against what it has itself written so far, publishes after the commit."""

from __future__ import annotations

import logging
from collections.abc import Collection

import apsw
import orjson

from hiroba.kernel.store.cache import Row
from hiroba.kernel.store.deciding import Deciding, Held
from hiroba.kernel.store.expiry import expired, now
from hiroba.kernel.store.sqlite.shared import Shared
from hiroba.kernel.store.sqlite.tables import Batch

LOG = logging.getLogger(__name__)
_LOOK = "SELECT ref, version, deleted, doc FROM entity WHERE id = ?"


class Transaction(Deciding[Batch]):
    """Decide on what is in the database and the cache."""

    def __init__(self, shared: Shared, db: apsw.Connection, *, without: Collection[int] = ()) -> None:
        rows = Batch(shared.names)
        super().__init__(rows, seq=shared.last_seq, next_ref=shared.next_ref, at=now(), without=without)
        self._shared = shared
        self._db = db

    def look(self, id: str) -> Held | None:
        """Return an entity as the database has it."""
        stored = self._shared.cache.get(id)
        if stored is None:
            row = self._db.execute(_LOOK, (id,)).fetchone()
            if row is None:
                return None
            ref, version, deleted, doc = row
            if deleted is not None:
                return Held(ref, None, None, gone=tuple(orjson.loads(doc)["type"]))
            stored = Row(id, ref, version, doc)
        entity = stored.entity
        live = None if expired(entity, self.at) else entity
        return Held(stored.ref, live, entity, stored.version)

    def publish(self) -> None:
        """Show what was committed to readers, then tell the listeners once."""
        shared = self._shared
        shared.names.settle(kept=True)
        shared.last_seq = self.seq
        shared.next_ref = max(shared.next_ref, self.next_ref)
        for id, held in self.overlay.items():
            if held.live is None:
                shared.cache.drop(id, held.ref)
        for kept in self.kept():
            shared.cache.put(kept)
        for end in self.batch.ends:
            if shared.next_expiry is None or end < shared.next_expiry:
                shared.next_expiry = end
        usage = shared.usage
        for key, step in self.batch.usage.items():
            usage[key] = usage.get(key, 0) + step
        if self.batch.geo_changed or self.batch.members_changed:
            shared.geo_generation += 1
        if self.batch.order_changed:
            shared.starts.clear()
        if not self.changes:
            return
        shared.recent.extend(self.changes)
        for listener in tuple(shared.listeners):
            try:
                listener(self.changes)
            except Exception:  # a listener's fault must not reach who wrote
                LOG.exception("A listener of changes failed")
