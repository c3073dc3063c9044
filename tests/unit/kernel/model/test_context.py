"""Names expand and compact as PyLD, the reference processor, would have it (GS CIM 009, 4.4 and 5.5.7)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from pyld import jsonld

from hiroba.kernel.model.compact import View, compact_entity
from hiroba.kernel.model.context import (
    CORE,
    CORE_BASE,
    CORE_URL,
    REMEMBERED,
    Context,
    builtin_documents,
    compile_context,
    needed_urls,
)
from hiroba.kernel.model.entity import DEFAULT_CONTEXT, NGSI_LD
from hiroba.kernel.model.errors import BadRequestData
from hiroba.kernel.model.expand import expand_entity

TOWN = "https://town.example/terms/"
DOCUMENTS = builtin_documents()

USER: dict[str, Any] = {
    "town": TOWN,
    "hash": "https://town.example/voc#",
    "River": "town:River",
    "waterLevel": {"@id": "town:waterLevel"},
    "gauge": {"@id": "hash:gauge", "@type": "@id"},
    "measuredOn": {"@id": "town:measuredOn", "@type": "DateTime"},
    "grade": {"@id": "town:grade", "@type": "@vocab"},
    "Severe": "hash:Severe",
    "names": {"@id": "town:names", "@container": "@set"},
    "steps": {"@id": "town:steps", "@container": "@list"},
    "tags": {"@id": "town:tags", "@container": "@set"},
    "水位": "town:suii",
    "fixed": {"@id": "town:fixed", "@protected": True},
    "street": "town:street",
}


def load(url: str, options: Any = None) -> dict[str, Any]:
    return {"contentType": "application/ld+json", "contextUrl": None, "documentUrl": url, "document": DOCUMENTS[url]}


def pyld_expand(payload: dict[str, Any], user: Any) -> dict[str, Any]:
    """Expand with the core context last, where the standard wants it, and first, so that users build on it."""
    document = {"@context": [CORE_URL, *(user if isinstance(user, list) else [user]), CORE_URL], **payload}
    (node,) = jsonld.expand(document, {"documentLoader": load})
    found: dict[str, Any] = node
    return found


PAYLOAD: dict[str, Any] = {
    "id": "urn:ngsi-ld:River:1",
    "type": ["River", "Device", "town:Stream", "https://else.example/Thing"],
    "waterLevel": {"type": "Property", "value": {"street": {"town:deep": 1, "type": "X"}, "other": [{"location": 2}]}},
    "gauge": {"type": "Relationship", "object": "urn:ngsi-ld:Gauge:1", "objectType": ["Device", "River"]},
    "measuredOn": {"type": "Property", "value": "2026-04-01T00:00:00Z"},
    "grade": {"type": "VocabProperty", "vocab": ["Severe", "town:Mild", "Unheard"]},
    "names": {"type": "LanguageProperty", "languageMap": {"ja": "川"}},
    "steps": {"type": "ListProperty", "valueList": [1, 2]},
    "tags": {"type": "Property", "value": ["a"]},
    "水位": {"type": "Property", "value": 1, "unitCode": "MTR", "hash:inner": {"type": "Property", "value": 2}},
    "fixed": {"type": "Property", "value": True},
    "unheardOf": {"type": "Property", "value": 1},
    "status": {"type": "Property", "value": 1},
    "town:prefixed": {"type": "Property", "value": 1},
    "unknown:prefixed": {"type": "Property", "value": 1},
    "https://else.example/attribute": {"type": "Property", "value": 1},
}


def iris_of(value: Any) -> Any:
    """Reduce a value to the tree of its keys, JSON-LD's wrapping taken off."""
    if isinstance(value, list):
        inner = [iris_of(one) for one in value]
        return inner[0] if len(inner) == 1 else inner
    if isinstance(value, dict):
        if "@value" in value or "@id" in value:
            return None
        return {
            ("type" if key == "@type" else key): iris_of(one) if key != "@type" else None for key, one in value.items()
        }
    return None


def assert_agrees(payload: dict[str, Any], user: Any, context: Context) -> None:
    """Compare names, types, vocabulary values and keys of values with PyLD's expansion."""
    theirs = pyld_expand(payload, user)
    ours = expand_entity(payload, context)
    assert ours["id"] == theirs["@id"]
    assert ours["type"] == theirs["@type"]
    assert set(ours["attrs"]) == set(theirs) - {"@id", "@type"}
    for iri, (instance,) in ours["attrs"].items():
        node = theirs[iri][0]
        node = node["@list"][0] if "@list" in node else node
        assert node["@type"] == [NGSI_LD + instance["type"]]
        if "vocab" in instance:
            vocab = instance["vocab"] if isinstance(instance["vocab"], list) else [instance["vocab"]]
            assert vocab == [one["@id"] for one in node[NGSI_LD + "hasVocab"]]
        if "objectType" in instance:
            assert instance["objectType"] == [one["@id"] for one in node[NGSI_LD + "hasObjectType"]]
        if instance["type"] == "Property" and isinstance(instance["value"], dict):
            assert iris_of(instance["value"]) == iris_of(node[NGSI_LD + "hasValue"])
        assert set(instance.get("attrs", ())) <= set(node)


