"""What the information model prohibits is refused by name, what comes close to it is taken (GS CIM 009, 4.5 to 4.7)."""

from __future__ import annotations

from typing import Any

import pytest

from hiroba.kernel.model.context import CORE, CORE_URL, compile_context
from hiroba.kernel.model.entity import LOCATION, NGSI_LD, NULL
from hiroba.kernel.model.errors import BadRequestData
from hiroba.kernel.model.expand import expand_attribute, expand_entity, expand_fragment
from hiroba.kernel.model.ids import is_uri

POINT = {"type": "Point", "coordinates": [134.05, 34.34]}
PROOF = {"type": "DataIntegrityProof", "proofValue": "z3xyz"}


def entity(**attributes: Any) -> dict[str, Any]:
    return {"id": "urn:ngsi-ld:Shelter:1", "type": "Shelter", **attributes}


@pytest.mark.parametrize(
    ("attributes", "named"),
    [
        ({"a": {"value": 1, "previousValue": 0}}, "a.previousValue"),
        ({"a": {"object": "urn:x:1", "previousObject": "urn:x:0"}}, "a.previousObject"),
        ({"a": {"languageMap": {"ja": "川"}, "previousLanguageMap": {}}}, "a.previousLanguageMap"),
        ({"location": {"type": "Property", "value": 7}}, "location"),
        ({"operationSpace": "somewhere"}, "operationSpace"),
        ({"ngsildproof": {"value": "a text"}}, "ngsildproof.value"),
        ({"ngsildproof": {"value": PROOF, "entityTypeSealed": 42}}, "entityTypeSealed"),
        ({"a": {"value": 1, "entityIdSealed": "urn:x:1"}}, "entityIdSealed"),
    ],
)
def test_members_that_mean_something_else_are_refused(attributes: dict[str, Any], named: str) -> None:
    with pytest.raises(BadRequestData, match=named):
        expand_entity(entity(**attributes), CORE)
    with pytest.raises(BadRequestData, match=named):
        expand_fragment(attributes, CORE)


def test_a_place_given_as_a_property_with_a_geometry_is_taken() -> None:
    taken = expand_entity(entity(location={"type": "Property", "value": POINT}), CORE)
    assert taken["attrs"][LOCATION][0]["value"] == POINT
    proof = expand_entity(entity(ngsildproof={"value": PROOF, "entityTypeSealed": ["Shelter"]}), CORE)
    assert proof["attrs"][NGSI_LD + "ngsildproof"][0]["entityTypeSealed"] == ["Shelter"]


@pytest.mark.parametrize("word", ["type", "id", "@type"])
def test_a_word_of_json_ld_is_no_entity_type(word: str) -> None:
    with pytest.raises(BadRequestData, match="entity type"):
        expand_entity({"id": "urn:ngsi-ld:T:1", "type": word}, CORE)


@pytest.mark.parametrize(
    "character",
    "\u202e\u200b\ufeff\ufe0f\U000e0100\ufdd0\ufffe\U0001fffe\u115f\u3164\uffa0\u2800\u00ad\ue000\u0085 \u2028",
)
def test_an_id_with_a_character_that_nobody_sees_is_no_uri(character: str) -> None:
    assert not is_uri(f"urn:ngsi-ld:Vehicle:A{character}B")


@pytest.mark.parametrize(
    "text", ["urn:ngsi-ld:川:春日川-1", "https://例え.jp/ﾊﾟｰｸ", "urn:x:Ciudad:París", "urn:x:𠮷野家"]
)
def test_letters_of_any_script_are_taken(text: str) -> None:
    assert is_uri(text)


def test_a_null_inside_a_value_is_for_merging_alone() -> None:
    payload = {"address": {"value": {"city": NULL, "street": "港町1"}}}
    with pytest.raises(BadRequestData, match=r"address\.value"):
        expand_fragment(payload, CORE, allow_null=True)
    with pytest.raises(BadRequestData, match=r"address\.value"):
        expand_attribute(payload["address"], CORE, name_hint="address", partial=True, allow_null=True)
    merged = expand_fragment(payload, CORE, allow_null=True, merging=True)
    assert NULL in merged.attrs[CORE.expand_name("address")][0]["value"].values()


def test_a_context_that_ends_with_the_core_context_needs_no_other() -> None:
    documents = {
        "https://a.example/c": {"@context": ["https://b.example/c", CORE_URL.replace("1.9", "1.8")]},
        "https://b.example/c": {"@context": {"a": "https://b.example/a"}},
        "https://c.example/c": {"@context": [CORE_URL, "https://b.example/c"]},
    }
    assert compile_context("https://a.example/c", documents).reference == "https://a.example/c"
    assert compile_context("https://b.example/c", documents).reference == ["https://b.example/c", CORE_URL]
    assert compile_context("https://c.example/c", documents).reference == ["https://c.example/c", CORE_URL]
    both = ["https://b.example/c", "https://a.example/c"]
    assert compile_context(both, documents).reference == both
    inline = {"@context": [{"a": "https://b.example/a"}, CORE_URL]}
    assert compile_context(inline, documents).reference == inline
