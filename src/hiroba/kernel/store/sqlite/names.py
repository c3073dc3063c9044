"""Keeps the dictionary of IRIs in the database."""

from __future__ import annotations

import apsw

from hiroba.kernel.store import names


class Names(names.Names):
    """A tenant's names as its database has them."""

    def load(self, db: apsw.Connection) -> None:
        """Read the names that are kept."""
        self.ids = {iri: id for id, iri in db.execute("SELECT id, iri FROM name")}
        self.iris = {id: iri for iri, id in self.ids.items()}
        self.fresh = []

    def flush(self, db: apsw.Connection) -> None:
        """Write the new names within the caller's transaction."""
        if self.fresh:
            db.executemany("INSERT OR IGNORE INTO name(id, iri) VALUES(?, ?)", self.fresh)
