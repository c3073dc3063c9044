"""A value written through NGSIv2 is read through it as it was, whatever it is inside (and NGSI-LD can read it too)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hiroba.kernel.model.compact import View, compact_instance
from hiroba.kernel.model.context import CORE
from hiroba.kernel.model.expand import expand_attribute
from hiroba.kernel.model.ngsi_v2.attributes import Given, read_attribute, written
from hiroba.kernel.model.ngsi_v2.errors import OrionError
from hiroba.kernel.model.ngsi_v2.operators import ABSENT, operate
from hiroba.kernel.model.ngsi_v2.rendering import show_attribute
from hiroba.kernel.model.ngsi_v2.values import default_type, moment_of

POINT = {"type": "Point", "coordinates": [134.05, 34.34]}
texts = st.text(st.characters(exclude_characters="<>\"'=;()", exclude_categories=["Cs"]), max_size=6)
keys = st.one_of(texts, st.sampled_from(["@value", "@type", "type", "id", "location", "coordinates", "a.b", "value"]))
leaves = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.floats(allow_nan=False, allow_infinity=False), texts,
    st.sampled_from(["urn:ngsi-ld:null", "2026-01-01T00:00:00Z", "urn:a:b"]),
)  # fmt: skip
values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3))


@given(values)
def test_a_value_comes_back_with_its_type(value: Any) -> None:
    if isinstance(value, dict) and set(value) & {"$inc", "$set"}:
        return
    instance = written(Given(value), None)
    assert instance is not None
    shown = show_attribute(instance)
    assert shown == {"type": default_type(value), "value": value, "metadata": {}}
    assert compact_instance(instance, CORE, View())["type"] in ("Property", "JsonProperty")


@pytest.mark.parametrize(
    ("kind", "value", "inside"),
    [
        ("Float", 1.5, "Property"),
        ("DateTime", "2017-06-17T07:21:24.238Z", "Property"),
        ("DateTime", None, "JsonProperty"),
        ("ISO8601", "2017-06-17T07:21:24.238Z", "Property"),
        ("geo:json", POINT, "GeoProperty"),
        ("geo:json", None, "JsonProperty"),
        ("geo:point", "34.34, 134.05", "GeoProperty"),
        ("geo:line", ["34.3, 134", "34.4, 134.1"], "GeoProperty"),
        ("geo:box", ["34, 134", "35, 135"], "GeoProperty"),
        ("geo:polygon", ["34, 134", "35, 134", "35, 135", "34, 134"], "GeoProperty"),
        ("Relationship", "urn:ngsi-ld:Room:1", "Relationship"),
        ("Relationship", ["urn:a:1", "urn:a:2"], "Relationship"),
        ("Relationship", "not a uri", "Property"),
        ("LanguageProperty", {"ja": "水位", "en": "level"}, "LanguageProperty"),
        ("VocabProperty", "open", "VocabProperty"),
        ("JsonProperty", {"a": None}, "JsonProperty"),
        ("ListProperty", [1, "a"], "ListProperty"),
        ("ListRelationship", ["urn:a:1"], "ListRelationship"),
        ("PostalAddress", {"street": "x", "number": None}, "JsonProperty"),
        ("TextUnrestricted", "<b>", "Property"),
        ("None", None, "JsonProperty"),
    ],
)
def test_a_type_comes_back_with_its_value(kind: str, value: Any, inside: str) -> None:
    instance = written(read_attribute({"type": kind, "value": value}), None)
    assert instance is not None
    assert instance["type"] == inside
    assert show_attribute(instance) == {"type": kind, "value": value, "metadata": {}}


@pytest.mark.parametrize(
    ("body", "type", "value", "metadata"),
    [
        (
            {"type": "Property", "value": 7, "unitCode": "CEL"},
            "Number",
            7,
            {"unitCode": {"type": "Text", "value": "CEL"}},
        ),
        (
            {"type": "Property", "value": 7, "observedAt": "2026-01-01T00:00:00Z"},
            "Number",
            7,
            {"observedAt": {"type": "DateTime", "value": "2026-01-01T00:00:00Z"}},
        ),
        ({"type": "GeoProperty", "value": POINT}, "geo:json", POINT, {}),
        ({"type": "Relationship", "object": "urn:a:1"}, "Relationship", "urn:a:1", {}),
        ({"type": "LanguageProperty", "languageMap": {"ja": "川"}}, "LanguageProperty", {"ja": "川"}, {}),
        ({"type": "VocabProperty", "vocab": "open"}, "VocabProperty", "open", {}),
        ({"type": "JsonProperty", "json": {"a": 1}}, "JsonProperty", {"a": 1}, {}),
        ({"type": "ListProperty", "valueList": [1]}, "ListProperty", [1], {}),
        ({"type": "ListRelationship", "objectList": ["urn:a:1"]}, "ListRelationship", ["urn:a:1"], {}),
        (
            {"type": "Property", "value": 7, "accuracy": {"type": "Property", "value": 0.5}},
            "Number",
            7,
            {"accuracy": {"type": "Number", "value": 0.5}},
        ),
    ],
)
def test_what_ngsi_ld_wrote_is_shown_and_can_be_written_back(
    body: dict[str, Any], type: str, value: Any, metadata: dict[str, Any]
) -> None:
    (instance,) = expand_attribute(body, CORE)
    shown = show_attribute(instance)
    assert shown == {"type": type, "value": value, "metadata": metadata}
    again = written(read_attribute(shown), instance)
    assert again is not None
    again_shown = compact_instance(again, CORE, View())
    if "observedAt" in body:
        assert again_shown.pop("observedAt") == "2026-01-01T00:00:00.000Z"
        body = {name: one for name, one in body.items() if name != "observedAt"}
    assert again_shown == compact_instance(expand_attribute(body, CORE)[0], CORE, View())


def test_metadata_stays_until_it_is_overridden() -> None:
    first = written(read_attribute({"value": 1, "metadata": {"unit": {"value": "c"}, "avg": {"value": 2}}}), None)
    second = written(read_attribute({"value": 3, "metadata": {"avg": {"value": 4}}}), first)
    assert second is not None
    assert {n: m["value"] for n, m in show_attribute(second)["metadata"].items()} == {
        "unit": "c",
        "avg": 4,
    }
    bare = written(read_attribute({"value": 5}), second)
    assert bare is not None
    assert len(show_attribute(bare)["metadata"]) == 2
    for raw, override in (({"value": 5, "metadata": {}}, False), ({"value": 5}, True)):
        cleared = written(read_attribute(raw), second, override=override)
        assert cleared is not None
        assert show_attribute(cleared)["metadata"] == {}


def test_a_time_instant_is_when_it_was_observed() -> None:
    metadata = {"TimeInstant": {"type": "DateTime", "value": "2026-01-01T00:00:00.000Z"}}
    instance = written(read_attribute({"value": 1, "metadata": metadata}), None)
    assert instance is not None
    assert instance["observedAt"] == "2026-01-01T00:00:00.000Z"
    assert show_attribute(instance)["metadata"] == metadata
    both = {**metadata, "observedAt": {"type": "DateTime", "value": "2025-01-01T00:00:00.000Z"}}
    instance = written(read_attribute({"value": 1, "metadata": both}), None)
    assert instance is not None
    assert show_attribute(instance)["metadata"] == both


@pytest.mark.parametrize(
    ("present", "operation", "result"),
    [
        (10, {"$inc": 2}, 12),
        (10, {"$mul": 2.5}, 25.0),
        (10, {"$min": 2}, 2),
        (10, {"$min": 20}, 10),
        (10, {"$max": 12}, 12),
        ([1, 2], {"$push": 2}, [1, 2, 2]),
        ([1, 2], {"$push": {"$each": [-1, 0], "$position": 0}}, [-1, 0, 1, 2]),
        ([1, 2], {"$addToSet": 2}, [1, 2]),
        ([1, True], {"$addToSet": {"$each": [3, 1]}}, [1, True, 3]),
        ([1, 2, 2], {"$pull": 2}, [1]),
        ([1, 2, 3], {"$pullAll": [2, 3]}, [1]),
        ({"X": 1, "Y": 2}, {"$set": {"Y": 20, "Z": 30}, "$unset": {"X": 1}}, {"Y": 20, "Z": 30}),
        ({"X": 1}, {"$unset": {"X": None, "Q": 1}}, {}),
        ("foo", {"$set": "bar"}, "bar"),
        (ABSENT, {"$inc": 4}, 4),
        (ABSENT, {"$mul": 4}, 0),
        (ABSENT, {"$push": 4}, [4]),
        (ABSENT, {"$set": {"a": 1}}, {"a": 1}),
        (ABSENT, {"$unset": {"a": 1}}, ABSENT),
        (ABSENT, {"$pull": 1}, ABSENT),
    ],
)
def test_operators(present: Any, operation: Any, result: Any) -> None:
    assert operate(operation, present) == result


def test_dates_are_the_least_and_greatest_as_moments() -> None:
    assert operate({"$max": "2026-01-01T00:00:00+09:00"}, "2025-12-31T16:00:00Z", "DateTime") == "2025-12-31T16:00:00Z"
    assert operate({"$max": "2026-01-01"}, ABSENT, "DateTime") == "2026-01-01"


@pytest.mark.parametrize(
    ("present", "operation", "code"),
    [
        (1, {"$inc": "foo"}, 500),
        ("a", {"$inc": 1}, 500),
        (True, {"$inc": 1}, 500),
        (1, {"$push": 1}, 500),
        ("a", {"$set": {"b": 1}}, 500),
        ({}, {"$set": {"X": 1}, "$unset": {"X": 1}}, 500),
        (1, {"$inc": 1, "$mul": 2}, 400),
        (1.7e308, {"$mul": 10}, 500),
        ([1], {"$push": {"$each": [1], "$position": "x"}}, 500),
    ],
)
def test_operators_that_cannot_be_carried_out(present: Any, operation: Any, code: int) -> None:
    with pytest.raises(OrionError) as refused:
        operate(operation, present)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("1970-01-01", 0),
        ("1970-01-02T00", 86_400_000_000),
        ("1970-01-01T0001", 60_000_000),
        ("1970-01-01T00:00:01.5Z", 1_500_000),
        ("1970-01-01T09:00+09", 0),
        ("1970-01-01T090000+0900", 0),
        ("1970-01-01Z", None),
        ("1970-13-01", None),
        ("1970-01-01T25", None),
        ("٢٠٢٠-01-01", None),
        ("0001-01-01T00:00:00+23:59", None),
        ("9999-12-31T23:59:59-01", None),
        ("0001-01-01", -62_135_596_800_000_000),
        (5, None),
    ],
)
def test_moments(text: Any, micros: int | None) -> None:
    assert moment_of(text) == micros


@pytest.mark.parametrize(
    "raw",
    [
        5,
        {"value": 1, "foo": 2},
        {"value": "<script>"},
        {"value": {"a": ["x;y"]}},
        {"value": {"a(": 1}},
        {"type": "", "value": 1},
        {"type": "a b", "value": 1},
        {"type": 5, "value": 1},
        {"value": 1, "metadata": []},
        {"value": 1, "metadata": {"a": 1}},
        {"value": 1, "metadata": {"a": {"value": "<"}}},
        {"value": 1, "metadata": {"a b": {"value": 1}}},
        {"value": json.loads("[" * 51 + "]" * 51)},
    ],
)
def test_attributes_that_are_none(raw: Any) -> None:
    with pytest.raises(OrionError) as refused:
        read_attribute(raw)
    assert refused.value.code == 400


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("DateTime", "yesterday"),
        ("DateTime", 5),
        ("geo:json", {"type": "Point", "coordinates": [200, 0]}),
        ("geo:json", {"type": "GeometryCollection", "geometries": []}),
        ("geo:json", "x"),
        ("geo:json", {"type": "FeatureCollection", "features": []}),
        ("geo:point", "1"),
        ("geo:point", "91, 0"),
        ("geo:point", {"a": 1}),
        ("geo:line", ["1, 1"]),
        ("geo:box", ["1, 1", "1, 2"]),
        ("geo:polygon", ["1, 1", "2, 2", "3, 1", "1, 2"]),
    ],
)
def test_values_that_their_type_does_not_allow(kind: str, value: Any) -> None:
    with pytest.raises(OrionError) as refused:
        written(Given(value, kind), None)
    assert refused.value.code == 400


def test_a_place_that_is_to_be_ignored_is_plain_data() -> None:
    metadata = {"ignoreType": {"type": "Boolean", "value": True}}
    instance = written(read_attribute({"type": "geo:json", "value": POINT, "metadata": metadata}), None)
    assert instance is not None
    assert instance["type"] == "Property"
    assert show_attribute(instance) == {"type": "geo:json", "value": POINT, "metadata": metadata}
    again = written(Given(POINT, "geo:json"), instance)
    assert again is not None
    assert again["type"] == "Property"


def test_a_feature_is_its_geometry() -> None:
    feature = {"type": "Feature", "properties": {}, "geometry": POINT}
    for value in (feature, {"type": "FeatureCollection", "features": [feature]}):
        instance = written(Given(value, "geo:json"), None)
        assert instance is not None
        assert instance["value"] == POINT
