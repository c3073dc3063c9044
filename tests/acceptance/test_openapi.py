"""The interface's own description: valid, whole, in both languages, and its examples work."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from openapi_spec_validator import validate

from hiroba.kernel.api import openapi
from hiroba.kernel.api.app import MODULES
from hiroba.kernel.api.openapi.document import words
from real_server import Running


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_it_is_valid_openapi_and_describes_every_route(server: Running, lang: str) -> None:
    reply = server.call("GET", f"/openapi.json?lang={lang}")
    assert reply.status == 200
    assert reply.headers["content-language"] == lang
    validate(reply.body)
    described = {(method.upper(), path) for path, one in reply.body["paths"].items() for method in one}
    assert described == {(method, path) for module in MODULES for method, path, *_ in module.ROUTES}


def test_the_language_follows_the_reader(server: Running) -> None:
    japanese = server.call("GET", "/openapi.json", Accept_Language="ja-JP,ja;q=0.9,en;q=0.5").body
    english = server.call("GET", "/openapi.json").body
    assert japanese["paths"]["/ngsi-ld/v1/entities"]["post"]["summary"] == "エンティティを作る"
    assert english["paths"]["/ngsi-ld/v1/entities"]["post"]["summary"] == "Create an entity"
    refused = server.call("GET", "/openapi.json?lang=fr")
    assert refused.status == 400
    assert "fr" in refused.body["detail"]


def test_there_are_no_words_for_what_is_not_there() -> None:
    handlers = {
        module.__name__.rpartition(".")[2]: {handler.__name__ for _, _, handler, *_ in module.ROUTES}
        for module in MODULES
    }
    assert {tag: set(one["operations"]) for tag, one in words("operations").items()} == handlers
    document = openapi.describe(MODULES, "en")
    operations = [one for path in document["paths"].values() for one in path.values()]
    used = {one["name"] for operation in operations for one in operation["parameters"] if one["in"] == "query"}
    assert set(words("parameters")) == used


def test_every_word_is_there_in_both_languages() -> None:
    titles = [one["title"] for tag in words("operations").values() for one in (tag, *tag["operations"].values())]
    titles += [one["about"] for one in words("parameters").values()]
    assert [title for title in titles if set(title) != {"ja", "en"} or not all(title.values())] == []


def examples(document: dict[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Yield method, path and example body of every operation that has a body."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            for content in operation.get("requestBody", {}).get("content", {}).values():
                name = content["schema"]["$ref"].rpartition("/")[2]
                yield method.upper(), path, document["components"]["schemas"][name]["examples"][0]
                break


def test_the_examples_are_taken(server: Running) -> None:
    tenant = {"NGSILD_Tenant": "openapi_examples"}
    document = server.call("GET", "/openapi.json").body
    entities = document["components"]["schemas"]["EntityList"]["examples"][0]
    assert server.call("POST", "/ngsi-ld/v1/entityOperations/upsert", entities, **tenant).status == 201
    subscription = document["components"]["schemas"]["Subscription"]["examples"][0]
    made = server.call("POST", "/ngsi-ld/v1/subscriptions", subscription, **tenant)
    registration = document["components"]["schemas"]["Registration"]["examples"][0]
    registered = server.call("POST", "/ngsi-ld/v1/csourceRegistrations", registration, **tenant)
    given = {
        "registrationId": registered.headers["location"].rpartition("/")[2],
        "entityId": entities[0]["id"],
        "attrId": "waterLevel",
        "id": made.headers["location"].rpartition("/")[2],
    }
    recorded = server.call("GET", f"/ngsi-ld/v1/temporal/entities/{given['entityId']}?lastN=1", **tenant).body
    values = recorded["waterLevel"]
    given["instanceId"] = (values[0] if isinstance(values, list) else values)["instanceId"]
    tried = 0
    for method, path, body in examples(document):
        if path.endswith(("/create", "/delete")):
            body = [{**one, "id": one["id"] + "-new"} if isinstance(one, dict) else one for one in body]
        if method == "PUT" and "attrs" not in path:
            body = {**body, "id": entities[0]["id"]}
        target = re.sub(r"\{(\w+)\}", lambda found: given[found[1]], path)
        if path.endswith("/delete"):
            continue  # it would take away what the others are about
        kind = "application/ld+json" if "@context" in body else "application/json"
        reply = server.call(method, target, body, Content_Type=kind, **tenant)
        assert reply.status in (200, 201, 204), (method, target, reply.status, reply.body)
        tried += 1
    assert tried >= 14
