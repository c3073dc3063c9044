"""Readers of an earlier version of the standard get what that version knows (GS CIM 009, 4.3.6.8)."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from hiroba.kernel.api.conformance import Version, amend, conform, preferred
from hiroba.kernel.api.http import Response

ENTITY: dict[str, Any] = {
    "id": "urn:x:1",
    "type": ["Shelter", "Building"],
    "scope": "/disaster",
    "expiresAt": "2030-01-01T00:00:00Z",
    "level": {"type": "Property", "value": {"type": "X"}, "unitCode": "MTR", "valueType": "xsd:double"},
    "grade": {"type": "VocabProperty", "vocab": "Good"},
    "raw": {"type": "JsonProperty", "json": {"type": "Property", "a": 1}},
    "steps": {"type": "ListProperty", "valueList": [1, 2]},
    "names": {"type": "LanguageProperty", "languageMap": {"ja": "川"}},
    "near": {"type": "ListRelationship", "objectList": [{"object": "urn:x:2"}], "objectType": "Shelter"},
    "speed": [
        {"type": "Property", "value": 2, "datasetId": "urn:d:1"},
        {"type": "Property", "value": 1, "inner": {"type": "VocabProperty", "vocab": "v"}},
    ],
}


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (b"ngsi-ld=1.5", (1, 5)),
        (b'NGSI-LD="1.0"', (1, 0)),
        (b"respond-async, Ngsi-Ld=1.0;q=0.1", (1, 0)),
        (b"body=json,ngsi-ld = 1.8", (1, 8)),
        (b"ngsi-ld=2.4", (1, 9)),
        (b"respond-async", None),
        (b"ngsi-ld=new", None),
        (b"not-ngsi-ld=1.5", None),
    ],
)
def test_the_preference_is_found(header: bytes, expected: Version | None) -> None:
    assert preferred(header) == expected


def test_the_own_version_changes_nothing() -> None:
    assert amend(ENTITY, (1, 9)) == ENTITY


def test_what_came_later_is_left_out_or_shown_as_its_ancestor() -> None:
    shown = amend(ENTITY, (1, 5))
    assert "expiresAt" not in shown
    assert shown["scope"] == "/disaster"
    assert shown["level"] == {"type": "Property", "value": {"type": "X"}, "unitCode": "MTR"}
    assert shown["grade"] == {"type": "Property", "value": "Good"}
    assert shown["raw"] == {"type": "Property", "value": {"type": "Property", "a": 1}}
    assert shown["steps"] == {"type": "Property", "value": [1, 2]}
    assert shown["names"] == ENTITY["names"]
    assert shown["near"] == {"type": "Relationship", "object": [{"object": "urn:x:2"}]}
    assert shown["speed"][1]["inner"] == {"type": "Property", "value": "v"}


def test_the_first_version_knows_one_type_and_one_instance() -> None:
    shown = amend(ENTITY, (1, 0))
    assert shown["type"] == "Shelter"
    assert "scope" not in shown
    assert shown["speed"] == {"type": "Property", "value": 1, "inner": {"type": "Property", "value": "v"}}
    assert shown["level"] == {"type": "Property", "value": {"type": "X"}}
    assert shown["names"] == {"type": "Property", "value": {"ja": "川"}}


@pytest.mark.parametrize(
    ("status", "body", "version", "entities", "expected"),
    [
        (200, [ENTITY], (1, 5), True, (203, b"ngsi-ld=1.5")),
        (200, [ENTITY], (1, 9), True, (200, b"ngsi-ld=1.9")),
        (200, {"id": "urn:x:1", "type": "T"}, (1, 5), True, (200, b"ngsi-ld=1.5")),
        (200, {"type": "Subscription", "expiresAt": "…"}, (1, 0), False, (200, b"ngsi-ld=1.0")),
        (404, {"title": "…"}, (1, 0), True, (404, None)),
    ],
)
def test_an_amended_answer_says_so(
    status: int, body: Any, version: Version, entities: bool, expected: tuple[int, bytes | None]
) -> None:
    answer = Response(status, orjson.dumps(body))
    conform(answer, version, entities=entities)
    assert (answer.status, dict(answer.headers).get(b"preference-applied")) == expected
    assert (orjson.loads(answer.body) == body) is (answer.status != 203)
