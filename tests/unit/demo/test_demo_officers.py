"""What the people on duty make known while the storm passes, and what the day before looks like."""

import datetime

import pytest

from hiroba.demo import past, places
from hiroba.demo.devices import World, devices
from hiroba.demo.officers import ROAD, SHELTERS, Desk
from hiroba.demo.storm import Storm
from hiroba.sdk import vocabulary
from hiroba.sdk.testing import city_in_memory

NOON = datetime.datetime(2026, 4, 1, 12, tzinfo=places.JAPAN).timestamp()
WORLD = World(places.load(), Storm(NOON))
ROAD_ID = f"urn:ngsi-ld:RoadSegment:shiomi-{ROAD}"


def told(every=5, until=900):
    """Return the state of every entity after each moment of the story, as who follows the news would know it."""
    desk, known, story = Desk(), {}, []
    for second in range(0, until, every):
        for entity in desk.news(WORLD, NOON + second):
            known.setdefault(entity["id"], {}).update(entity)
        story.append(
            {
                id: {key: part["value"] for key, part in one.items() if isinstance(part, dict)}
                for id, one in known.items()
            }
        )
    return story


STORY = told()


def at(minute, id, member):
    return STORY[int(minute * 12)].get(id, {}).get(member)


def test_the_story_unfolds_and_ends():
    rain, flood = "urn:ngsi-ld:Alert:shiomi-heavy-rain", "urn:ngsi-ld:Alert:shiomi-flood"
    assert not any("Alert" in id for id in STORY[0])
    assert at(2, rain, "status") == "active"
    assert at(2, flood, "status") is None
    assert at(3.5, flood, "severity") == "medium"
    assert at(5.5, flood, "severity") == "critical"
    assert "氾濫危険水位" in at(5.5, flood, "description")
    assert at(12, rain, "status") == at(12, flood, "status") == "ended"
    assert at(12, flood, "validTo")["@value"] > at(12, flood, "validFrom")["@value"]


def test_the_low_road_closes_while_it_is_under_water():
    assert at(1, ROAD_ID, "status") == "open"
    assert at(6, ROAD_ID, "status") == "closed"
    assert at(6, ROAD_ID, "waterDepth") > 0.3
    assert at(9, ROAD_ID, "status") == "open"


@pytest.mark.parametrize("code", SHELTERS)
def test_shelters_open_take_people_in_and_close(code):
    id = f"urn:ngsi-ld:EvacuationSite:shiomi-{code}"
    assert (at(1, id, "status"), at(1, id, "evacuees")) == ("closed", 0)
    assert at(6.5, id, "status") == "open"
    assert at(6.5, id, "evacuees") > 50
    assert (at(11, id, "status"), at(11, id, "evacuees")) == ("closed", 0)


def test_nothing_new_is_nothing_written():
    desk = Desk()
    assert desk.news(WORLD, NOON - 10)
    assert desk.news(WORLD, NOON - 5) == []


def test_an_alert_that_an_earlier_run_left_is_ended():
    (left,) = Desk().know({"urn:ngsi-ld:Alert:shiomi-flood": True, "urn:ngsi-ld:Alert:shiomi-road": False}, NOON)
    assert left["id"] == "urn:ngsi-ld:Alert:shiomi-flood"
    assert left["status"]["value"] == "ended"


def test_the_day_before_is_told_in_half_hours_and_only_what_is_missing():
    assert len(past.moments(None, NOON)) == 48
    assert past.moments(None, NOON)[0] == NOON - 86400
    assert past.moments(NOON - 3 * 3600, NOON) == [NOON - 2.5 * 3600 + 1800 * step for step in range(5)]
    assert past.moments(NOON - 60, NOON) == []
    assert past.moments(NOON - 10 * 86400, NOON)[0] == NOON - 86400


async def test_a_city_takes_the_town_its_past_and_its_news():
    everything = places.entities(WORLD.town, datetime.date(2026, 4, 1))
    readings = list(past.readings(WORLD, devices(WORLD.town), past.profiles(), NOON - 3600))
    async with city_in_memory() as host:
        city = host.city()
        for entities in (everything, readings, Desk().news(WORLD, NOON + 330)):
            written = await city.write(entities)
            assert written.refused == {}
        gauge = await city.entity("urn:ngsi-ld:RiverGauge:shiomi-ohashi")
        assert gauge["name"]["value"] == "汐見大橋水位観測所"
        assert gauge["waterLevel"]["unitCode"] == "MTR"
        assert (await city.types())["Alert"] == 4


def test_every_type_attribute_and_unit_of_the_town_has_a_name_for_people():
    everything = [
        *places.entities(WORLD.town, datetime.date(2026, 4, 1)),
        *past.readings(WORLD, devices(WORLD.town), past.profiles(), NOON),
        *Desk().news(WORLD, NOON + 330),
    ]
    unnamed: set[str] = set()
    for entity in everything:
        if vocabulary.type_words(entity["type"]) is None:
            unnamed.add(entity["type"])
        for name, member in entity.items():
            if isinstance(member, dict) and vocabulary.attribute_words(entity["type"], name) is None:
                unnamed.add(f"{entity['type']}.{name}")
            if isinstance(member, dict) and member.get("unitCode", "C62") not in vocabulary.units():
                unnamed.add(member["unitCode"])
    assert unnamed == set()
