"""Read the town's land and places, and make entities of them: Smart Data Models names, UN/CEFACT units (pure)."""

from __future__ import annotations

import contextlib
import csv
import datetime
import importlib.resources
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from hiroba.sdk import Entity

# the loader in C, which PyYAML brings on most machines, reads eight times as fast
_YAML = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Position = tuple[float, float]

JAPAN: Final = datetime.timezone(datetime.timedelta(hours=9))
_UNITS: Final = {
    "capacity": "C62",
    "totalSpotNumber": "C62",
    "totalSlotNumber": "C62",
    "standbyLevel": "MTR",
    "warningLevel": "MTR",
    "evacuationLevel": "MTR",
    "dangerLevel": "MTR",
    "installedCapacity": "KWT",
    "ratedPower": "KWT",
    "multipurposeToilets": "C62",
    "length": "MTR",
    "maximumAllowedSpeed": "KMH",
    "population": "C62",
}
_ONLY_SIMULATED: Final = frozenset(("normalLevel", "gain", "lag", "inDays", "days"))
"""Details that steer the simulation and are no attributes."""

_RAIL: Final = "2"
_BUS: Final = "3"
_METRES_NORTH: Final = 110_900.0
_METRES_EAST: Final = 92_300.0


@dataclass(frozen=True, slots=True)
class Site:
    """Something that stands somewhere in the town; `details` are its other attributes and the simulation's."""

    type: str
    code: str
    name: str
    kana: str
    english: str
    district: str
    at: Position
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """Return the id of its entity."""
        return f"urn:ngsi-ld:{self.type}:shiomi-{self.code}"


@dataclass(frozen=True, slots=True)
class Town:
    """All of the town: its land as written in `land.yaml`, and what stands on it."""

    land: Mapping[str, Any]
    sites: tuple[Site, ...]

    def of(self, type: str) -> list[Site]:
        """Return the sites of a type."""
        return [site for site in self.sites if site.type == type]


def load() -> Town:
    """Return the town as its data files say."""
    data = importlib.resources.files("hiroba.demo").joinpath("data")
    land = yaml.load(data.joinpath("land.yaml").read_text(encoding="utf-8"), Loader=_YAML)
    rows = csv.DictReader(data.joinpath("places.csv").read_text(encoding="utf-8").splitlines())
    sites = [_site(row) for row in rows]
    return Town(land, (*sites, *_in_rows(land), *_in_lots(land), *_buses(land), *_stations(land)))


def _site(row: Mapping[str, str]) -> Site:
    details = dict(pair.split("=", 1) for pair in row["more"].split(";") if pair)
    return Site(
        row["type"], row["code"], row["name"], row["kana"], row["english"], row["district"],
        (float(row["lon"]), float(row["lat"])), {key: _read(text) for key, text in details.items()},
    )  # fmt: skip


def _read(text: str) -> Any:
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            return kind(text)
    return text


def metres(one: Position, other: Position) -> float:
    """Return the distance of two positions in or around the town."""
    return math.hypot((one[0] - other[0]) * _METRES_EAST, (one[1] - other[1]) * _METRES_NORTH)


def along(line: Sequence[Position], part: float) -> tuple[Position, float]:
    """Return the position at a part (0 to 1) of a line's length, and the bearing there (degrees from north)."""
    left = max(0.0, min(1.0, part)) * length(line)
    for start, end in itertools.pairwise(line):
        span = metres(start, end)
        if left <= span or end is line[-1]:
            share = min(1.0, left / span) if span else 0.0
            east, north = (end[0] - start[0]) * _METRES_EAST, (end[1] - start[1]) * _METRES_NORTH
            place = (start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share)
            return place, math.degrees(math.atan2(east, north)) % 360
        left -= span
    raise ValueError("a line needs two positions")


def length(line: Sequence[Position]) -> float:
    """Return the length of a line (m)."""
    return sum(metres(start, end) for start, end in itertools.pairwise(line))


def _beside(line: Sequence[Position], part: float, aside: float) -> Position:
    (lon, lat), bearing = along(line, part)
    side = math.radians(bearing + 90)
    return (
        round(lon + aside * math.sin(side) / _METRES_EAST, 6),
        round(lat + aside * math.cos(side) / _METRES_NORTH, 6),
    )


def district_at(land: Mapping[str, Any], at: Position) -> str:
    """Return the key of the district that a position lies in, or is nearest to."""

    def distance(key: str) -> float:
        ring = land["districts"][key]["ring"]
        if _within(ring, at):
            return 0.0
        return metres(at, (sum(lon for lon, _ in ring) / len(ring), sum(lat for _, lat in ring) / len(ring)))

    keys: list[str] = list(land["districts"])
    return min(keys, key=distance)


