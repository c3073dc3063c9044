"""The simulated devices: every payload fits its profile, a day has its rhythm, the storm its curve."""

import datetime
import importlib.resources
import itertools
import re
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hiroba.demo import places, rhythm, storm
from hiroba.demo.devices import KINDS, World, bus_at, devices, marks
from hiroba.demo.places import metres
from hiroba.sdk.mapping import entity_of
from hiroba.sdk.profiles import load_profiles

NOON = datetime.datetime(2026, 4, 1, 12, tzinfo=places.JAPAN).timestamp()
"""A Wednesday."""
DAY = 86400.0
TOWN = places.load()
ENTITIES = {entity["id"]: entity for entity in places.entities(TOWN, datetime.date(2026, 4, 1))}
DEVICES = devices(TOWN)
PROFILES_FOLDER = Path(str(importlib.resources.files("hiroba.demo"))) / "profiles"
PROFILES = load_profiles([PROFILES_FOLDER / "mqtt"], own_keys=["topic"]) | load_profiles([PROFILES_FOLDER / "http"])
CALM = World(TOWN, storm.Storm(NOON + 10 * DAY))
STORMY = World(TOWN, storm.Storm(NOON))


def at_hour(hours):
    return NOON + (hours - 12) * 3600


def read(world, device, t):
    profile = PROFILES[device.kind.profile]
    names = re.findall(r"\{(\w+)\}", profile.entity_id)
    payload = orjson.loads(orjson.dumps(device.payload(world, t)))
    return entity_of(profile, payload, dict.fromkeys(names, device.site.code), arrived="2000-01-01T00:00:00Z")


def device(id):
    return next(one for one in DEVICES if one.site.id == id)


def test_there_are_about_200_and_half_of_them_use_each_door():
    assert 180 <= len(DEVICES) <= 260
    assert 0.35 <= sum(one.kind.door == "mqtt" for one in DEVICES) / len(DEVICES) <= 0.65
    assert len({one.source for one in DEVICES}) == len(DEVICES)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.profile)
@pytest.mark.parametrize("hours", [0, 3, 7.7, 12, 17.8, 23.9])
@pytest.mark.parametrize("world", [CALM, STORMY], ids=["calm", "storm"])
def test_what_a_device_sends_fits_its_profile_and_belongs_to_an_entity_of_the_town(kind, hours, world):
    for one in DEVICES:
        if one.kind is kind:
            entity = read(world, one, at_hour(hours) + (300 if world is STORMY else 0))
            assert ENTITIES[entity["id"]]["type"] == entity["type"] == kind.type
            measured = [member for member in entity.values() if isinstance(member, dict)]
            assert measured
            assert all(member["observedAt"] > "2026-03" for member in measured)


def test_each_profile_is_used_and_its_sample_is_what_it_says():
    assert {kind.profile for kind in KINDS} == set(PROFILES)
    for profile in PROFILES.values():
        for sample in profile.samples:
            names = re.findall(r"\{(\w+)\}", profile.entity_id)
            code = sample.source.rsplit("/", 1)[-1]
            entity = entity_of(profile, sample.payload, dict.fromkeys(names, code), arrived="")
            assert entity["id"] == sample.entity["id"]
            assert entity["id"] in ENTITIES
            for name, value in sample.entity.items():
                if name != "id":
                    assert entity[name]["value"] == pytest.approx(value), (profile.id, name)


def test_mqtt_profiles_listen_where_the_devices_publish():
    for kind in KINDS:
        if kind.door == "mqtt":
            assert PROFILES[kind.profile].keys["topic"].rsplit("/", 1)[0] == kind.topic


def test_a_moment_reads_the_same_twice():
    for one in DEVICES:
        assert one.payload(STORMY, NOON + 250) == one.payload(STORMY, NOON + 250)


def test_the_sun_rises_and_sets():
    assert rhythm.sun(at_hour(0)) == 0
    assert rhythm.sun(at_hour(12)) > 0.7
    plant = device("urn:ngsi-ld:SolarPowerPlant:shiomi-landfill")
    assert read(CALM, plant, at_hour(1))["activePower"]["value"] == 0
    assert 100 < read(CALM, plant, at_hour(12))["activePower"]["value"] <= 1980
    morning, evening = (read(CALM, plant, at_hour(hours))["energyToday"]["value"] for hours in (9, 16))
    assert evening > morning > 0


