"""What comes in normalized, concise or simplified goes out again as it was (GS CIM 009, 4.5)."""

from __future__ import annotations

from typing import Any

import pytest

from hiroba.kernel.model.compact import View, compact_entity
from hiroba.kernel.model.context import CORE
from hiroba.kernel.model.expand import expand_entity

NORMALIZED: dict[str, Any] = {
    "id": "urn:ngsi-ld:RiverGauge:kasuga-1",
    "type": ["RiverGauge", "Device"],
    "scope": ["/disaster/river", "Takamatsu"],
    "避難場所": {"type": "Property", "value": "春日川コミュニティセンター"},
    "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [134.05, 34.34]}},
    "waterLevel": {
        "type": "Property",
        "value": 1.52,
        "unitCode": "MTR",
        "observedAt": "2026-04-01T00:10:00.000Z",
        "accuracy": {
            "type": "Property",
            "value": 0.9,
            "source": {"type": "Relationship", "object": "urn:ngsi-ld:Lab:1", "objectType": "Laboratory"},
        },
    },
    "speed": [
        {"type": "Property", "value": 55},
        {"type": "Property", "value": 54.5, "datasetId": "urn:ngsi-ld:Dataset:gps"},
    ],
    "address": {"type": "Property", "value": {"addressLocality": "高松市", "lines": [{"text": "番町"}, 3, None]}},
    "seen": {"type": "Property", "value": {"@type": "DateTime", "@value": "2026-04-01T00:00:00Z"}},
    "managedBy": {"type": "Relationship", "object": ["urn:ngsi-ld:Office:1", "urn:ngsi-ld:Office:2"]},
    "title": {"type": "LanguageProperty", "languageMap": {"ja": "川", "en": ["river", "stream"], "@none": "?"}},
    "kind": {"type": "VocabProperty", "vocab": ["Gauge", "Sensor"]},
    "raw": {"type": "JsonProperty", "json": {"id": 1, "value": None, "location": "x"}},
    "series": {"type": "ListProperty", "valueList": [1, {"low": 2}, "three"], "unitCode": "MTR"},
    "route": {"type": "ListRelationship", "objectList": [{"object": "urn:a:1"}, {"object": "urn:a:2"}]},
    "flag": {"type": "Property", "value": False, "valueType": "Boolean"},
}

SIMPLIFIED: dict[str, Any] = {
    "id": NORMALIZED["id"],
    "type": NORMALIZED["type"],
    "scope": NORMALIZED["scope"],
    "避難場所": "春日川コミュニティセンター",
    "location": {"type": "Point", "coordinates": [134.05, 34.34]},
    "waterLevel": 1.52,
    "speed": {"dataset": {"@none": 55, "urn:ngsi-ld:Dataset:gps": 54.5}},
    "address": NORMALIZED["address"]["value"],
    "seen": NORMALIZED["seen"]["value"],
    "managedBy": ["urn:ngsi-ld:Office:1", "urn:ngsi-ld:Office:2"],
    "title": {"languageMap": {"ja": "川", "en": ["river", "stream"], "@none": "?"}},
    "kind": {"vocab": ["Gauge", "Sensor"]},
    "raw": {"json": {"id": 1, "value": None, "location": "x"}},
    "series": [1, {"low": 2}, "three"],
    "route": ["urn:a:1", "urn:a:2"],
    "flag": False,
}


def test_normalized_comes_back_as_it_was() -> None:
    assert compact_entity(expand_entity(NORMALIZED, CORE), CORE, View()) == NORMALIZED


def test_simplified_shows_the_values_alone() -> None:
    assert compact_entity(expand_entity(NORMALIZED, CORE), CORE, View(format="simplified")) == SIMPLIFIED


def test_concise_loses_nothing() -> None:
    concise = compact_entity(expand_entity(NORMALIZED, CORE), CORE, View(format="concise"))
    assert concise["避難場所"] == "春日川コミュニティセンター"
    assert "type" not in concise["waterLevel"]
    assert compact_entity(expand_entity(concise, CORE), CORE, View()) == NORMALIZED


def test_simplified_input_is_read_back() -> None:
    read = expand_entity(SIMPLIFIED, CORE)
    assert compact_entity(read, CORE, View(format="simplified")) == SIMPLIFIED
    assert read["attrs"][CORE.expand_name("speed")][1]["datasetId"] == "urn:ngsi-ld:Dataset:gps"


@pytest.mark.parametrize(
    "value",
    [
        {"type": "Point", "coordinates": [1, 2]},
        {"value": 3},
        {"type": "PostalAddress", "street": "x"},
        [{"value": 3}],
        {"dataset": {"a": 1}},
        [],
        {"observedAt": "soon"},
        "urn:ngsi-ld:x:1",
    ],
)
def test_concise_keeps_values_apart_that_look_like_attributes(value: Any) -> None:
    entity = {"id": "urn:a:1", "type": "T", "thing": {"type": "Property", "value": value}}
    concise = compact_entity(expand_entity(entity, CORE), CORE, View(format="concise"))
    assert compact_entity(expand_entity(concise, CORE), CORE, View()) == entity
