"""Tell which context sources may have what somebody asks for (GS CIM 009, 5.10.2 and 5.12)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from hiroba.kernel.broker.registration_form import INTERVALS, Body, attributes_of
from hiroba.kernel.model.entity import NGSI_LD, Entity
from hiroba.kernel.model.instants import parse_instant
from hiroba.kernel.query.geo import geo_matcher
from hiroba.kernel.query.matching import matcher
from hiroba.kernel.query.patterns import compile_pattern
from hiroba.kernel.query.selection import scope_matcher, types_matcher
from hiroba.kernel.query.tree import GeoQuery, Query, ScopeQuery, TemporalQuery, TypeQuery

PLACES: Final = ("location", "observationSpace", "operationSpace")
_NOT_ASKED: Final = frozenset(("id", "type", "properties", "information", "scope"))


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for: entities, attributes (IRIs, any of them will do), a place, a time, kinds of sources.

    `time` None asks for sources of the latest information. `csf` is tested on the properties of the source.
    """

    types: TypeQuery | None = None
    ids: tuple[str, ...] | None = None
    id_pattern: str | None = None
    attrs: frozenset[str] = frozenset()
    geo: GeoQuery | None = None
    time: TemporalQuery | None = None
    scope: ScopeQuery | None = None
    csf: Query | None = None
    datasets: frozenset[str] = frozenset()

    def test(self) -> Callable[[Body], list[Body] | None]:
        """Compile to a function that returns the parts of a registration's information that fit, None when none do."""
        whole = self._sources()
        part = self._information()

        def fitting(record: Body) -> list[Body] | None:
            if not all(check(record) for check in whole):
                return None
            return [info for info in record["information"] if part(info)] or None

        return fitting

    def _sources(self) -> list[Callable[[Body], bool]]:
        checks: list[Callable[[Body], bool]] = [_timed(self.time)]
        if self.geo is not None:
            checks.append(_placed(self.geo))
        if self.scope is not None:
            in_scope = scope_matcher(self.scope)
            checks.append(lambda record: in_scope({"scope": record.get("scope", [])}))
        if self.csf is not None:
            chosen = matcher(self.csf)
            checks.append(lambda record: chosen(_as_entity(record)))
        if self.datasets:
            datasets = self.datasets
            checks.append(lambda record: "datasetId" not in record or not datasets.isdisjoint(record["datasetId"]))
        return checks

    def _information(self) -> Callable[[Body], bool]:
        attrs = self.attrs
        of_type = types_matcher(self.types) if self.types is not None else None

        def fits(info: Body) -> bool:
            offered = attributes_of(info)
            if attrs and offered and attrs.isdisjoint(offered):
                return False
            entities = info.get("entities")
            if entities is None:
                return True
            return any((of_type is None or of_type(one)) and self._named(one) for one in entities)

        return fits

    def _named(self, offered: Body) -> bool:
        """Tell whether ids asked for may be among those that an EntityInfo stands for."""
        if "id" in offered:
            if self.ids is not None:
                return offered["id"] in self.ids
            return self.id_pattern is None or compile_pattern(self.id_pattern)(offered["id"])
        if "idPattern" in offered and self.ids is not None:
            occurs = compile_pattern(offered["idPattern"])
            return any(occurs(id) for id in self.ids)
        return True  # whether two patterns have an id in common cannot be told


def _timed(time: TemporalQuery | None) -> Callable[[Body], bool]:
    if time is None:
        return lambda record: not any(name in record for name in INTERVALS)
    name = "observationInterval" if time.timeproperty == "observedAt" else "managementInterval"

    def overlaps(record: Body) -> bool:
        interval = record.get(name)
        if interval is None:
            return False
        start = parse_instant(interval["startAt"])
        end = parse_instant(interval["endAt"]) if "endAt" in interval else None
        at = time.start or 0
        if time.timerel == "before":
            return start <= at
        if time.timerel == "after":
            return end is None or end >= at
        return start <= (time.end or at) and (end is None or end >= at)

    return overlaps


def _placed(geo: GeoQuery) -> Callable[[Body], bool]:
    """Return the test whether a source's area may hold what a geo-query looks for: that the two touch is enough."""
    place = geo.geoproperty.removeprefix(NGSI_LD)
    relation = geo if geo.georel in ("near", "disjoint") else replace(geo, georel="intersects")
    touches = geo_matcher(relation)

    def fits(record: Body) -> bool:
        area = record.get(place) if place in PLACES else None
        if area is None:
            return False
        instance = {"type": "GeoProperty", "value": area}
        return touches({"id": record["id"], "type": [], "attrs": {geo.geoproperty: [instance]}})

    return fits


def _as_entity(record: Body) -> Entity:
    """Return what a source says of itself as an entity, so that a query can be asked of it."""
    members = {NGSI_LD + name: value for name, value in record.items() if name not in _NOT_ASKED}
    told: dict[str, Any] = {
        iri: [{"type": "Property", "value": value}] for iri, value in (members | record["properties"]).items()
    }
    return {"id": record["id"], "type": [record["type"]], "attrs": told}