def test_lights_are_on_by_night_only():
    lights = [one for one in DEVICES if one.kind.type == "Streetlight"]
    assert all(read(CALM, one, at_hour(1))["powerState"]["value"] == "on" for one in lights)
    assert all(read(CALM, one, at_hour(12))["powerState"]["value"] == "off" for one in lights)


def test_roads_are_busiest_when_people_go_to_work_and_home():
    rush, lunch, night = (rhythm.traffic(at_hour(hours)) for hours in (7.7, 13, 3))
    assert rush > lunch > night
    assert rhythm.traffic(at_hour(7.7) + 3 * DAY) < rush  # Saturday


def test_the_tide_turns_about_four_times_a_day():
    heights = [rhythm.tide(NOON + minute * 60) for minute in range(25 * 60)]
    turns = sum(
        (after - here) * (here - before) < 0
        for before, here, after in zip(heights, heights[1:], heights[2:], strict=False)
    )
    assert 3 <= turns <= 5
    assert max(heights) - min(heights) > 1.2


def test_buses_drive_and_do_not_jump():
    buses = [one for one in DEVICES if one.kind.type == "Vehicle"]
    for one in buses:
        positions = [bus_at(CALM, one.site, NOON + second)[0] for second in range(0, 900, 3)]
        hops = [metres(here, there) for here, there in itertools.pairwise(positions)]
        assert max(hops) < 40
        assert sum(hops) > 3000


@given(key=st.text(max_size=5), t=st.floats(0, 4e9), period=st.floats(1, 1e5))
def test_wandering_stays_within_bounds_and_is_smooth(key, t, period):
    here, soon = rhythm.wander(key, t, period), rhythm.wander(key, t + period / 1000, period)
    assert -1 <= here <= 1
    assert abs(here - soon) < 0.01


def levels(id, *, until=900, every=10):
    gauge = device(id)
    return [read(STORMY, gauge, NOON + second)["waterLevel"]["value"] for second in range(0, until, every)]


def test_the_river_rises_past_its_marks_and_falls_back():
    curve = levels("urn:ngsi-ld:RiverGauge:shiomi-ohashi")
    gauge = marks(device("urn:ngsi-ld:RiverGauge:shiomi-ohashi").site)
    top = curve.index(max(curve))
    assert curve[0] < gauge.standby
    assert max(curve) > gauge.danger
    assert 240 <= top * 10 <= 420
    assert all(after >= before - 0.05 for before, after in itertools.pairwise(curve[: top + 1]))
    assert curve[-1] < gauge.standby


def test_the_water_comes_down_the_river():
    tops = [
        levels(f"urn:ngsi-ld:RiverGauge:shiomi-{code}").index(max(levels(f"urn:ngsi-ld:RiverGauge:shiomi-{code}")))
        for code in ("kamitsuse", "kangetsu", "kawabata")
    ]
    assert tops == sorted(tops)
    assert tops[0] < tops[-1]


def test_the_storm_comes_again_and_not_before_its_time():
    assert STORMY.storm.rain(NOON - 1) == 0
    assert STORMY.storm.rain(NOON + 240) > 50
    assert STORMY.storm.rain(NOON + 700) == 0
    assert STORMY.storm.rain(NOON + 900 + 240) == STORMY.storm.rain(NOON + 240)


def test_the_low_road_is_empty_while_it_is_under_water():
    counter = device("urn:ngsi-ld:TrafficFlowObserved:shiomi-kawabata-01")
    assert STORMY.storm.depth(NOON + 360) > 0.3
    assert read(STORMY, counter, NOON + 360)["intensity"]["value"] == 0
    assert read(STORMY, counter, NOON + 60)["intensity"]["value"] > 0


def test_a_faster_storm_tells_the_same_story():
    fast = storm.Storm(NOON, every=90, length=60)
    for second in range(0, 90, 5):
        assert fast.rise(NOON + second) == pytest.approx(STORMY.storm.rise(NOON + second * 10))


def test_stages_follow_the_marks():
    gauge = marks(device("urn:ngsi-ld:RiverGauge:shiomi-ohashi").site)
    assert [storm.STAGES[gauge.stage(level)] for level in (0.9, 1.7, 2.2, 2.8, 3.3)] == list(storm.STAGES)
