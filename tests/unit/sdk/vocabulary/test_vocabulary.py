"""The vocabulary is complete in both languages, readable on white, and used the same way by everyone."""

from __future__ import annotations

import pytest

from hiroba.apps.imports.mapping import mappings
from hiroba.sdk import vocabulary


def test_every_field_is_there_in_order() -> None:
    assert [document["field"] for document in vocabulary.fields()] == list(vocabulary.FIELDS)


def test_no_type_is_in_two_fields() -> None:
    names = [name for document in vocabulary.fields() for name in document["types"]]
    assert len(names) == len(set(names))


def luminance(color: str) -> float:
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_colours_can_be_told_from_white() -> None:
    for document in vocabulary.fields():
        for name, words in document["types"].items():
            assert 1.05 / (luminance(words["color"]) + 0.05) >= 4.5, name
            assert words["icon"].isascii()


def test_titles_are_japanese_in_japanese() -> None:
    for document in vocabulary.fields():
        for name, words in document["types"].items():
            title = words["title"]
            assert title["en"].isascii(), name
            assert not title["ja"].isascii() or name in ("AED",), name


def test_names_are_found_and_unknown_ones_stand_for_themselves() -> None:
    assert vocabulary.type_title("EvacuationSite", "ja") == "避難場所"
    assert vocabulary.type_title("EvacuationSite", "en") == "Evacuation site"
    assert vocabulary.type_title("Nonesuch", "ja") == "Nonesuch"
    assert vocabulary.attribute_title("RiverGauge", "waterLevel", "ja") == "水位"
    assert vocabulary.attribute_title("Event", "startTime", "ja") == "開始時間"
    assert vocabulary.attribute_title("AED", "contactPoint.telephone", "en") == "Telephone"
    assert vocabulary.attribute_title("AED", "nonesuch", "en") == "nonesuch"


@pytest.mark.parametrize(("code", "symbol"), [("MTR", "m"), ("CEL", "°C"), ("C62", ""), ("XYZ", "XYZ"), (None, "")])
def test_units(code: str | None, symbol: str) -> None:
    assert vocabulary.unit_symbol(code) == symbol


def test_every_unit_named_has_a_symbol() -> None:
    for document in vocabulary.fields():
        for words in document["attributes"].values():
            assert str(words.get("unit", "C62")) in vocabulary.units()


def test_everything_that_a_mapping_makes_has_a_name() -> None:
    for mapping in mappings().values():
        assert vocabulary.type_words(mapping.type), mapping.type
        for field in mapping.fields.values():
            assert vocabulary.attribute_words(mapping.type, field.attribute), (mapping.id, field.attribute)
            assert not field.unit or field.unit in vocabulary.units()


def test_a_broken_file_is_named() -> None:
    with pytest.raises(ValueError, match=r"weather\.yaml: Rain needs a title"):
        vocabulary._checked("weather", {"field": "weather", "title": {"ja": "気象", "en": "W"}, "types": {"Rain": {}}})


@pytest.mark.parametrize(
    ("type", "attribute", "value", "ja", "en"),
    [
        ("RiverGauge", "waterLevelStatus", "danger", "氾濫危険", "Danger"),
        ("Streetlight", "powerState", "on", "点灯", "On"),
        ("EvacuationSite", "floodSafety", "conditional", "△ 条件付き", "With conditions"),
        ("GtfsRoute", "routeType", 2, "鉄道", "Rail"),
        ("AED", "openingHoursSpecification.dayOfWeek", "Monday", "月曜日", "Monday"),
        ("RiverGauge", "waterLevelStatus", "nonesuch", "nonesuch", "nonesuch"),
        ("Nonesuch", "nonesuch", True, "True", "True"),
    ],
)
def test_values_that_are_words_have_titles(type: str, attribute: str, value: object, ja: str, en: str) -> None:
    assert vocabulary.value_title(type, attribute, value, "ja") == ja
    assert vocabulary.value_title(type, attribute, value, "en") == en


def test_members_of_a_value_have_titles() -> None:
    assert vocabulary.key_title("AED", "contactPoint", "telephone", "ja") == "電話番号"
    assert vocabulary.key_title("AED", "contactPoint", "contactType", "en") == "Kind"
    assert vocabulary.key_title("AED", "address", "nonesuch", "ja") == "nonesuch"
    (other,) = (document for document in vocabulary.fields() if document["field"] == "other")
    keys = other["attributes"]["openingHoursSpecification"]["keys"]
    assert keys["description"] == {"ja": "利用日時の備考", "en": "Note on hours"}


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        ({"values": {True: {"ja": "点灯", "en": "On"}}}, r"powerState: put True among the values in quotes"),
        ({"values": {"dim": {"ja": "減灯"}}}, r"powerState: dim needs ja and en"),
        ({"keys": {"dim": "減灯"}}, r"powerState: dim needs ja and en"),
    ],
)
def test_a_broken_word_is_named(words: dict[str, object], wrong: str) -> None:
    attribute = {"title": {"ja": "電源", "en": "Power"}, **words}
    document = {"field": "energy", "title": {"ja": "電力", "en": "E"}, "attributes": {"powerState": attribute}}
    with pytest.raises(ValueError, match=wrong):
        vocabulary._checked("energy", document)
