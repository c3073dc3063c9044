"""What is taken in, and what is refused with the offending member named (GS CIM 009, 4.5, 4.6, 5.2, 5.5.4)."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hiroba.kernel.model.attributes import MAX_LEVELS
from hiroba.kernel.model.compact import View, compact_entity
from hiroba.kernel.model.context import CORE, compile_context
from hiroba.kernel.model.entity import DEFAULT_CONTEXT, LOCATION, NGSI_LD, NULL, VALUE_MEMBERS
from hiroba.kernel.model.errors import BadRequestData
from hiroba.kernel.model.expand import expand_attribute, expand_entity, expand_fragment
from hiroba.kernel.model.values import MAX_DEPTH

A = DEFAULT_CONTEXT + "a"
B = DEFAULT_CONTEXT + "b"


def entity(**members: Any) -> dict[str, Any]:
    return {"id": "urn:ngsi-ld:T:1", "type": "T", **members}


def instance(value: Any) -> Any:
    """Return the one instance that an attribute `a` is read as."""
    (found,) = expand_entity(entity(a=value), CORE)["attrs"][A]
    return found


def nested(depth: int, inner: Any = 1) -> Any:
    for _ in range(depth):
        inner = [inner]
    return inner


GEO = {"type": "Point", "coordinates": [134.0, 34.3]}


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        (5, {"type": "Property", "value": 5}),
        ("x", {"type": "Property", "value": "x"}),
        (["x", {"k": 1}], {"type": "Property", "value": ["x", {DEFAULT_CONTEXT + "k": 1}]}),
        ({"k": 1}, {"type": "Property", "value": {DEFAULT_CONTEXT + "k": 1}}),
        ({"value": 5}, {"type": "Property", "value": 5}),
        ({"value": GEO}, {"type": "GeoProperty", "value": GEO}),
        (GEO, {"type": "GeoProperty", "value": GEO}),
        ({"type": "Property", "value": GEO}, {"type": "Property", "value": GEO}),
        ({"type": "GeoProperty", "value": json.dumps(GEO)}, {"type": "GeoProperty", "value": GEO}),
        ({"object": "urn:b:1"}, {"type": "Relationship", "object": "urn:b:1"}),
        ({"languageMap": {"ja": "川"}}, {"type": "LanguageProperty", "languageMap": {"ja": "川"}}),
        ({"vocab": "v"}, {"type": "VocabProperty", "vocab": DEFAULT_CONTEXT + "v"}),
        ({"json": [{"id": 1}]}, {"type": "JsonProperty", "json": [{"id": 1}]}),
        ({"valueList": [{"k": 1}]}, {"type": "ListProperty", "valueList": [{DEFAULT_CONTEXT + "k": 1}]}),
        ({"objectList": ["urn:b:1"]}, {"type": "ListRelationship", "objectList": [{"object": "urn:b:1"}]}),
        ({"type": NGSI_LD + "Property", "value": 1}, {"type": "Property", "value": 1}),
        ({"@type": "Property", "value": 1}, {"type": "Property", "value": 1}),
        ({"value": 1, "datasetId": "@none"}, {"type": "Property", "value": 1}),
        ({"value": 1, "createdAt": "x", "instanceId": 3}, {"type": "Property", "value": 1}),
        ({"value": 1, "valueType": "DateTime"}, {"type": "Property", "value": 1, "valueType": NGSI_LD + "DateTime"}),
        (
            {"object": "urn:b:1", "objectType": "T"},
            {"type": "Relationship", "object": "urn:b:1", "objectType": [DEFAULT_CONTEXT + "T"]},
        ),
        (
            {"@type": "DateTime", "@value": "2026-04-01"},
            {"type": "Property", "value": {"@type": "DateTime", "@value": "2026-04-01"}},
        ),
        (
            {"type": "PostalAddress", "k": 1},
            {"type": "Property", "value": {"type": "PostalAddress", DEFAULT_CONTEXT + "k": 1}},
        ),
        (
            {"value": 1, "b": {"value": 2, "observedAt": "2026-04-01T00:00:00,5Z"}},
            {
                "type": "Property",
                "value": 1,
                "attrs": {B: [{"type": "Property", "value": 2, "observedAt": "2026-04-01T00:00:00,5Z"}]},
            },
        ),
    ],
)
def test_an_attribute_is_what_its_shape_says(given_: Any, expected: Any) -> None:
    assert instance(given_) == expected


def test_scopes_and_types_count_once() -> None:
    found = expand_entity({"id": "urn:a:1", "type": ["T", "U", "T"], "scope": ["/a", "/b", "/a"]}, CORE)
    assert found["type"] == [DEFAULT_CONTEXT + "T", DEFAULT_CONTEXT + "U"]
    assert found["scope"] == ["/a", "/b"]


def test_the_default_instance_leads() -> None:
    attrs = expand_entity(entity(a=[{"value": 1, "datasetId": "urn:d:1"}, {"value": 2}]), CORE)["attrs"]
    assert [one["value"] for one in attrs[A]] == [2, 1]


def test_a_link_by_the_context_is_a_relationship() -> None:
    context = compile_context({"ref": {"@id": "https://e.example/ref", "@type": "@id"}}, {})
    attrs = expand_entity(entity(ref="urn:b:1"), context)["attrs"]
    assert attrs == {"https://e.example/ref": [{"type": "Relationship", "object": "urn:b:1"}]}
    assert expand_entity(entity(ref="no link"), context)["attrs"]["https://e.example/ref"][0]["type"] == "Property"


def test_a_proof_keeps_what_seals_it() -> None:
    proof = {"type": "Property", "value": {"proofValue": "z"}, "entityIdSealed": "urn:a:1", "entityTypeSealed": "T"}
    payload = entity(a={"type": "Property", "value": 1, "ngsildproof": proof})
    assert compact_entity(expand_entity(payload, CORE), CORE, View()) == payload


REFUSED: list[tuple[Any, str]] = [
    ([], "entity"),
    ({"type": "T"}, "no id"),
    ({"id": "urn:a:1"}, "no type"),
    ({"id": "plain", "type": "T"}, "id is 'plain'"),
    ({"id": "urn:a:with space", "type": "T"}, "id is"),
    ({"id": NULL, "type": "T"}, "id is"),
    ({"id": ["urn:a:1"], "type": "T"}, "id is an array"),
    ({"id": "urn:a:1", "type": []}, "type"),
    ({"id": "urn:a:1", "type": 5}, "type"),
    ({"id": "urn:a:1", "type": ["T", None]}, "null"),
    ({"id": "urn:a:1", "type": "a<b"}, "a<b"),
    (entity(scope="/a//b"), "scope"),
    (entity(scope=["/1"]), "scope"),
    (entity(scope=[]), "scope"),
    (entity(expiresAt="tomorrow"), "expiresAt"),
    (entity(**{"na(me": 1}), "na(me"),
    (entity(**{"1a": 1}), "1a"),
    (entity(**{"": 1}), "''"),
    (entity(**{"@other": 1}), "@other"),
    (entity(observedAt="2026-04-01T00:00:00Z"), "observedAt"),
    (entity(datasetId="urn:d:1"), "datasetId"),
    (entity(unitCode="MTR"), "unitCode"),
    (entity(a=1, **{A: 2}), "names an attribute"),
    (entity(a=None), "a is null"),
    (entity(a=NULL), "a is 'urn:ngsi-ld:null'"),
    (entity(a={}), "a has no value"),
    (entity(a={"observedAt": "2026-04-01T00:00:00Z"}), "a has no value"),
    (entity(a={"type": "Property"}), "a.value is missing"),
    (entity(a={"type": "Property", "value": None}), "a.value is null"),
    (entity(a={"type": "Property", "value": NULL}), "a.value"),
    (entity(a={"type": "Property", "value": {"k": NULL}}), "a.value[k]"),
    (entity(a={"type": "Property", "value": [NULL]}), "a.value"),
    (entity(a={"type": "Property", "value": {"k": 1, DEFAULT_CONTEXT + "k": 2}}), "two keys"),
    (entity(a={"type": "Thing", "value": 1}), "a.type is 'Thing'"),
    (entity(a={"type": ["Property"], "value": 1}), "a.type is an array"),
    (entity(a={"type": "GeometryCollection", "geometries": []}), "a.type"),
    (entity(a={"value": 1, "object": "urn:b:1"}), "both value and object"),
    (entity(a={"type": "Property", "value": 1, "object": "urn:b:1"}), "a.object"),
    (entity(a={"type": "Relationship", "object": "urn:b:1", "value": 1}), "a.value"),
    (entity(a={"type": "Relationship", "object": "nothing"}), "a.object"),
    (entity(a={"type": "Relationship", "object": []}), "a.object"),
    (entity(a={"type": "Relationship", "object": ["urn:b:1", 2]}), "a.object"),
    (entity(a={"type": "Relationship", "object": NULL}), "a.object"),
    (entity(a={"type": "Relationship", "object": "urn:b:1", "unitCode": "MTR"}), "a.unitCode"),
    (entity(a={"type": "Relationship", "object": "urn:b:1", "objectType": 3}), "entity type"),
    (entity(a={"type": "Property", "value": 1, "objectType": "T"}), "a.objectType"),
    (entity(a={"type": "Property", "value": 1, "unitCode": 3}), "a.unitCode"),
    (entity(a={"type": "Property", "value": 1, "observedAt": "2026-04-01"}), "a.observedAt"),
    (entity(a={"type": "Property", "value": 1, "observedAt": "2026-13-01T00:00:00Z"}), "a.observedAt"),
    (entity(a={"type": "Property", "value": 1, "observedAt": "2026-04-01T00:00:00+09:00"}), "a.observedAt"),
    (entity(a={"type": "Property", "value": 1, "observedAt": NULL}), "a.observedAt"),
    (entity(a={"type": "Property", "value": 1, "datasetId": "x"}), "a.datasetId"),
    (entity(a={"type": "Property", "value": 1, "datasetId": NULL}), "a.datasetId"),
    (entity(a={"type": "Property", "value": 1, "valueType": 1}), "a.valueType"),
    (entity(a={"type": "Property", "value": 1, "@context": {}}), "@context"),
    (entity(a={"type": "Property", "value": 1, "entityIdSealed": "urn:a:1"}), "ngsildproof"),
    (entity(a={"type": "Property", "value": 1, "b<": 1}), "b<"),
    (entity(a={"type": "Property", "value": 1, "b": {"type": "Property"}}), "a.b.value"),
    (entity(a={"type": "Property", "value": 1, "b": 1, B: 2}), "given twice"),
    (entity(a=[{"value": 1}, {"value": 2}]), "several default"),
    (entity(a=[{"value": 1, "datasetId": "urn:d:1"}, {"value": 2, "datasetId": "urn:d:1"}]), "urn:d:1"),
    (entity(a=[{"type": "Property", "value": 1}, 2]), "array"),
    (entity(a={"dataset": {"@none": {"value": 1, "datasetId": "urn:d:1"}}}), "datasetId of its own"),
    (entity(a={"type": "LanguageProperty", "languageMap": {}}), "a.languageMap"),
    (entity(a={"type": "LanguageProperty", "languageMap": {"not a tag": "x"}}), "not a tag"),
    (entity(a={"type": "LanguageProperty", "languageMap": {"ja": 3}}), "[ja]"),
    (entity(a={"type": "LanguageProperty", "languageMap": {"ja": NULL, "en": "x"}}), "[ja]"),
    (entity(a={"type": "LanguageProperty", "languageMap": {"ja": ["x", 3]}}), "[ja]"),
    (entity(a={"type": "LanguageProperty", "languageMap": {"@none": NULL}}), "a.languageMap"),
    (entity(a={"type": "LanguageProperty", "languageMap": {"ja": "x"}, "unitCode": "MTR"}), "a.unitCode"),
    (entity(a={"type": "LanguageProperty", "languageMap": {"ja": "x"}, "valueType": "string"}), "a.valueType"),
    (entity(a={"type": "VocabProperty", "vocab": {}}), "a.vocab"),
    (entity(a={"type": "VocabProperty", "vocab": []}), "a.vocab"),
    (entity(a={"type": "VocabProperty", "vocab": "v", "unitCode": "MTR"}), "a.unitCode"),
    (entity(a={"type": "JsonProperty", "json": 3}), "a.json"),
    (entity(a={"type": "JsonProperty", "json": [{}, 3]}), "a.json"),
    (entity(a={"type": "JsonProperty", "json": {}, "value": 3}), "a.value"),
    (entity(a={"type": "ListProperty", "valueList": 3}), "a.valueList"),
    (entity(a={"type": "ListRelationship", "objectList": [{"object": "urn:b:1", "k": 1}]}), "a.objectList"),
    (entity(a={"type": "ListRelationship", "objectList": ["x"]}), "a.objectList"),
    (entity(a={"type": "ListRelationship", "objectList": [NULL]}), "a.objectList"),
    (entity(a={"type": "GeoProperty", "value": 3}), "a.value"),
    (entity(a={"type": "GeoProperty", "value": "not json"}), "a.value"),
    (entity(a={"type": "Point", "coordinates": [200, 0]}), "longitude"),
    (entity(a=nested(MAX_DEPTH + 1)), "deeper"),
    (entity(a={"type": "JsonProperty", "json": {"k": nested(MAX_DEPTH)}}), "deeper"),
    (entity(a={"@value": nested(MAX_DEPTH)}), "deeper"),
]


@pytest.mark.parametrize(("payload", "named"), REFUSED)
def test_what_does_not_follow_the_model_is_refused_by_name(payload: Any, named: str) -> None:
    before = repr(payload)
    with pytest.raises(BadRequestData) as refused:
        expand_entity(payload, CORE)
    assert named in refused.value.detail
    assert repr(payload) == before


@pytest.mark.parametrize("shape", ["value", "sub", "type", "dataset", "geo", "scope", "id", "json"])
def test_depth_without_end_is_refused_and_never_a_crash(shape: str) -> None:
    deep: Any = nested(900)
    subs: Any = {"value": 1}
    sets: Any = 1
    for _ in range(400):
        subs = {"value": 1, "b": subs}
        sets = {"dataset": {"@none": sets}}
    payload = {
        "value": entity(a=deep),
        "sub": entity(a=subs),
        "type": {"id": "urn:a:1", "type": deep},
        "dataset": entity(a=sets),
        "geo": entity(a={"type": "Polygon", "coordinates": deep}),
        "scope": entity(scope=deep),
        "id": {"id": deep, "type": "T"},
        "json": entity(a={"json": {"k": deep}}),
    }[shape]
    with pytest.raises(BadRequestData):
        expand_entity(payload, CORE)


def test_the_deepest_accepted_payload_can_be_written_out() -> None:
    sub: Any = {"value": nested(MAX_DEPTH - 1)}
    for _ in range(MAX_LEVELS):
        sub = {"value": 1, "b": sub}
    found = expand_entity(entity(a=sub), CORE)
    stored = orjson.loads(orjson.dumps({"wrapped": [{"in": [found]}]}))["wrapped"][0]["in"][0]
    assert orjson.dumps(compact_entity(stored, CORE, View()))


KEYS = [
    *VALUE_MEMBERS.values(),
    "type",
    "dataset",
    "datasetId",
    "observedAt",
    "@none",
    "@value",
    "@type",
    "coordinates",
]
KEYS += ["a", "b", "id", "urn:d:1"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["x", NULL, "urn:a:1", "2026-04-01T00:00:00Z"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(KEYS),
            inner | st.sampled_from([*VALUE_MEMBERS, "Point", "Thing"]),
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON)
@example({"value": [None, {"value": None}]})
@settings(max_examples=500, deadline=None)
def test_any_json_is_read_or_refused_and_what_is_read_is_stable(value: Any) -> None:
    try:
        first = expand_entity(entity(a=value), CORE)
    except BadRequestData:
        return
    for form in ("normalized", "concise"):
        again = expand_entity(compact_entity(first, CORE, View(format=form)), CORE)
        assert again["attrs"] == first["attrs"]
    compact_entity(first, CORE, View(format="simplified"))


@given(JSON)
@settings(max_examples=300, deadline=None)
def test_any_json_is_a_fragment_or_refused(value: Any) -> None:
    for read in (
        lambda: expand_fragment({"a": value}, CORE, allow_null=True),
        lambda: expand_attribute(value, CORE, name_hint="a", partial=True, allow_null=True),
        lambda: expand_fragment(value, CORE),
    ):
        try:
            read()
        except BadRequestData:
            continue


def test_a_fragment_tells_apart_what_is_written_and_what_is_deleted() -> None:
    fragment = expand_fragment(
        {
            "id": "urn:ngsi-ld:T:1",
            "type": ["T", "U", "T"],
            "scope": NULL,
            "expiresAt": NULL,
            "createdAt": "whenever",
            "a": {"type": "Property", "value": 1, "unitCode": NULL, "b": NULL},
            "b": NULL,
            "c": {"type": "LanguageProperty", "languageMap": {"@none": NULL}, "datasetId": "urn:d:1"},
            "d": [{"type": "Relationship", "object": NULL}, {"object": "urn:b:2", "datasetId": "urn:d:2"}],
            "e": {"objectList": [{"object": NULL}]},
            "location": GEO,
        },
        CORE,
        allow_null=True,
    )
    name = CORE.expand_name
    assert fragment.id == "urn:ngsi-ld:T:1"
    assert fragment.types == (name("T"), name("U"))
    assert fragment.scope == ()
    assert fragment.expires_at == NULL
    assert fragment.deleted == {(B, None), (name("c"), "urn:d:1"), (name("d"), None), (name("e"), None)}
    assert fragment.attrs == {
        A: [{"type": "Property", "value": 1, "unitCode": NULL, "attrs": {B: [{"type": "Property", "value": NULL}]}}],
        name("d"): [{"type": "Relationship", "object": "urn:b:2", "datasetId": "urn:d:2"}],
        LOCATION: [{"type": "GeoProperty", "value": GEO}],
    }
    assert fragment.plain == {(LOCATION, None)}
    assert fragment.without_scope().scope is None


@pytest.mark.parametrize(
    "payload",
    [{"a": NULL}, {"a": {"value": NULL}}, {"a": {"value": {"k": NULL}}}, {"scope": NULL}, {"expiresAt": NULL}, 3],
)
def test_nothing_is_deleted_where_nulls_are_not_allowed(payload: Any) -> None:
    with pytest.raises(BadRequestData):
        expand_fragment(payload, CORE)


@pytest.mark.parametrize(
    ("value", "before", "expected"),
    [
        (
            "川",
            {"type": "LanguageProperty", "languageMap": {}},
            {"type": "LanguageProperty", "languageMap": {"ja": "川"}},
        ),
        ("urn:b:1", {"type": "Relationship", "object": ""}, {"type": "Relationship", "object": "urn:b:1"}),
        ("v", {"type": "VocabProperty", "vocab": ""}, {"type": "VocabProperty", "vocab": DEFAULT_CONTEXT + "v"}),
        ([1], {"type": "ListProperty", "valueList": []}, {"type": "ListProperty", "valueList": [1]}),
        (
            ["urn:b:1"],
            {"type": "ListRelationship", "objectList": []},
            {"type": "ListRelationship", "objectList": [{"object": "urn:b:1"}]},
        ),
        (5, {"type": "Property", "value": 1}, {"type": "Property", "value": 5}),
        ({"value": "x"}, {"type": "LanguageProperty", "languageMap": {}}, {"type": "Property", "value": "x"}),
    ],
)
def test_a_bare_value_takes_the_type_that_is_there(value: Any, before: Any, expected: Any) -> None:
    fragment = expand_fragment({"a": value}, CORE, allow_null=True, lang="ja")
    assert fragment.fitted(A, fragment.attrs[A][0], before) == expected


def test_a_bare_value_that_cannot_be_of_the_type_is_refused() -> None:
    fragment = expand_fragment({"a": 5}, CORE)
    with pytest.raises(BadRequestData, match="a is 5; a URI"):
        fragment.fitted(A, fragment.attrs[A][0], {"type": "Relationship", "object": "urn:b:1"})


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"value": 5}, {"type": "Property", "value": 5}),
        ({"unitCode": "MTR"}, {"unitCode": "MTR"}),
        ({"type": "Property", "observedAt": NULL}, {"type": "Property", "observedAt": NULL}),
        ({"value": NULL, "datasetId": "urn:d:1"}, {"type": "Property", "value": NULL, "datasetId": "urn:d:1"}),
        ({"b": 1, "datasetId": "@none"}, {"attrs": {B: [{"type": "Property", "value": 1}]}}),
        ({"value": GEO}, {"type": "GeoProperty", "value": GEO}),
    ],
)
def test_a_partial_update_requires_nothing(payload: Any, expected: Any) -> None:
    assert expand_attribute(payload, CORE, name_hint="a", partial=True, allow_null=True) == [expected]


def test_an_attribute_alone_is_read_by_the_same_rules() -> None:
    assert expand_attribute({"type": "Property", "value": 5}, CORE, name_hint="a") == [{"type": "Property", "value": 5}]
    assert len(expand_attribute([{"value": 1}, {"value": 2, "datasetId": "urn:d:1"}], CORE)) == 2
    with pytest.raises(BadRequestData, match=r"level\.value is missing"):
        expand_attribute({"type": "Property", "unitCode": "MTR"}, CORE, name_hint="level")
    with pytest.raises(BadRequestData, match="several instances"):
        expand_attribute({"dataset": {"@none": 1, "urn:d:1": 2}}, CORE, name_hint="level")
    with pytest.raises(BadRequestData, match=r"level\.type"):
        expand_attribute({"type": "Thing"}, CORE, name_hint="level", partial=True)
