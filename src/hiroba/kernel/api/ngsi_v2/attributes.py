"""One attribute, or its bare value, over HTTP."""

from __future__ import annotations

from typing import Any, Final

import orjson

from hiroba.kernel.api.http import Request, Response
from hiroba.kernel.api.ngsi_v2 import requests
from hiroba.kernel.api.ngsi_v2.entities import PATH
from hiroba.kernel.api.router import Route
from hiroba.kernel.broker.broker import Broker
from hiroba.kernel.broker.ngsi_v2 import entities
from hiroba.kernel.broker.ngsi_v2.decisions import How
from hiroba.kernel.model.entity import Instance
from hiroba.kernel.model.errors import NotAcceptable
from hiroba.kernel.model.ngsi_v2.attributes import Given, check_name, check_value, marked, read_attribute
from hiroba.kernel.model.ngsi_v2.errors import bad_request, no_attribute
from hiroba.kernel.model.ngsi_v2.names import attribute_iri
from hiroba.kernel.model.ngsi_v2.rendering import default_instance, show_attribute
from hiroba.kernel.model.ngsi_v2.values import from_instance

_ONE: Final = PATH + "/{id}/attrs/{name}"
_JSON, _TEXT = b"application/json", b"text/plain"


async def retrieve_attribute(broker: Broker, request: Request) -> Response:
    """Return one attribute with its type and metadata."""
    metadata = requests.names(requests.texts(request), "metadata", "metadata name")
    return requests.answer(show_attribute(await _instance(broker, request), metadata))


async def replace_attribute(broker: Broker, request: Request) -> Response:
    """Overwrite one attribute that an entity has."""
    asked, target = requests.options(request), requests.target_of(request, reading=False)
    name = check_name(request.params[1])
    given = read_attribute(await requests.json_body(request))
    forwarding = requests.forwarding_of(request)
    if not await forwarding.hand_on(requests.asker_of(request), target, {name: given}):
        return Response(204)
    await entities.write_attribute(broker, request.tenant, target, name, given, how=requests.how(asked))
    return Response(204)


async def remove_attribute(broker: Broker, request: Request) -> Response:
    """Remove one attribute."""
    target = requests.target_of(request, reading=False)
    await entities.remove_attribute(broker, request.tenant, target, check_name(request.params[1]))
    return Response(204)


async def retrieve_value(broker: Broker, request: Request) -> Response:
    """Return the bare value of an attribute: objects and arrays as JSON, anything else as text."""
    _, value = from_instance(await _instance(broker, request))
    if isinstance(value, dict | list):
        kind = requests.accepts(request, _JSON, _TEXT)
        if kind is None:
            raise NotAcceptable("accepted MIME types: application/json, text/plain")
        return Response(200, orjson.dumps(value), media_type=kind)
    if requests.accepts(request, _TEXT) is None:
        raise NotAcceptable("accepted MIME types: text/plain")
    text = f'"{value}"'.encode() if isinstance(value, str) else orjson.dumps(value)
    return Response(200, text, media_type=_TEXT)


async def replace_value(broker: Broker, request: Request) -> Response:
    """Overwrite the value of an attribute, leaving its type and metadata."""
    asked, target = requests.options(request), requests.target_of(request, reading=False)
    name = check_name(request.params[1])
    raw = await requests.raw_body(request)
    value = _read_value(request.content_type, raw)
    forwarding = requests.forwarding_of(request)
    if not await forwarding.hand_on(requests.asker_of(request), target, {name: Given(value)}):
        return Response(204)
    stored = await entities.retrieve_entity(broker, request.tenant, target)
    instances = stored.entity["attrs"].get(attribute_iri(name))
    if not instances:
        raise no_attribute()
    present = default_instance(instances)
    kind, _ = from_instance(present)
    check_value(value, "TextUnrestricted" if marked("TextUnrestricted", None, present) else kind)
    how = How(forced="forcedUpdate" in asked)
    await entities.write_attribute(broker, request.tenant, target, name, Given(value, kind), how=how)
    return Response(204)


def _read_value(kind: bytes, raw: bytes) -> Any:
    if kind == _JSON:
        value = requests.parsed(raw)
        if not isinstance(value, dict | list):
            raise bad_request("Neither JSON Object nor JSON Array for attribute::value")
        return value
    if kind != _TEXT:
        raise requests.unsupported(kind)
    try:
        text = raw.decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raise bad_request("attribute value is not UTF-8") from error
    if len(text) > 1 and text[0] == text[-1] == '"':
        return text[1:-1]
    try:
        value = orjson.loads(text) if text else {}
    except orjson.JSONDecodeError:
        value = {}
    if isinstance(value, dict | list):
        raise bad_request("attribute value type not recognized")
    return value


async def _instance(broker: Broker, request: Request) -> Instance:
    target, name = requests.target_of(request, reading=True), check_name(request.params[1])
    asker = requests.asker_of(request, requests.options(request))
    entity = await requests.forwarding_of(request).retrieve(asker, target, (name,))
    instances = entity["attrs"].get(attribute_iri(name))
    if not instances:
        raise no_attribute()
    return default_instance(instances)


ROUTES: Final[list[Route]] = [
    ("GET", _ONE, retrieve_attribute),
    ("PUT", _ONE, replace_attribute),
    ("DELETE", _ONE, remove_attribute),
    ("GET", _ONE + "/value", retrieve_value),
    ("PUT", _ONE + "/value", replace_value),
]
