"""The people on duty: what they make known while the storm passes, and how it reads in both languages (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from hiroba.demo.devices import World, instant, marks
from hiroba.demo.places import Site, along
from hiroba.sdk import Entity

SHELTERS: Final = ("shiomi-es", "kawahigashi-es", "gym")
ROAD: Final = "kawabata"
_GAUGE: Final = "ohashi"
_SEVERITY: Final = ("informational", "low", "medium", "high", "critical")
_FLOOD_JA: Final = ("", "水防団待機水位", "氾濫注意水位", "避難判断水位", "氾濫危険水位")
_FLOOD_EN: Final = ("", "standby", "warning", "evacuation", "danger")


@dataclass(frozen=True, slots=True)
class Notice:
    """An alert that is in force."""

    code: str
    name: str
    english: str
    category: str
    kind: str
    severity: str
    text: str
    english_text: str
    at: tuple[float, float]

    @property
    def id(self) -> str:
        """Return the id of its entity."""
        return f"urn:ngsi-ld:Alert:shiomi-{self.code}"


def notices(world: World, t: float) -> list[Notice]:
    """Return the alerts in force at a moment."""
    storm, land = world.storm, world.town.land
    found: list[Notice] = []
    if storm.rain(t) >= 15:
        found.append(Notice(
            "heavy-rain", "大雨警報", "Heavy rain warning", "weather", "rainfall", "high",
            "汐見市に大雨警報。低い土地の浸水と川の増水に警戒してください。",
            "Heavy rain in Shiomi. Beware of flooding in low places and of rising rivers.", tuple(land["centre"]),
        ))  # fmt: skip
    gauge = next(site for site in world.town.of("RiverGauge") if site.code == _GAUGE)
    stage = marks(gauge).stage(marks(gauge).level(storm, t))
    if stage >= 2:
        found.append(Notice(
            "flood", "汐見川 洪水予報", "Shiomi River flood forecast", "naturalDisaster", "flood", _SEVERITY[stage],
            f"汐見川（汐見大橋）の水位が{_FLOOD_JA[stage]}を超えました。",
            f"The Shiomi River at Shiomi Ohashi is over its {_FLOOD_EN[stage]} level.", gauge.at,
        ))  # fmt: skip
    if storm.depth(t) > 0.1:
        middle, _ = along(land["roads"][ROAD]["line"], 0.5)
        found.append(Notice(
            "road", "川端通り 通行止め", "Kawabata-dori closed", "traffic", "floodedRoad", "high",
            "川端通りは冠水のため通行止めです。", "Kawabata-dori is closed: the road is under water.", middle,
        ))  # fmt: skip
    if storm.opened(t):
        shelter = _shelters(world)[0]
        found.append(Notice(
            "evacuation", "避難指示", "Evacuation order", "security", "evacuation", "critical",
            "川沿いの地区に避難指示。避難所を開設しました。",
            "Evacuation order for the districts along the river. Shelters are open.", shelter.at,
        ))  # fmt: skip
    return found


def _shelters(world: World) -> list[Site]:
    return [site for site in world.town.of("EvacuationSite") if site.code in SHELTERS]


def _said(value: Any, at: str, unit: str = "") -> dict[str, Any]:
    return {"type": "Property", "value": value, "observedAt": at, **({"unitCode": unit} if unit else {})}


def places_state(world: World, t: float) -> list[Entity]:
    """Return the shelters and the low road as they are at a moment."""
    at, storm = instant(t), world.storm
    found: list[Entity] = []
    for site in _shelters(world):
        people = round(site.details["capacity"] * storm.refuge(t)) if storm.opened(t) else 0
        found.append({
            "id": site.id, "type": site.type,
            "status": _said("open" if storm.opened(t) else "closed", at),
            "evacuees": _said(people, at, "C62"),
        })  # fmt: skip
    depth = storm.depth(t)
    found.append({
        "id": f"urn:ngsi-ld:RoadSegment:shiomi-{ROAD}", "type": "RoadSegment",
        "status": _said("closed" if depth > 0.1 else "open", at),
        "waterDepth": _said(round(depth, 2), at, "MTR"),
    })  # fmt: skip
    return found


def alert(notice: Notice, t: float, *, since: float) -> Entity:
    """Return the entity of an alert in force."""
    at = instant(t)
    place = {"type": "Point", "coordinates": list(notice.at)}
    return {
        "id": notice.id,
        "type": "Alert",
        "name": _said(notice.name, at),
        "nameEnglish": _said(notice.english, at),
        "category": _said(notice.category, at),
        "subCategory": _said(notice.kind, at),
        "severity": _said(notice.severity, at),
        "status": _said("active", at),
        "description": _said(notice.text, at),
        "descriptionEnglish": _said(notice.english_text, at),
        "dateIssued": _said({"@type": "DateTime", "@value": at}, at),
        "validFrom": _said({"@type": "DateTime", "@value": instant(since)}, at),
        "alertSource": _said("汐見市災害対策本部", at),
        "location": {"type": "GeoProperty", "value": place, "observedAt": at},
    }


def ended(id: str, t: float) -> Entity:
    """Return what is written of an alert that is over."""
    at = instant(t)
    return {
        "id": id,
        "type": "Alert",
        "status": _said("ended", at),
        "severity": _said("informational", at),
        "validTo": _said({"@type": "DateTime", "@value": at}, at),
    }


class Desk:
    """Remember what was made known, so that only what is new is written."""

    def __init__(self) -> None:
        self._places: dict[str, Any] = {}
        self._in_force: dict[str, tuple[Notice, float]] = {}

    def know(self, ids: Mapping[str, bool], t: float) -> list[Entity]:
        """Return the ends of alerts that an earlier run left in force (id → whether it is)."""
        return [ended(id, t) for id, active in ids.items() if active]

    def news(self, world: World, t: float) -> list[Entity]:
        """Return what has to be written at a moment."""
        changed: list[Entity] = []
        for state in places_state(world, t):
            plain = [state[key]["value"] for key in state if key not in ("id", "type")]
            if self._places.get(state["id"]) != plain:
                self._places[state["id"]] = plain
                changed.append(state)
        now = {notice.id: notice for notice in notices(world, t)}
        for id, notice in now.items():
            before, since = self._in_force.get(id, (None, t))
            if before != notice:
                self._in_force[id] = (notice, since)
                changed.append(alert(notice, t, since=since))
        for id in [id for id in self._in_force if id not in now]:
            del self._in_force[id]
            changed.append(ended(id, t))
        return changed
