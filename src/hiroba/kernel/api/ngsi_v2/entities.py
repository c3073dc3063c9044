"""Entities over HTTP: list, create, retrieve, delete, and all of their attributes at once."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from hiroba.kernel.api.http import Request, Response
from hiroba.kernel.api.ngsi_v2 import requests
from hiroba.kernel.api.router import Route
from hiroba.kernel.broker.broker import Broker
from hiroba.kernel.broker.ngsi_v2 import entities
from hiroba.kernel.broker.ngsi_v2.queries import Asked, Selector
from hiroba.kernel.model.ngsi_v2.attributes import read_attributes, read_entity
from hiroba.kernel.model.ngsi_v2.errors import bad_request
from hiroba.kernel.model.ngsi_v2.rendering import show_entity
from hiroba.kernel.query.ngsi_v2 import both, check_pattern, parse_order, parse_places, parse_q

PATH: Final = "/v2/entities"


async def list_entities(broker: Broker, request: Request) -> Response:
    """List the entities that ids, types, conditions and places choose."""
    query, asked = requests.texts(request), requests.options(request)
    shape = requests.shape_of(query, asked)
    limit, offset = requests.paging(query)
    places = parse_places(query.get("georel"), query.get("geometry"), query.get("coords"))
    listed, count = await requests.forwarding_of(request).query(
        requests.asker_of(request, asked),
        Asked(
            selectors=_selectors(query),
            q=both(*(parse_q(query[name], name) for name in ("q", "mq") if name in query)),
            geo=places,
            order=parse_order(query["orderBy"], places) if "orderBy" in query else (),
            paths=requests.paths_of(request),
            limit=limit,
            offset=offset,
            count="count" in asked,
        ),
        requests.wanted(shape),
    )
    return requests.answer([show_entity(one, shape) for one in listed], count=count)


def _selectors(query: dict[str, str]) -> tuple[Selector, ...]:
    if "id" in query and "idPattern" in query:
        raise bad_request("Incompatible parameters: id, IdPattern")
    if "type" in query and "typePattern" in query:
        raise bad_request("Incompatible parameters: type, typePattern")
    selector = Selector(
        requests.names(query, "id", "entity id"),
        check_pattern(query["idPattern"], "entity idPattern") if "idPattern" in query else None,
        requests.names(query, "type", "entity type"),
        check_pattern(query["typePattern"], "entity typePattern") if "typePattern" in query else None,
    )
    return (selector,) if selector != Selector() else ()


async def create_entity(broker: Broker, request: Request) -> Response:
    """Create an entity; `options=upsert` adds to the one that is there."""
    asked, place = requests.options(request), requests.place_of(request)
    given = read_entity(await requests.json_body(request), key_values="keyValues" in asked)
    upsert = "upsert" in asked
    kind = await entities.create_entity(broker, place, given, upsert=upsert, how=requests.how(asked))
    location = f"{PATH}/{_quoted(given.id)}?type={_quoted(kind)}"
    return Response(204 if upsert else 201, headers=[(b"location", location.encode())])


def _quoted(text: str) -> str:
    return quote(text, safe=":@!$*+,-._~")


async def retrieve_entity(broker: Broker, request: Request) -> Response:
    """Return one entity."""
    return await _retrieve(broker, request, whole=True)


async def retrieve_attributes(broker: Broker, request: Request) -> Response:
    """Return the attributes of one entity, without its id and type."""
    return await _retrieve(broker, request, whole=False)


async def _retrieve(broker: Broker, request: Request, *, whole: bool) -> Response:
    query, asked = requests.texts(request), requests.options(request)
    shape = requests.shape_of(query, asked)
    target = requests.target_of(request, reading=True)
    asker = requests.asker_of(request, asked)
    entity = await requests.forwarding_of(request).retrieve(asker, target, requests.wanted(shape))
    shown: Any = show_entity(entity, shape)
    if not whole and isinstance(shown, dict):
        shown = {name: value for name, value in shown.items() if name not in ("id", "type")}
    return requests.answer(shown)


async def delete_entity(broker: Broker, request: Request) -> Response:
    """Remove an entity."""
    await entities.delete_entity(broker, request.tenant, requests.target_of(request, reading=False))
    return Response(204)


async def append_attributes(broker: Broker, request: Request) -> Response:
    """Add attributes to an entity, overwriting those that are there; `options=append` only adds."""
    asked = requests.options(request)
    await _change(broker, request, only="absent" if "append" in asked else "any")
    return Response(204)


async def update_attributes(broker: Broker, request: Request) -> Response:
    """Overwrite attributes that an entity has."""
    await _change(broker, request, only="present")
    return Response(204)


async def _change(broker: Broker, request: Request, *, only: str) -> None:
    asked, target = requests.options(request), requests.target_of(request, reading=False)
    attrs = read_attributes(await requests.json_body(request), key_values="keyValues" in asked)
    how = requests.how(asked)
    if only == "present":
        rest = await requests.forwarding_of(request).hand_on(requests.asker_of(request), target, attrs)
        if attrs and not rest:
            return
        attrs = rest
    await entities.change_attributes(broker, request.tenant, target, attrs, only=only, how=how)


async def replace_attributes(broker: Broker, request: Request) -> Response:
    """Exchange all attributes of an entity."""
    asked, target = requests.options(request), requests.target_of(request, reading=False)
    attrs = read_attributes(await requests.json_body(request), key_values="keyValues" in asked)
    await entities.replace_attributes(broker, request.tenant, target, attrs, how=requests.how(asked))
    return Response(204)


ROUTES: Final[list[Route]] = [
    ("GET", PATH, list_entities),
    ("POST", PATH, create_entity),
    ("GET", PATH + "/{id}", retrieve_entity),
    ("DELETE", PATH + "/{id}", delete_entity),
    ("GET", PATH + "/{id}/attrs", retrieve_attributes),
    ("POST", PATH + "/{id}/attrs", append_attributes),
    ("PATCH", PATH + "/{id}/attrs", update_attributes),
    ("PUT", PATH + "/{id}/attrs", replace_attributes),
]
