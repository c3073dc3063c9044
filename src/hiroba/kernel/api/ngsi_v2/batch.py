"""The batch operations over HTTP: update, query and notify."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from hiroba.kernel.api.http import Request, Response
from hiroba.kernel.api.ngsi_v2 import requests
from hiroba.kernel.api.router import Route
from hiroba.kernel.broker.broker import Broker
from hiroba.kernel.broker.ngsi_v2 import batch
from hiroba.kernel.broker.ngsi_v2.decisions import How
from hiroba.kernel.broker.ngsi_v2.entities import Place, Target
from hiroba.kernel.broker.ngsi_v2.queries import Asked, Selector
from hiroba.kernel.model.ngsi_v2.attributes import GivenEntity, read_entity
from hiroba.kernel.model.ngsi_v2.errors import bad_request
from hiroba.kernel.model.ngsi_v2.names import attribute_iri, check_identifier
from hiroba.kernel.model.ngsi_v2.rendering import show_entity
from hiroba.kernel.query.ngsi_v2 import both, check_pattern, parse_order, parse_places, parse_q
from hiroba.kernel.query.tree import Exists, GeoQuery, Or, Path, Query

_LEGACY: Final = {
    "APPEND": "append",
    "APPEND_STRICT": "appendStrict",
    "UPDATE": "update",
    "DELETE": "delete",
    "REPLACE": "replace",
}
_EXPRESSION: Final = ("q", "mq", "georel", "geometry", "coords")


async def update(broker: Broker, request: Request) -> Response:
    """Create, change or remove many entities at once."""
    asked, place = requests.options(request), requests.place_of(request)
    body = _object(await requests.json_body(request))
    action = body.get("actionType")
    if action is None:
        raise bad_request("invalid JSON payload, mandatory field /actionType/ not found")
    action = _LEGACY.get(action, action) if isinstance(action, str) else action
    if action not in batch.ACTIONS:
        raise bad_request("invalid update action type")
    if "entities" not in body:
        raise bad_request("invalid JSON payload, mandatory field /entities/ not found")
    given = _entities(body["entities"], key_values="keyValues" in asked)
    if action == "update":
        given = await _handed_on(request, place, given)
    if given:
        await batch.update(broker, place, action, given, how=requests.how(asked))
    return Response(204)


async def _handed_on(request: Request, place: Place, given: list[GivenEntity]) -> list[GivenEntity]:
    """Hand on what only others have; return what is left to be done here."""
    forwarding, asker = requests.forwarding_of(request), requests.asker_of(request)
    left = []
    for one in given:
        attrs = await forwarding.hand_on(asker, Target(one.id, one.type, place.paths), one.attrs)
        if attrs or not one.attrs:
            left.append(replace(one, attrs=attrs))
    return left


def _entities(raw: Any, *, key_values: bool) -> list[GivenEntity]:
    if not isinstance(raw, list):
        raise bad_request("/entities/ is not an array")
    if not raw:
        raise bad_request("empty entities vector")
    return [read_entity(one, key_values=key_values) for one in raw]


async def notify(broker: Broker, request: Request) -> Response:
    """Take in a notification: its entities are appended or overwritten here."""
    if {"keyValues", "values", "unique"} & requests.options(request):
        raise bad_request("attribute render format /keyValues/ not supported for notifications")
    place = requests.place_of(request)
    body = _object(await requests.json_body(request))
    if "subscriptionId" not in body:
        raise bad_request("invalid JSON payload, mandatory field /subscriptionId/ not found")
    if not isinstance(body["subscriptionId"], str):
        raise bad_request("/subscriptionId/ must be a JSON string")
    data = body.get("data")
    if not isinstance(data, list):
        raise bad_request("notification field /data/ must be a JSON array")
    if not all(isinstance(one, dict) for one in data):
        raise bad_request("notification data vector item must be a JSON object")
    await batch.update(broker, place, "append", [read_entity(one, key_values=False) for one in data], how=How())
    return Response(200)


async def query(broker: Broker, request: Request) -> Response:
    """List the entities that a body of selectors and conditions chooses."""
    texts, asked = requests.texts(request), requests.options(request)
    limit, offset = requests.paging(texts)
    body = _object(await requests.json_body(request))
    unknown = set(body) - {"entities", "attrs", "attributes", "expression", "metadata"}
    if unknown:
        raise bad_request(f"Unrecognized field in JSON payload: /{min(unknown)}/")
    expression, places = read_expression(body.get("expression"))
    wanted = _names(body, "attributes", "attribute name")
    if wanted:
        held = tuple(Exists(Path(attribute_iri(name))) for name in wanted)
        expression = both(expression, held[0] if len(held) == 1 else Or(held))
    shape = requests.shape_of(
        {
            **({"attrs": ",".join(attrs)} if (attrs := _names(body, "attrs", "attribute name") or wanted) else {}),
            **({"metadata": ",".join(found)} if (found := _names(body, "metadata", "metadata name")) else {}),
        },
        asked,
    )
    listed, count = await requests.forwarding_of(request).query(
        requests.asker_of(request, asked),
        Asked(
            selectors=read_selectors(body["entities"]) if body.get("entities") else (),
            q=expression,
            geo=places,
            order=parse_order(texts["orderBy"], places) if "orderBy" in texts else (),
            paths=requests.paths_of(request),
            limit=limit,
            offset=offset,
            count="count" in asked,
        ),
        requests.wanted(shape),
    )
    return requests.answer([show_entity(one, shape) for one in listed], count=count)


def read_expression(raw: Any) -> tuple[Query | None, GeoQuery | None]:
    """Return what an expression asks for; raises OrionError."""
    if raw is None:
        return None, None
    if not isinstance(raw, dict):
        raise bad_request("expression is not an object")
    if not raw:
        raise bad_request("empty expression")
    for name, value in raw.items():
        if name not in _EXPRESSION:
            raise bad_request(f"{name} is not a valid field in expression")
        if not isinstance(value, str):
            raise bad_request(f"{name} is not a string")
        if not value:
            raise bad_request(f"{name} is empty")
    conditions = both(*(parse_q(raw[name], name) for name in ("q", "mq") if name in raw))
    return conditions, parse_places(raw.get("georel"), raw.get("geometry"), raw.get("coords"))


def read_selectors(raw: Any) -> tuple[Selector, ...]:
    """Return the selectors of a query or a subscription; raises OrionError."""
    if not isinstance(raw, list):
        raise bad_request("/entities/ is not an array")
    return tuple(_selector(one) for one in raw)


def _selector(raw: Any) -> Selector:
    if not isinstance(raw, dict):
        raise bad_request("/entities/ vector item is not an object")
    unknown = set(raw) - {"id", "idPattern", "type", "typePattern"}
    if unknown:
        raise bad_request(f"{min(unknown)} is not a valid field in /entities/ vector item")
    if "id" not in raw and "idPattern" not in raw:
        raise bad_request("/entities/ vector item does not have /id/ nor /idPattern/")
    for one, other in (("id", "idPattern"), ("type", "typePattern")):
        if one in raw and other in raw:
            raise bad_request(f"/entities/ vector item has both /{one}/ and /{other}/")
    for name in ("idPattern", "typePattern"):
        if name in raw and not isinstance(raw[name], str):
            raise bad_request(f"Invalid JSON type for entity {name}")
    return Selector(
        (check_identifier(raw["id"], "entity id"),) if "id" in raw else None,
        check_pattern(raw["idPattern"], "entity idPattern") if "idPattern" in raw else None,
        (check_identifier(raw["type"], "entity type"),) if "type" in raw else None,
        check_pattern(raw["typePattern"], "entity typePattern") if "typePattern" in raw else None,
    )


def _names(body: dict[str, Any], name: str, what: str) -> tuple[str, ...]:
    raw = body.get(name, [])
    if not isinstance(raw, list):
        raise bad_request(f"the field /{name}/ must be a JSON array")
    return tuple(dict.fromkeys(check_identifier(one, what) for one in raw))


def _object(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise bad_request("not a JSON object")
    if not body:
        raise bad_request("empty payload")
    return body


ROUTES: Final[list[Route]] = [
    ("POST", "/v2/op/update", update),
    ("POST", "/v2/op/query", query),
    ("POST", "/v2/op/notify", notify),
]
