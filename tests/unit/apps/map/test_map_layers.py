"""The grouping of entity types into layers."""

import re

from hiroba.apps.map.layers import layers

VOCABULARY = [
    {
        "field": "disaster",
        "title": {"ja": "防災", "en": "Disaster"},
        "types": {
            "EvacuationSite": {
                "title": {"ja": "避難場所", "en": "Evacuation site"},
                "color": "#C8371E",
                "icon": "shelter",
            },
            "Hydrant": {"title": {"ja": "消火栓", "en": "Hydrant"}, "color": "#C8371E", "icon": "hydrant"},
        },
    },
    {"field": "other", "title": {"ja": "他", "en": "Others"}, "types": {}},
    {"field": "mobility", "title": {"ja": "交通", "en": "Mobility"}, "types": {"GtfsShape": {}}},
    {"field": "water", "title": {"ja": "水", "en": "Water"}, "types": {"WaterObserved": {}}},
]


def test_types_in_use_are_grouped_by_field_in_the_order_of_the_vocabulary():
    counts = {"GtfsShape": 3, "EvacuationSite": 193, "WaterObserved": 0}
    shapes = {"GtfsShape": {"line": 3}, "EvacuationSite": {"point": 190, "": 3}}
    answer = layers(VOCABULARY, counts, shapes)
    assert [(field["field"], [layer["type"] for layer in field["layers"]]) for field in answer] == [
        ("disaster", ["EvacuationSite"]),
        ("mobility", ["GtfsShape"]),
    ]
    assert answer[0]["title"] == {"ja": "防災", "en": "Disaster"}
    assert answer[0]["layers"][0] == {
        "type": "EvacuationSite",
        "title": {"ja": "避難場所", "en": "Evacuation site"},
        "count": 193,
        "color": "#C8371E",
        "icon": "shelter",
        "shapes": ["point"],
    }
    assert answer[1]["layers"][0]["shapes"] == ["line"]


def test_unknown_types_come_last_with_a_readable_title_and_a_steady_colour():
    counts = {"EvacuationSite": 1, "https://example.org/town#潮位計": 2, "Zebra": 1}
    answer = layers(VOCABULARY, counts, {})
    assert answer[-1]["field"] == "other"
    assert answer[-1]["title"] == {"ja": "他", "en": "Others"}
    zebra, gauge = answer[-1]["layers"]
    assert gauge["title"] == {"ja": "潮位計", "en": "潮位計"}
    assert gauge["shapes"] == []
    assert re.fullmatch("#[0-9A-F]{6}", zebra["color"])
    assert layers(VOCABULARY, counts, {}) == answer


def test_an_empty_city_has_no_layers():
    assert layers(VOCABULARY, {}, {}) == []


def contrast_with_white(colour):
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = ((c / 12.92) if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05)


def test_colours_of_unknown_types_can_be_told_from_a_white_ground():
    for name in "abcdefgh":
        (field,) = layers([], {name: 1}, {})
        assert contrast_with_white(field["layers"][0]["color"]) >= 4.5
