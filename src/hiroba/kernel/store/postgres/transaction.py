"""One transaction: it takes the tenant's row first, so that the writers of all processes follow one another."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import orjson

from hiroba.kernel.store.batch import Batch
from hiroba.kernel.store.cache import Row
from hiroba.kernel.store.deciding import Deciding, Held
from hiroba.kernel.store.expiry import expired, now
from hiroba.kernel.store.port import Stored
from hiroba.kernel.store.postgres.keys import id_key
from hiroba.kernel.store.postgres.lines import Connection
from hiroba.kernel.store.postgres.shared import Shared, TenantGone

_LOOK = (
    "SELECT t.seq, t.refs, t.names, e.id, e.ref, e.version, e.deleted, e.doc FROM hiroba.tenant t LEFT JOIN ("
    "SELECT o.id, o.ref, o.version, o.deleted, CASE WHEN o.version = k.version THEN NULL ELSE o.doc END AS doc "
    "FROM unnest($2::bytea[], $3::bigint[]) AS k(key, version) "
    "JOIN hiroba.entity o ON o.tenant = $1 AND o.key = k.key) e ON true WHERE t.id = $1"
)


class Transaction(Deciding[Batch]):
    """Decide on what the database has, which is read once for all mutations together."""

    def __init__(
        self,
        shared: Shared,
        found: Mapping[str, Any],
        kept: Mapping[str, Stored | None],
        *,
        seq: int,
        next_ref: int,
        without: Collection[int],
    ) -> None:
        super().__init__(Batch(shared.names), seq=seq, next_ref=next_ref, at=now(), without=without)
        self._found = found
        self._kept = kept
        self._shared = shared

    def look(self, id: str) -> Held | None:
        """Return an entity as the database has it; the tenant's row is locked."""
        row = self._found.get(id)
        if row is None:
            return None
        ref, version = row["ref"], row["version"]
        if row["deleted"] is not None:
            return Held(ref, None, None, gone=tuple(orjson.loads(row["doc"])["type"]))
        known = self._kept[id]
        entity = known.entity if row["doc"] is None and known is not None else Row(id, ref, version, row["doc"]).entity
        return Held(ref, None if expired(entity, self.at) else entity, entity, version)

    def publish(self) -> None:
        """Keep what was committed for later reads, which ask the database whether it still holds."""
        shared = self._shared
        shared.names.settle(kept=True)
        for id, held in self.overlay.items():
            if held.live is None:
                shared.cache.drop(id, held.ref)
        for kept in self.kept():
            shared.cache.put(kept)


async def begin(db: Connection, shared: Shared, ids: Iterable[str], *, without: Collection[int] = ()) -> Transaction:
    """Begin a transaction that no other writer of this tenant can come between; raises TenantGone."""
    await db.execute(f"BEGIN; SELECT FROM hiroba.tenant WHERE id = {shared.id} FOR UPDATE")
    # what is kept decoded is not sent again
    kept = {id: shared.cache.get(id) for id in ids}
    versions = [-1 if one is None else one.version for one in kept.values()]
    rows = await db.fetch(_LOOK, shared.id, [id_key(id) for id in kept], versions)
    if not rows:
        raise TenantGone(shared.name)
    first = rows[0]
    await shared.learn_names(db, first["names"])
    found = {row["id"]: row for row in rows if row["id"] is not None}
    return Transaction(shared, found, kept, seq=first["seq"], next_ref=first["refs"] + 1, without=without)
