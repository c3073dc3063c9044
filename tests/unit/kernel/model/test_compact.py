"""How a view shows an entity: formats, projection, languages, GeoJSON (GS CIM 009, 4.5.4, 4.5.16, 4.15, 4.21)."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from hiroba.kernel.model.compact import (
    View,
    compact_entity,
    compact_instance,
    feature_collection,
    to_feature,
)
from hiroba.kernel.model.context import CORE, compile_context
from hiroba.kernel.model.entity import DEFAULT_CONTEXT, LOCATION
from hiroba.kernel.model.expand import expand_entity
from hiroba.kernel.model.languages import choose_language

AT = "2026-04-01T00:00:00.000Z"
LATER = "2026-05-01T00:00:00.000Z"
POINT = {"type": "Point", "coordinates": [134.0, 34.3]}
ELSEWHERE = {"type": "Point", "coordinates": [133.0, 34.0]}


def stored() -> dict[str, Any]:
    """Return an entity as the broker keeps it, stamped."""
    entity = expand_entity(
        {
            "id": "urn:ngsi-ld:River:1",
            "type": "River",
            "scope": "/water",
            "expiresAt": LATER,
            "level": [
                {"value": 1.5, "observedAt": AT, "quality": "good"},
                {"value": 1.4, "datasetId": "urn:d:1", "expiresAt": LATER},
            ],
            "title": {"languageMap": {"ja": "川", "en": "river"}, "note": {"languageMap": {"en": "n"}}},
            "location": [POINT_INSTANCE, {"value": ELSEWHERE, "datasetId": "urn:d:1"}],
            "address": {"value": {"street": "番町", "list": [{"deep": 1}]}},
        },
        CORE,
    )
    for instances in entity["attrs"].values():
        for instance in instances:
            instance.update(createdAt=AT, modifiedAt=AT, instanceId="urn:ngsi-ld:Instance:1")
    return {**entity, "createdAt": AT, "modifiedAt": AT}


POINT_INSTANCE = {"type": "GeoProperty", "value": POINT}


def shown(**asked: Any) -> dict[str, Any]:
    return compact_entity(stored(), CORE, View(**asked))


def iri(name: str) -> str:
    return CORE.expand_name(name)


def test_nothing_is_changed_by_showing_it() -> None:
    entity = stored()
    before = copy.deepcopy(entity)
    for form in ("normalized", "concise", "simplified"):
        for lang in (None, "en"):
            compact_entity(entity, CORE, View(format=form, sys_attrs=True, lang=lang))
            to_feature(entity, CORE, View(format=form, lang=lang))
    assert entity == before


def test_system_members_are_shown_only_when_asked_for() -> None:
    plain = shown()
    assert list(plain) == ["id", "type", "scope", "level", "title", "location", "address"]
    assert plain["level"][0] == {
        "type": "Property",
        "value": 1.5,
        "observedAt": AT,
        "quality": {"type": "Property", "value": "good"},
    }
    full = shown(sys_attrs=True)
    assert (full["createdAt"], full["modifiedAt"], full["expiresAt"]) == (AT, AT, LATER)
    assert full["level"][1] == {
        "type": "Property",
        "value": 1.4,
        "datasetId": "urn:d:1",
        "expiresAt": LATER,
        "createdAt": AT,
        "modifiedAt": AT,
    }


def test_the_instance_id_is_for_the_temporal_representation() -> None:
    instance = stored()["attrs"][iri("level")][0]
    assert "instanceId" not in compact_instance(instance, CORE, View(sys_attrs=True))
    assert compact_instance(instance, CORE, View(), instance_id=True)["instanceId"] == "urn:ngsi-ld:Instance:1"


def test_an_instance_alone_is_never_a_bare_value_in_concise() -> None:
    assert compact_instance({"type": "Property", "value": 1}, CORE, View(format="concise")) == {"value": 1}


@pytest.mark.parametrize("form", ["normalized", "concise"])
def test_an_instance_that_records_a_deletion_has_no_value(form: str) -> None:
    gone = {"type": "Relationship", "deletedAt": AT, "instanceId": "urn:ngsi-ld:Instance:2"}
    assert compact_instance(gone, CORE, View(format=form), name="a") == {"type": "Relationship"}
    assert compact_instance(gone, CORE, View(format=form, sys_attrs=True), name="a")["deletedAt"] == AT


def test_simplified_groups_instances_by_dataset() -> None:
    assert shown(format="simplified") == {
        "id": "urn:ngsi-ld:River:1",
        "type": "River",
        "scope": "/water",
        "level": {"dataset": {"@none": 1.5, "urn:d:1": 1.4}},
        "title": {"languageMap": {"ja": "川", "en": "river"}},
        "location": {"dataset": {"@none": POINT, "urn:d:1": ELSEWHERE}},
        "address": {"street": "番町", "list": [{"deep": 1}]},
    }


@pytest.mark.parametrize(
    ("asked", "members"),
    [
        ({"pick": ("id", iri("level"))}, ["id", "level"]),
        ({"pick": ("type", "scope")}, ["type", "scope"]),
        ({"omit": ("scope", LOCATION, iri("address"))}, ["id", "type", "level", "title"]),
        ({"attrs": (iri("title"), iri("unheardOf"))}, ["id", "type", "scope", "title"]),
        ({"datasets": frozenset({"urn:d:1"})}, ["id", "type", "scope", "level", "location"]),
        ({"datasets": frozenset({"urn:d:9"})}, ["id", "type", "scope"]),
    ],
)
def test_a_projection_shows_what_was_asked_for_and_no_more(asked: dict[str, Any], members: list[str]) -> None:
    assert list(shown(**asked)) == members


def test_of_the_instances_only_the_datasets_asked_for_are_shown() -> None:
    assert shown(datasets=frozenset({"urn:d:1"}))["level"]["value"] == 1.4
    assert shown(datasets=frozenset({"@none"}))["level"]["value"] == 1.5
    assert len(shown(datasets=frozenset({"@none", "urn:d:1"}))["level"]) == 2


def test_a_language_turns_language_properties_into_texts() -> None:
    english = shown(lang="en")
    assert english["title"] == {
        "type": "Property",
        "value": "river",
        "lang": "en",
        "note": {"type": "Property", "value": "n", "lang": "en"},
    }
    assert shown(lang="ja", format="simplified")["title"] == "川"
    assert shown(lang="ja", format="concise")["title"]["value"] == "川"


@pytest.mark.parametrize(
    ("offered", "wanted", "chosen"),
    [
        (("ja", "en"), "en", "en"),
        (("ja", "en"), "EN", "en"),
        (("ja", "en-GB"), "en", "en-GB"),
        (("ja", "en"), "en-GB", "en"),
        (("ja", "fr", "en"), "de,fr;q=0.5,en;q=0.8", "en"),
        (("ja", "en"), "de", "ja"),
        (("ja", "@none"), "de", "@none"),
        (("ja", "en"), "*", "ja"),
        (("ja", "en"), "de, *;q=0.5, en;q=0.1", "ja"),
        (("ja", "en"), "ja;q=0, en;q=0.1", "en"),
        (("en", "ja"), "ja;q=0", "en"),
        (("ja", "en"), "", "ja"),
        (("ja", "en"), ";;q=,", "ja"),
    ],
)
def test_the_language_that_suits_best_is_chosen(offered: tuple[str, ...], wanted: str, chosen: str) -> None:
    assert choose_language(offered, wanted) == chosen


def test_a_feature_has_the_default_location_as_geometry() -> None:
    feature = to_feature(stored(), CORE, View(format="simplified"))
    assert list(feature) == ["id", "type", "geometry", "properties"]
    assert feature["type"] == "Feature"
    assert feature["geometry"] == POINT
    assert feature["properties"]["type"] == "River"
    assert feature["properties"]["location"] == {"dataset": {"@none": POINT, "urn:d:1": ELSEWHERE}}
    assert "id" not in feature["properties"]


def test_a_feature_can_take_another_geometry() -> None:
    assert to_feature(stored(), CORE, View(datasets=frozenset({"urn:d:1"})))["geometry"] == ELSEWHERE
    assert to_feature(stored(), CORE, View(attrs=(iri("level"),)))["geometry"] == POINT
    assert to_feature(stored(), CORE, View(), iri("unheardOf"))["geometry"] is None
    assert to_feature(stored(), CORE, View(), iri("level"))["geometry"] is None


def test_a_collection_holds_a_feature_each() -> None:
    collection = feature_collection([stored(), stored()], CORE, View())
    assert collection["type"] == "FeatureCollection"
    assert [one["geometry"] for one in collection["features"]] == [POINT, POINT]


def test_names_without_a_term_are_written_out_in_full() -> None:
    context = compile_context({"River": "https://town.example/River", "town": "https://town.example/"}, {})
    entity = {
        "id": "urn:a:1",
        "type": ["https://town.example/River", "https://else.example/Thing"],
        "attrs": {
            "https://town.example/level": [{"type": "Property", "value": {"https://town.example/k": 1}}],
            DEFAULT_CONTEXT + "plain": [{"type": "VocabProperty", "vocab": "https://town.example/River"}],
        },
    }
    assert compact_entity(entity, context, View()) == {
        "id": "urn:a:1",
        "type": ["River", "https://else.example/Thing"],
        "town:level": {"type": "Property", "value": {"town:k": 1}},
        "plain": {"type": "VocabProperty", "vocab": "River"},
    }
    assert compact_entity(entity, CORE, View(format="simplified"))["https://town.example/level"] == {
        "https://town.example/k": 1
    }


def test_equal_views_are_one_key() -> None:
    one = View(lang="ja", pick=("id",))
    assert one == View(lang="ja", pick=("id",))
    assert hash(one) == hash(View(lang="ja", pick=("id",)))
    assert one != View(lang="ja")
