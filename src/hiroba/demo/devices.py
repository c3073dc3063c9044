"""The simulated devices: what each reads at a moment, as the payload that such a device would send (pure)."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from hiroba.demo import rhythm
from hiroba.demo.places import Position, Site, Town, along, bus_line, length
from hiroba.demo.storm import Marks, Storm

Door = Literal["mqtt", "http"]
Payload = dict[str, Any]

_BUS_METRES_A_SECOND: Final = 8.0


@dataclass(frozen=True, slots=True)
class World:
    """What the devices stand in."""

    town: Town
    storm: Storm


Reading = Callable[[World, Site, float], Payload]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of device: its profile, the door it uses, how often it reports (s), and what it reads.

    A device that `topic` is given for publishes there; others post to `/agents/http/<profile>/<device>`.
    """

    type: str
    profile: str
    door: Door
    period: float
    reading: Reading
    topic: str = ""


@dataclass(frozen=True, slots=True)
class Device:
    """One device at its place."""

    kind: Kind
    site: Site

    @property
    def source(self) -> str:
        """Return what its messages are known by: the MQTT topic, or `<profile>/<device>`."""
        if self.kind.door == "mqtt":
            return f"{self.kind.topic}/{self.site.code}"
        return f"{self.kind.profile}/{self.site.code}"

    def payload(self, world: World, t: float) -> Payload:
        """Return what it sends at a moment."""
        return self.kind.reading(world, self.site, t)


def devices(town: Town) -> list[Device]:
    """Return all devices of the town."""
    return [Device(kind, site) for kind in KINDS for site in town.of(kind.type)]


