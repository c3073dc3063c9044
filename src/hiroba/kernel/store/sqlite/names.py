"""The dictionary of IRIs: types and attributes are integers in the tables."""

from __future__ import annotations

import apsw


class Names:
    """Know every name of a tenant by its number and back; new ones are kept with the write that brings them."""

    def __init__(self) -> None:
        self.ids: dict[str, int] = {}
        self.iris: dict[int, str] = {}
        self._fresh: list[tuple[int, str]] = []

    def load(self, db: apsw.Connection) -> None:
        """Read the names that are kept."""
        self.ids = {iri: id for id, iri in db.execute("SELECT id, iri FROM name")}
        self.iris = {id: iri for iri, id in self.ids.items()}
        self._fresh = []

    def intern(self, iri: str) -> int:
        """Return a name's number, giving it one when it is new."""
        found = self.ids.get(iri)
        if found is None:
            found = len(self.iris) + 1
            self.ids[iri] = found
            self.iris[found] = iri
            self._fresh.append((found, iri))
        return found

    def flush(self, db: apsw.Connection) -> None:
        """Write the new names within the caller's transaction."""
        if self._fresh:
            db.executemany("INSERT OR IGNORE INTO name(id, iri) VALUES(?, ?)", self._fresh)

    def settle(self, *, kept: bool) -> None:
        """End a transaction: what was new is kept, or forgotten."""
        if not kept:
            for id, iri in self._fresh:
                self.ids.pop(iri, None)
                self.iris.pop(id, None)
        self._fresh = []