def test_expansion_agrees_with_the_reference_processor() -> None:
    context = compile_context(USER, {})
    assert_agrees(PAYLOAD, USER, context)
    assert expand_entity(PAYLOAD, context)["attrs"][TOWN + "suii"][0]["attrs"].keys() == {
        "https://town.example/voc#inner"
    }


def test_compaction_gives_the_names_back() -> None:
    context = compile_context(USER, {})
    assert compact_entity(expand_entity(PAYLOAD, context), context, View()) == PAYLOAD


TERMS = st.sampled_from(["a", "bb", "temp", "水", "x_1", "Car", "ex", "v2"])
IRIS = st.builds(lambda word, end: f"https://e.example/{word}{end}", TERMS, st.sampled_from(["", "/", "#"]))
DEFINITIONS = st.one_of(
    IRIS,
    st.builds(lambda iri, kind: {"@id": iri, "@type": kind}, IRIS, st.sampled_from(["@id", "@vocab", "DateTime"])),
    st.builds(lambda iri, kind: {"@id": iri, "@container": kind}, IRIS, st.sampled_from(["@list", "@set"])),
    st.builds(lambda iri, flag: {"@id": iri, "@prefix": flag}, IRIS.filter(lambda iri: iri[-1] in "/#"), st.booleans()),
    st.builds(lambda iri: {"@id": iri, "@protected": True}, IRIS),
)
NAMES = st.one_of(
    TERMS,
    st.builds(lambda one, other: f"{one}:{other}", TERMS, TERMS),
    st.sampled_from(["location", "status", "https://e.example/bb", "urn:x:y"]),
)


@given(st.dictionaries(TERMS, DEFINITIONS, max_size=6), NAMES, NAMES)
@settings(max_examples=150, deadline=None)
def test_any_name_agrees_with_the_reference_processor(user: dict[str, Any], name: str, kind: str) -> None:
    context = compile_context(user, {}) if user else CORE
    payload = {"id": "urn:a:1", "type": kind, name: {"type": "Property", "value": 1}}
    theirs = pyld_expand(payload, user)
    assert context.type_name(kind) == theirs["@type"][0]
    assert {context.attribute_name(name)} == set(theirs) - {"@id", "@type"}


@given(st.dictionaries(TERMS, DEFINITIONS, min_size=1, max_size=6), NAMES)
@settings(max_examples=150, deadline=None)
def test_compacted_names_expand_to_where_they_came_from(user: dict[str, Any], name: str) -> None:
    context = compile_context(user, {})
    iri = context.expand_name(name)
    assert context.expand_name(context.compact_name(iri)) == iri


@given(st.text(max_size=12))
@example("a:b")
@example("")
@example("type")
@example("水位（m）")
@settings(max_examples=300, deadline=None)
def test_keys_of_values_come_back_as_they_were(key: str) -> None:
    assume(not key.startswith(("ngsi-ld:", "geojson:")))
    assert CORE.compact_name(CORE.expand_name(key)) == key


@pytest.mark.parametrize(
    "user",
    [
        {"linked": {"@id": "https://e.example/x", "@type": "@id"}, "any": "https://e.example/x"},
        {"longer": "https://e.example/x", "short": "https://e.example/x"},
        {"b": "https://e.example/x", "a": "https://e.example/x"},
        {"ex": "https://e.example/"},
    ],
)
def test_the_choice_among_names_agrees_with_the_reference_processor(user: dict[str, Any]) -> None:
    node = {"@type": [DEFAULT_CONTEXT + "T"], "https://e.example/x": [{"@id": "urn:b:1", "urn:c:2": [{"@value": 1}]}]}
    theirs = jsonld.compact(node, {"@context": [user, CORE_URL]}, {"documentLoader": load})
    assert compile_context(user, {}).compact_name("https://e.example/x") in theirs


def test_core_terms_cannot_be_redefined() -> None:
    context = compile_context(
        [
            CORE_URL,
            {"location": "https://e.example/elsewhere", "@vocab": "https://e.example/", "own": {"@type": "@id"}},
        ],
        {},
    )
    assert context.expand_name("location") == NGSI_LD + "location"
    assert context.expand_name("unheardOf") == DEFAULT_CONTEXT + "unheardOf"
    assert context.expand_name("own") == "https://e.example/own"


