"""Parses the projection language of `pick` and `omit` (GS CIM 009, 4.21)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from hiroba.kernel.query.scan import Scanner

_NAME: Final = re.compile(r"[^\s,|{}]+")


@dataclass(frozen=True, slots=True)
class Projection:
    """Members of an entity, expanded, and what is chosen below Relationships of the entities that they link to."""

    names: tuple[str, ...]
    below: tuple[tuple[str, Projection], ...] = ()

    @property
    def depth(self) -> int:
        """Return how many links are followed at most, one after the other."""
        return max((1 + part.depth for _, part in self.below), default=0)

    def at(self, name: str) -> Projection | None:
        """Return what is chosen of the entities that a Relationship links to, None for no word about them."""
        return next((part for one, part in self.below if one == name), None)

    @property
    def plain(self) -> tuple[str, ...]:
        """Return the members themselves, without those that only lead to others."""
        inner = {name for name, _ in self.below}
        return tuple(name for name in self.names if name not in inner)


def parse_projection(text: str, what: str, expand: Callable[[str], str]) -> Projection:
    """Parse names parted by `,` or `|`, each with names in braces behind it if it leads to linked entities.

    Raises BadRequestData naming the place, and what `expand` raises for a name that is none.
    """
    scan = Scanner(text, what)
    found = _level(scan, expand, 0)
    scan.finish("',', '|' or the end")
    return found


def _level(scan: Scanner, expand: Callable[[str], str], depth: int) -> Projection:
    names: dict[str, None] = {}
    below: dict[str, Projection] = {}
    while True:
        scan.term(depth)
        name = scan.match(_NAME)
        if name is None:
            raise scan.error("the name of a member")
        iri = expand(name)
        names[iri] = None
        scan.skip()
        if scan.take("{"):
            below[iri] = _level(scan, expand, depth + 1)
            scan.expect("}", "',', '|' or '}'")
        if not (scan.take(",") or scan.take("|")):
            return Projection(tuple(names), tuple(below.items()))
