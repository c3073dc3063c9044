"""A tenant of the broker as apps and agents see it, in the same process or over HTTP alike.

Entities here are NGSI-LD as dictionaries, names compacted with the core context unless a `context` is given:
normalized by default, plain values with `simplified`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

Entity = dict[str, Any]
Mode = Literal["create", "upsert", "update", "merge", "replace"]
"""create: refuse what is there; upsert: create, or overwrite the given attributes and keep the others;
update: the same for what is there only; merge: merge-patch; replace: create, or exchange the whole entity."""


@dataclass(slots=True, frozen=True)
class Area:
    """A place to look in: `georel` and `geometry` as in NGSI-LD (`near;maxDistance==500`, a GeoJSON
    geometry)."""

    georel: str
    geometry: dict[str, Any]
    geoproperty: str = "location"

    @classmethod
    def box(cls, west: float, south: float, east: float, north: float) -> Area:
        """Return the rectangle between two corners (degrees)."""
        ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
        return cls("intersects", {"type": "Polygon", "coordinates": [ring]})


@dataclass(slots=True)
class Answer:
    """A page of entities; `count` is the number of all matches when asked for."""

    entities: list[Entity]
    count: int | None = None


@dataclass(slots=True)
class Written:
    """What became of a write: ids created and updated, and id → problem for those refused."""

    created: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True, frozen=True)
class Changed:
    """One change of one entity: `op` is created, updated or deleted; `attrs` the changed attributes, None if
    deleted.

    `seq` counts up per tenant: give it back to `changes` to go on after it. `entity` is the whole entity,
    simplified names, normalized; None when read from afar and not asked for.
    """

    seq: int
    at: str
    op: str
    id: str
    types: tuple[str, ...]
    attrs: dict[str, Any]

    @property
    def names(self) -> Collection[str]:
        """Return the names of the changed attributes; in process this costs less than `attrs`."""
        return self.attrs.keys()

    def about(self, names: Collection[str]) -> dict[str, Any]:
        """Return those of the changed attributes that have these names; in process others cost nothing."""
        return {name: told for name, told in self.attrs.items() if name in names}


@dataclass(slots=True, frozen=True)
class Cell:
    """Some entities close together on the map: their middle, how many, and the entity itself when it is
    one."""

    lon: float
    lat: float
    count: int
    entity: Entity | None = None


class City(Protocol):
    """One tenant of one broker. Errors are `hiroba.sdk.errors` (the standard's names)."""

    tenant: str

    async def entity(
        self, id: str, *, simplified: bool = False, sys_attrs: bool = False, context: Any = None
    ) -> Entity | None:
        """Return an entity, or None."""

    async def entities(
        self,
        *,
        types: str | None = None,
        ids: Sequence[str] | None = None,
        id_pattern: str | None = None,
        q: str | None = None,
        scope: str | None = None,
        area: Area | None = None,
        attrs: Sequence[str] | None = None,
        pick: Sequence[str] | None = None,
        order: str | None = None,
        limit: int = 100,
        offset: int = 0,
        count: bool = False,
        simplified: bool = False,
        sys_attrs: bool = False,
        context: Any = None,
    ) -> Answer:
        """Return a page of the entities chosen; texts are in the standard's query languages."""

    async def write(self, entities: Sequence[Entity], *, mode: Mode = "upsert", context: Any = None) -> Written:
        """Write many entities; each stands or falls alone, all that stand are durable when this returns."""

    async def delete(self, ids: Sequence[str]) -> Written:
        """Delete entities; ids that are not there are in `refused`."""

    async def delete_attribute(self, id: str, attribute: str, *, context: Any = None) -> None:
        """Delete an attribute with all its instances."""

    async def history(
        self,
        id: str,
        *,
        attrs: Sequence[str] | None = None,
        start: str | None = None,
        end: str | None = None,
        last: int | None = None,
        aggregate: Sequence[str] | None = None,
        period: str | None = None,
        context: Any = None,
    ) -> Entity | None:
        """Return an entity's history as a temporal entity (simplified for aggregates), or None."""

    async def types(self) -> dict[str, int]:
        """Return the entity types in use and how many entities each has."""

    async def cells(
        self,
        types: str,
        *,
        box: tuple[float, float, float, float],
        size: tuple[float, float],
        attrs: Sequence[str] = ("name",),
    ) -> list[Cell]:
        """Group the locations in a box (west, south, east, north) by a grid of cells (degrees)."""

    def changes(
        self, *, after: int | None = None, types: Sequence[str] | None = None, passed: bool = False
    ) -> AsyncIterator[Changed]:
        """Yield changes as they are committed, for ever; from after a `seq`, or from now.

        With `passed`, what did not match is told of now and then by a change whose `op` is `passed` and which has only
        a `seq`, so that a reader who keeps its place need not look at the same changes again.
        """

    async def last_seq(self) -> int:
        """Return the newest change's `seq`."""
