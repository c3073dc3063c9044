"""What the writer and the readers of a tenant share in this process: nothing that could be wrong without the database.

Other processes write too, so a kept entity counts only while the database says that its version is the newest one;
numbers of names are given once and for all, and unknown ones are looked up.
"""

from __future__ import annotations

from collections.abc import Iterable

from hiroba.kernel.store.cache import Cache
from hiroba.kernel.store.names import Names
from hiroba.kernel.store.postgres.lines import Connection, Lines

_NAMES = "SELECT id, iri FROM hiroba.name WHERE tenant = $1 AND id > $2 ORDER BY id"


class TenantGone(Exception):
    """Say that another process has dropped the tenant."""


class Shared:
    """One tenant as this process knows it."""

    def __init__(self, id: int, name: str, *, lines: Lines, gis: str, cache_size: int) -> None:
        self.id = id
        self.name = name
        self.lines = lines
        self.gis = gis
        self.cache = Cache(cache_size)
        self.names = Names()

    async def know(self, iris: Iterable[str]) -> None:
        """Look up names when one of these is unknown: another process may have brought it."""
        if any(iri not in self.names.ids for iri in iris):
            await self.refresh_names()

    async def refresh_names(self) -> None:
        """Read the names that came since the last time."""
        known = self._kept()
        self._add(await self.lines.fetch(self.id, _NAMES, self.id, known), known)

    async def learn_names(self, db: Connection, newest: int) -> None:
        """Read the names up to the newest one within the writer's transaction, before it gives numbers itself."""
        known = self._kept()
        if known < newest:
            self._add(await db.fetch(_NAMES, self.id, known), known)

    def _kept(self) -> int:
        """Return the newest number that is committed; the running transaction's own ones follow it."""
        return len(self.names.iris) - len(self.names.fresh)

    def _add(self, rows: Iterable[tuple[int, str]], known: int) -> None:
        if self._kept() != known or self.names.fresh:
            return  # the writer was quicker; it has read them, and gives numbers now
        for id, iri in rows:
            self.names.ids[iri] = id
            self.names.iris[id] = iri