def instant(t: float) -> str:
    """Return a moment as NGSI-LD writes it."""
    moment = datetime.datetime.fromtimestamp(t, datetime.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _near(site: Site, what: str, t: float, period: float = 900) -> float:
    """Return this place's own deviation, -1 to 1: part of it for ever, part of it wandering."""
    key = f"{site.id} {what}"
    return 0.5 * rhythm.lot(key) + 0.5 * rhythm.wander(key, t, period)


def marks(site: Site) -> Marks:
    """Return a gauge's marks."""
    found = site.details
    return Marks(
        normal=found["normalLevel"], standby=found["standbyLevel"], warning=found["warningLevel"],
        evacuation=found["evacuationLevel"], danger=found["dangerLevel"], gain=found["gain"], lag=found["lag"],
    )  # fmt: skip


def _river(world: World, site: Site, t: float) -> Payload:
    gauge = marks(site)
    level = gauge.level(world.storm, t) + 0.02 * rhythm.wander(site.id, t, 1800)
    if site.code == "kakou":
        level += 0.25 * rhythm.tide(t)
    return {"t": instant(t), "level_cm": round(level * 100), "flag": gauge.stage(level), "battery_mv": 3600}


def _rain(world: World, site: Site, t: float) -> Payload:
    share = 1 + 0.2 * rhythm.lot(site.id)
    hourly = sum(world.storm.rain(t - back) for back in range(0, 600, 60)) / 10 * share
    return {"t": instant(t), "mmh": round(world.storm.rain(t) * share, 1), "mm": round(hourly * 0.6, 1)}


def _weather(world: World, site: Site, t: float) -> Payload:
    rain = world.storm.rain(t)
    wet = min(1.0, rain / 40)
    warmth = rhythm.temperature(t) + 0.8 * _near(site, "warmth", t) - 3.0 * wet
    damp = 72 - 14 * rhythm.sun(t) + 8 * rhythm.wander("damp", t, 7200) + 20 * wet
    breeze = 2.2 + 2.5 * rhythm.sun(t) + 1.2 * _near(site, "wind", t) + 7 * wet
    from_sea = 270.0 if 9 <= rhythm.hour(t) < 20 else 110.0
    return {
        "time": int(t),
        "temp_c": round(warmth, 1),
        "rh": round(min(99.0, max(25.0, damp))),
        "wind": {"ms": round(max(0.1, breeze), 1), "deg": round(from_sea + 35 * _near(site, "from", t)) % 360},
        "hpa": round(1014 + 5 * rhythm.wander("pressure", t, 43200) - 4 * wet, 1),
        "lux": round(98000 * rhythm.sun(t) * (1 - 0.75 * max(rhythm.cloud(t), wet))),
    }


def _air(world: World, site: Site, t: float) -> Payload:
    busy = {"traffic": 1.0, "industrial": 0.8}.get(site.details["areaKind"], 0.45)
    washed = 1 - 0.5 * min(1.0, world.storm.rain(t) / 40)
    return {
        "time": int(t),
        "pm25": round(max(1.0, (9 + 6 * busy * rhythm.traffic(t) + 4 * _near(site, "dust", t)) * washed), 1),
        "no2": round(max(1.0, 8 + 32 * busy * rhythm.traffic(t) + 4 * _near(site, "no2", t)), 1),
        "ox": round(max(4.0, 45 + 60 * rhythm.sun(t) - 14 * busy + 8 * _near(site, "ox", t)), 1),
    }


def _noise(world: World, site: Site, t: float) -> Payload:
    loud = 42 + 21 * rhythm.traffic(t) + 6 * rhythm.lot(site.id) + 2.5 * rhythm.wander(site.id, t, 45)
    return {"time": int(t), "laeq": round(loud + min(9.0, world.storm.rain(t) / 9), 1)}


def _water(world: World, site: Site, t: float) -> Payload:
    if site.details["waterKind"] == "tide":
        height = rhythm.tide(t) + 0.03 * rhythm.wander(site.id, t, 120)
    else:
        height = 2.4 + 0.5 * rhythm.lot(site.id) + 0.15 * rhythm.wander(site.id, t, 86400) + 0.3 * world.storm.rise(t)
    return {"t": instant(t), "h": round(height, 2)}


def _quality(world: World, site: Site, t: float) -> Payload:
    return {
        "time": int(t),
        "temp": round(rhythm.temperature(t) * 0.6 + 7 + 0.5 * _near(site, "warmth", t), 1),
        "ph": round(7.8 + 0.3 * _near(site, "ph", t, 7200), 2),
        "do": round(8.2 + 1.2 * rhythm.sun(t) + 0.6 * _near(site, "do", t, 3600), 2),
        "turbidity": round(3 + 2 * _near(site, "mud", t) + 45 * world.storm.rise(t), 1),
    }


def _solar(world: World, site: Site, t: float) -> Payload:
    shade = max(rhythm.cloud(t), min(1.0, world.storm.rain(t) / 30))
    power = site.details["installedCapacity"] * 0.92 * rhythm.sun(t) * (1 - 0.8 * shade)
    dawn = t - rhythm.hour(t) * 3600
    steps = [dawn + step * 1800 for step in range(48) if dawn + step * 1800 < t]
    today = sum(rhythm.sun(step) * (1 - 0.8 * rhythm.cloud(step)) for step in steps) * 0.5 * 0.92
    return {
        "time": int(t),
        "kw": round(max(0.0, power * (1 + 0.02 * _near(site, "haze", t, 120))), 1),
        "kwh_today": round(today * site.details["installedCapacity"], 1),
    }


def _meter(world: World, site: Site, t: float) -> Payload:
    rated = site.details["ratedPower"]
    load = 0.25 + 0.6 * rhythm.work(t) + 0.06 * _near(site, "load", t, 300)
    if site.code == "pump":
        load = 0.06 + 0.9 * world.storm.rise(t)
    phases = {phase: round(101 + 1.5 * rhythm.wander(f"{site.id} {phase}", t, 120), 1) for phase in ("L1", "L2", "L3")}
    counted = 180_000 + rated * (t % 31_536_000) / 3600 * 0.5
    return {"time": int(t), "w": round(rated * 1000 * load), "v": phases, "kwh": round(counted, 1)}


def _charger(_world: World, site: Site, t: float) -> Payload:
    ports = site.details["capacity"]
    wish = 0.15 + 0.6 * rhythm.about(t)
    busy = sum(rhythm.wander(f"{site.id} {port}", t, 1500) < 2 * wish - 1 for port in range(ports))
    power = busy * (38 + 6 * rhythm.wander(site.id, t, 60))
    return {"time": int(t), "free": ports - busy, "kw": round(power, 1), "state": "charging" if busy else "idle"}


def _bikes(_world: World, site: Site, t: float) -> Payload:
    slots = site.details["totalSlotNumber"]
    pull = rhythm.lot(site.id) * (rhythm.work(t) - 0.5)
    bikes = round(slots * min(1.0, max(0.0, 0.5 + 0.6 * pull + 0.25 * rhythm.wander(site.id, t, 1200))))
    return {"time": int(t), "bikes": bikes, "docks": slots - bikes}


def _carpark(world: World, site: Site, t: float) -> Payload:
    places = site.details["totalSpotNumber"]
    pull = rhythm.work(t) if site.code in ("city-hall", "hospital", "station-2") else rhythm.about(t)
    full = 0.1 + 0.8 * pull + 0.08 * rhythm.wander(site.id, t, 900) - 0.2 * min(1.0, world.storm.rise(t))
    taken = round(places * min(1.0, max(0.02, full)))
    return {"time": int(t), "free": places - taken, "taken": taken}


def _bin(_world: World, site: Site, t: float) -> Payload:
    days = (t + rhythm.lot(site.id) * 86400 - 7 * 3600) / 86400 % 3 / 3
    filling = min(98.0, 100 * days * (0.85 + 0.3 * rhythm.lot(site.id + " use")))
    return {"time": int(t), "percent": round(max(0.0, filling), 1), "temp": round(rhythm.temperature(t) + 2)}


def _traffic(world: World, site: Site, t: float) -> Payload:
    road = world.town.land["roads"][site.details["road"]]
    busy = rhythm.traffic(t) * (0.8 + 0.25 * rhythm.lot(site.id)) * (1 + 0.12 * rhythm.wander(site.id, t, 60))
    wet = min(1.0, world.storm.rain(t) / 60)
    closed = road.get("floods", False) and world.storm.depth(t) > 0.1
    cars = 0 if closed else round(busy * 18 * road["speed"] * (1 - 0.45 * wet))
    speed = 0.0 if closed else road["speed"] * (1.02 - 0.35 * busy) * (1 - 0.3 * wet)
    return {"t": instant(t), "n": cars, "v": round(speed, 1), "occ": round(min(95.0, 2 + 30 * busy * (not closed)), 1)}


def bus_at(world: World, site: Site, t: float) -> tuple[Position, float]:
    """Return where a bus is and where it heads (degrees); it drives its line there and back for ever."""
    way = bus_line(world.town.land, site.details["line"])
    there = length(way) / _BUS_METRES_A_SECOND
    share = (t / (2 * there) + site.details["share"]) % 1.0
    place, bearing = along(way, share * 2 if share < 0.5 else 2 - share * 2)
    return place, bearing if share < 0.5 else (bearing + 180) % 360


def _bus(world: World, site: Site, t: float) -> Payload:
    (lon, lat), bearing = bus_at(world, site, t)
    riders = 3 + 28 * rhythm.traffic(t) * (1 + 0.4 * rhythm.wander(site.id, t, 180))
    return {
        "t": instant(t),
        "lat": round(lat, 6),
        "lon": round(lon, 6),
        "kmh": round(_BUS_METRES_A_SECOND * 3.6 + 2 * rhythm.wander(site.id + " speed", t, 30)),
        "deg": round(bearing) % 360,
        "pax": round(max(0.0, riders)),
    }


def _spot(_world: World, site: Site, t: float) -> Payload:
    wish = 0.1 + 0.8 * rhythm.about(t)
    return {"t": instant(t), "busy": int(rhythm.wander(site.id, t, 1800) < 2 * wish - 1)}


def _crowd(world: World, site: Site, t: float) -> Payload:
    wet = min(1.0, world.storm.rain(t) / 20)
    people = 90 * rhythm.about(t) * (1 + 0.5 * rhythm.lot(site.id)) * (1 - 0.8 * wet)
    return {"t": instant(t), "people": round(max(0.0, people * (1 + 0.2 * rhythm.wander(site.id, t, 90))))}


def _light(_world: World, site: Site, t: float) -> Payload:
    on = rhythm.dark(t + 300 * rhythm.lot(site.id))
    return {"t": instant(t), "on": on, "w": round(38 + rhythm.wander(site.id, t, 600), 1) if on else 0.4}


KINDS: Final[tuple[Kind, ...]] = (
    Kind("RiverGauge", "shiomi-river", "mqtt", 10, _river, "shiomi/river"),
    Kind("RainfallObserved", "shiomi-rain", "mqtt", 10, _rain, "shiomi/rain"),
    Kind("WaterObserved", "shiomi-water", "mqtt", 20, _water, "shiomi/water"),
    Kind("Vehicle", "shiomi-bus", "mqtt", 3, _bus, "shiomi/bus"),
    Kind("TrafficFlowObserved", "shiomi-traffic", "mqtt", 20, _traffic, "shiomi/traffic"),
    Kind("ParkingSpot", "shiomi-spot", "mqtt", 30, _spot, "shiomi/spot"),
    Kind("CrowdFlowObserved", "shiomi-crowd", "mqtt", 20, _crowd, "shiomi/crowd"),
    Kind("Streetlight", "shiomi-light", "mqtt", 60, _light, "shiomi/light"),
    Kind("WeatherObserved", "shiomi-weather", "http", 20, _weather),
    Kind("AirQualityObserved", "shiomi-air", "http", 30, _air),
    Kind("NoiseLevelObserved", "shiomi-noise", "http", 15, _noise),
    Kind("WaterQualityObserved", "shiomi-quality", "http", 30, _quality),
    Kind("SolarPowerPlant", "shiomi-solar", "http", 20, _solar),
    Kind("ThreePhaseAcMeasurement", "shiomi-meter", "http", 20, _meter),
    Kind("EVChargingStation", "shiomi-charger", "http", 30, _charger),
    Kind("BikeHireDockingStation", "shiomi-bikes", "http", 30, _bikes),
    Kind("OffStreetParking", "shiomi-carpark", "http", 20, _carpark),
    Kind("WasteContainer", "shiomi-bin", "http", 60, _bin),
)


def by_profile() -> Mapping[str, Kind]:
    """Return the kinds of devices by their profile."""
    return {kind.profile: kind for kind in KINDS}