def _within(ring: Sequence[Position], at: Position) -> bool:
    inside = False
    for (x1, y1), (x2, y2) in zip(ring, [*ring[1:], ring[0]], strict=True):
        if (y1 > at[1]) != (y2 > at[1]) and at[0] < (x2 - x1) * (at[1] - y1) / (y2 - y1) + x1:
            inside = not inside
    return inside


_ROW_NAMES: Final = {
    "Streetlight": ("街路灯", "ガイロトウ", "Street Light"),
    "TrafficFlowObserved": ("交通量計", "コウツウリョウケイ", "Traffic Counter"),
}


def _in_rows(land: Mapping[str, Any]) -> Iterator[Site]:
    for row in land["rows"]:
        ja, kana, english = _ROW_NAMES[row["type"]]
        for key, count in row["roads"].items():
            road = land["roads"][key]
            for number in range(1, count + 1):
                at = _beside(road["line"], (number - 0.5) / count, row["aside"])
                yield Site(
                    row["type"], f"{key}-{number:02d}", f"{road['ja']} {ja}{number}", f"{road['kana']} {kana}{number}",
                    f"{road['en']} {english} {number}", district_at(land, at), at, {"road": key},
                )  # fmt: skip


def _in_lots(land: Mapping[str, Any]) -> Iterator[Site]:
    for key, lot in land["lots"].items():
        lon, lat = lot["at"]
        for number in range(lot["across"] * lot["down"]):
            down, across = divmod(number, lot["across"])
            at = (
                round(lon + across * 3.0 / _METRES_EAST, 6),
                round(lat - down * 7.0 / _METRES_NORTH, 6),
            )
            yield Site(
                "ParkingSpot", f"{key}-{number + 1:02d}", f"{lot['ja']} {number + 1}番", "",
                f"{lot['en']} No. {number + 1}", district_at(land, at), at, {"lot": key},
            )  # fmt: skip


def bus_line(land: Mapping[str, Any], key: str) -> list[Position]:
    """Return the way of a bus line: its roads one after the other, the first ones up to where it turns off."""
    way: list[Position] = []
    bus = land["buses"][key]
    for name in bus["via"]:
        line = [tuple(position) for position in land["roads"][name]["line"]]
        turn = bus.get("until", {}).get(name)
        if turn is not None:
            end, _ = along(line, turn)
            whole = length(line)
            ahead = 0.0
            kept = [line[0]]
            for start, stop in itertools.pairwise(line):
                ahead += metres(start, stop)
                if ahead >= turn * whole:
                    break
                kept.append(stop)
            line = [*kept, end]
        way.extend(line)
    return way


def _buses(land: Mapping[str, Any]) -> Iterator[Site]:
    for key, bus in land["buses"].items():
        way = bus_line(land, key)
        for number, (ja, english) in enumerate(bus["stops"]):
            at = _beside(way, number / (len(bus["stops"]) - 1), 5)
            yield Site(
                "GtfsStop", f"{key}-{number + 1:02d}", ja, "", english, district_at(land, at), at,
                {"code": f"{bus['code']}{number + 1:02d}"},
            )  # fmt: skip
        for number in range(bus["vehicles"]):
            at = _beside(way, (number + 0.5) / bus["vehicles"], 0)
            yield Site(
                "Vehicle", f"bus-{key}-{number + 1}", f"{bus['ja']} {number + 1}号車", "",
                f"{bus['en']} Bus {number + 1}", district_at(land, at), at,
                {"line": key, "vehicleType": "bus", "share": number / bus["vehicles"]},
            )  # fmt: skip


def _stations(land: Mapping[str, Any]) -> Iterator[Site]:
    for line, railway in land["railways"].items():
        for key, station in railway["stations"].items():
            (lon, lat), _ = along(railway["line"], station["at"])
            at = (round(lon, 6), round(lat, 6))
            yield Site(
                "GtfsStation", f"{line}-{key}", station["ja"], station["kana"], station["en"], district_at(land, at), at
            )


def _property(name: str, value: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value, **({"unitCode": _UNITS[name]} if name in _UNITS else {})}


def _geometry(kind: str, coordinates: Any) -> dict[str, Any]:
    return {"type": "GeoProperty", "value": {"type": kind, "coordinates": coordinates}}


def _named(id: str, type: str, words: Mapping[str, Any], location: dict[str, Any], **more: Any) -> Entity:
    entity: Entity = {"id": id, "type": type, "name": _property("name", words["ja"])}
    if words.get("kana"):
        entity["nameKana"] = _property("nameKana", words["kana"])
    entity["nameEnglish"] = _property("nameEnglish", words["en"])
    entity["location"] = location
    entity.update({key: _property(key, value) for key, value in more.items()})
    return entity


