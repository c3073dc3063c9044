"""The dictionary of IRIs: types and attributes are integers in the tables."""

from __future__ import annotations


class Names:
    """Know every name of a tenant by its number and back; new ones are kept with the write that brings them."""

    def __init__(self) -> None:
        self.ids: dict[str, int] = {}
        self.iris: dict[int, str] = {}
        self.fresh: list[tuple[int, str]] = []
        """Those of the running transaction, which are not kept yet."""

    def intern(self, iri: str) -> int:
        """Return a name's number, giving it one when it is new."""
        found = self.ids.get(iri)
        if found is None:
            found = len(self.iris) + 1
            self.ids[iri] = found
            self.iris[found] = iri
            self.fresh.append((found, iri))
        return found

    def settle(self, *, kept: bool) -> None:
        """End a transaction: what was new is kept, or forgotten."""
        if not kept:
            for id, iri in self.fresh:
                self.ids.pop(iri, None)
                self.iris.pop(id, None)
        self.fresh = []
