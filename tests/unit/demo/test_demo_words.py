"""Every word that the town writes as a value is known in Japanese."""

import datetime
import re

import pytest

from hiroba.demo import past, places
from hiroba.demo.devices import World
from hiroba.demo.officers import alert as alert_of
from hiroba.demo.officers import ended, notices, places_state
from hiroba.demo.storm import Storm
from hiroba.sdk import vocabulary

WORDLESS = {"id", "type", "nameEnglish", "descriptionEnglish", "shortName", "routeColor", "startDate", "endDate"}
LETTERS = re.compile(r"^[ -~]*[A-Za-z][ -~]*$")
TOWN = places.load()


def written():
    """Yield (type, attribute, word) for all that is written by the town and its officers."""
    world = World(TOWN, Storm(0, every=900, length=600))
    told = [*places.entities(TOWN, datetime.date(2026, 4, 1)), ended("urn:ngsi-ld:Alert:x", 0)]
    for t in range(0, 900, 10):
        told += places_state(world, t)
        told += [alert_of(notice, t, since=0) for notice in notices(world, t)]
    for entity in told:
        for name, attribute in entity.items():
            value = attribute.get("value") if isinstance(attribute, dict) else None
            for one in value if isinstance(value, list) else [value]:
                if name not in WORDLESS and isinstance(one, str) and LETTERS.search(one):
                    yield entity["type"], name, one


WRITTEN = sorted(set(written()))


def test_there_are_words():
    words = {word for _, _, word in WRITTEN}
    assert words >= {"open", "closed", "active", "ended", "critical", "townHall", "bus"}


@pytest.mark.parametrize(("type", "attribute", "word"), WRITTEN)
def test_words_have_titles(type, attribute, word):
    assert not vocabulary.value_title(type, attribute, word, "ja").isascii()


def test_words_of_devices_have_titles():
    found = []
    for profile in past.profiles().values():
        for rule in profile.attributes:
            found += [(profile.type, rule.name, word) for word in (rule.values or {}).values() if isinstance(word, str)]
    assert ("RiverGauge", "waterLevelStatus", "danger") in found
    assert [one for one in found if vocabulary.value_title(*one, "ja").isascii()] == []