def test_documents_are_read_in_order_and_through_each_other() -> None:
    documents = {
        "https://a.example/c": {"@context": ["https://b.example/c", {"x": "https://a.example/x"}]},
        "https://b.example/c": {"@context": {"x": "https://b.example/x", "y": "https://b.example/y"}},
    }
    value = ["https://a.example/c", CORE_URL]
    assert needed_urls(value) == ("https://a.example/c",)
    assert needed_urls(documents["https://a.example/c"]["@context"]) == ("https://b.example/c",)
    context = compile_context(value, documents)
    assert context.expand_name("x") == "https://a.example/x"
    assert context.expand_name("y") == "https://b.example/y"
    assert context.reference == ["https://a.example/c", CORE_URL]
    assert context.url == "https://a.example/c"


def test_an_import_is_read_before_what_imports_it() -> None:
    value = {"@import": "https://a.example/c", "x": "https://e.example/mine"}
    assert needed_urls(value) == ("https://a.example/c",)
    documents = {"https://a.example/c": {"@context": {"x": "https://a.example/x", "y": "https://a.example/y"}}}
    context = compile_context(value, documents)
    assert (context.expand_name("x"), context.expand_name("y")) == ("https://e.example/mine", "https://a.example/y")


@pytest.mark.parametrize("value", [None, [], {}, CORE_URL, [CORE_URL.replace("1.9", "1.3")], [None]])
def test_no_user_context_is_the_core_context(value: Any) -> None:
    assert compile_context(value, {}) is CORE
    assert CORE.reference == CORE.url == CORE_URL


def test_equal_meaning_has_an_equal_key() -> None:
    one = compile_context({"a": "https://e.example/a"}, {})
    same = compile_context("https://a.example/c", {"https://a.example/c": {"@context": {"a": "https://e.example/a"}}})
    other = compile_context({"a": "https://e.example/b"}, {})
    assert one.key == same.key
    assert len({one.key, other.key, CORE.key}) == 3


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ({"x": {"@id": "https://e.example/x", "@context": {"y": "https://e.example/y"}}}, "'x'"),
        ({"x": 3}, "valid JSON-LD"),
        ({"x": {"@id": "https://e.example/x", "@wrong": 1}}, "valid JSON-LD"),
        ({"a": "b:x", "b": "a:y"}, "valid JSON-LD"),
        ({"@version": 2}, "valid JSON-LD"),
        (7, "7"),
        ([["nested"]], "an array"),
        ("https://a.example/missing", "https://a.example/missing"),
        ({"@import": 5}, "@import"),
        ({f"p{n}": f"p{n + 1}:x" for n in range(2000)}, "valid JSON-LD"),
    ],
)
def test_what_is_no_context_is_refused(value: Any, named: str) -> None:
    with pytest.raises(BadRequestData) as refused:
        compile_context(value, {})
    assert named in refused.value.detail


def test_a_document_that_includes_itself_is_refused() -> None:
    loop = {"https://a.example/c": {"@context": "https://a.example/c"}}
    with pytest.raises(BadRequestData, match="includes itself"):
        compile_context("https://a.example/c", loop)


def test_documents_that_include_each_other_twice_are_no_loop() -> None:
    documents = {
        "https://a.example/c": {"@context": ["https://c.example/c"]},
        "https://b.example/c": {"@context": ["https://c.example/c"]},
        "https://c.example/c": {"@context": {"x": "https://c.example/x"}},
    }
    context = compile_context(["https://a.example/c", "https://b.example/c"], documents)
    assert context.expand_name("x") == "https://c.example/x"


def test_a_term_mapped_to_null_loses_nothing() -> None:
    context = compile_context({"gone": None, "x": "https://e.example/x"}, {})
    assert context.compact_name(context.expand_name("gone")) == "gone"


def test_a_container_does_not_change_a_name() -> None:
    context = compile_context({"names": {"@id": "https://e.example/names", "@container": "@language"}}, {})
    assert context.expand_name("names") == "https://e.example/names"
    assert context.compact_name("https://e.example/names") == "names"


def test_coercion_tells_the_type_of_a_term() -> None:
    context = compile_context(USER, {})
    assert context.coercion("gauge") == "@id"
    assert context.coercion("measuredOn") == NGSI_LD + "DateTime"
    assert context.coercion("waterLevel") is None
    assert "gauge" in context.links


def test_endless_new_names_do_not_fill_the_memory() -> None:
    context = compile_context({"x": "https://e.example/x"}, {})
    for number in range(REMEMBERED + 10):
        context.attribute_name(f"n{number}")
    assert len(context.attribute_names) <= REMEMBERED


def test_every_core_version_is_shipped() -> None:
    assert {f"{CORE_BASE}-v1.{minor}.jsonld" for minor in range(3, 10)} <= set(DOCUMENTS)
    for document in DOCUMENTS.values():
        assert document["@context"]["location"] == "ngsi-ld:location"
    assert DOCUMENTS[CORE_URL]["@context"]["valueType"]["@id"] == "ngsi-ld:hasValueType"