def entities(town: Town, today: datetime.date) -> list[Entity]:
    """Return everything in the town that does not change by itself, normalized; events lie ahead of `today`."""
    return [*_land_entities(town.land), *(_site_entity(town.land, site, today) for site in town.sites)]


def _site_entity(land: Mapping[str, Any], site: Site, today: datetime.date) -> Entity:
    words = {"ja": site.name, "kana": site.kana, "en": site.english}
    entity = _named(site.id, site.type, words, _geometry("Point", list(site.at)))
    district, city = land["districts"][site.district], land["town"]["ja"]
    if site.type != "Vehicle":
        address = {"addressLocality": city, "streetAddress": district["ja"]}
        entity["address"] = {"type": "Property", "value": address}
        entity["areaServed"] = _property("areaServed", district["ja"])
    shown = {key: value for key, value in site.details.items() if key not in _ONLY_SIMULATED}
    entity.update({key: _property(key, value) for key, value in _DETAILS.get(site.type, _as_they_are)(shown).items()})
    if site.type == "Event":
        start = today + datetime.timedelta(days=site.details["inDays"])
        end = start + datetime.timedelta(days=site.details["days"] - 1)
        entity["startDate"] = _property("startDate", start.isoformat())
        entity["endDate"] = _property("endDate", end.isoformat())
    entity.update(_RELATED.get(site.type, _unrelated)(site))
    return entity


def _as_they_are(details: dict[str, Any]) -> dict[str, Any]:
    return details


def _without(*keys: str, **fixed: Any) -> Any:
    def kept(details: dict[str, Any]) -> dict[str, Any]:
        return {**{key: value for key, value in details.items() if key not in keys}, **fixed}

    return kept


_DETAILS: Final[Mapping[str, Any]] = {
    "EvacuationSite": _without(status="closed", evacuees=0),
    "Streetlight": _without("road", lanternHeight=8),
    "TrafficFlowObserved": _without("road", laneId=1),
    "ParkingSpot": _without("lot", category=["offStreet"]),
    "Vehicle": _without("line", "share"),
    "AirQualityObserved": _without("areaKind", typeOfLocation="outdoor"),
    "WaterObserved": _without("waterKind"),
}


def _unrelated(_site: Site) -> dict[str, Any]:
    return {}


def _relationship(target: str) -> dict[str, Any]:
    return {"type": "Relationship", "object": target}


_RELATED: Final[Mapping[str, Any]] = {
    "TrafficFlowObserved": lambda site: {
        "refRoadSegment": _relationship(f"urn:ngsi-ld:RoadSegment:shiomi-{site.details['road']}")
    },
    "Vehicle": lambda site: (
        {"serviceProvided": _property("serviceProvided", ["urbanTransit"])}
        | {"refRoute": _relationship(f"urn:ngsi-ld:GtfsRoute:shiomi-{site.details['line']}")}
    ),
}


def _land_entities(land: Mapping[str, Any]) -> Iterator[Entity]:
    for key, district in land["districts"].items():
        id = f"urn:ngsi-ld:AdministrativeArea:shiomi-{key}"
        yield _named(id, "AdministrativeArea", district, _area(district["ring"]), population=district["population"])
    for key, pond in land["ponds"].items():
        yield _named(f"urn:ngsi-ld:IrrigationPond:shiomi-{key}", "IrrigationPond", pond, _area(pond["ring"]))
    for key, edge in land["coast"].items():
        yield _named(f"urn:ngsi-ld:{edge['type']}:shiomi-{key}", edge["type"], edge, _way(edge["line"]))
    for key, river in land["rivers"].items():
        yield _named(f"urn:ngsi-ld:River:shiomi-{key}", "River", river, _way(river["line"]))
    for key, road in land["roads"].items():
        yield _named(
            f"urn:ngsi-ld:RoadSegment:shiomi-{key}", "RoadSegment", road, _way(road["line"]),
            length=round(length(road["line"])), maximumAllowedSpeed=road["speed"], status="open",
        )  # fmt: skip
    for key, bus in land["buses"].items():
        yield _route(key, bus, bus_line(land, key), kind=_BUS)
    for key, railway in land["railways"].items():
        yield _route(key, railway, railway["line"], kind=_RAIL)


def _area(ring: Sequence[Position]) -> dict[str, Any]:
    return _geometry("Polygon", [[*ring, ring[0]]])


def _way(line: Sequence[Position]) -> dict[str, Any]:
    return _geometry("LineString", [list(position) for position in line])


def _route(key: str, words: Mapping[str, Any], line: Sequence[Position], *, kind: str) -> Entity:
    return _named(
        f"urn:ngsi-ld:GtfsRoute:shiomi-{key}", "GtfsRoute", words, _way(line),
        shortName=words["code"], routeType=kind, routeColor=words["color"],
    )  # fmt: skip
