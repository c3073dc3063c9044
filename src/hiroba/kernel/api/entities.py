"""Entities and their attributes over HTTP (GS CIM 009, 6.4 to 6.7)."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import orjson

from hiroba.kernel.api import parameters, queries
from hiroba.kernel.api.answers import answer_one, answer_page, check_geometry_property
from hiroba.kernel.api.http import Request, Response
from hiroba.kernel.api.negotiation import (
    context_of,
    flag,
    media_type,
    names,
    options_of,
    payload_of,
    view_of,
)
from hiroba.kernel.api.router import Route
from hiroba.kernel.broker import attributes, entities
from hiroba.kernel.broker.broker import Broker
from hiroba.kernel.broker.decisions import Outcome
from hiroba.kernel.model.compact import View
from hiroba.kernel.model.context import Context
from hiroba.kernel.model.entity import Entity
from hiroba.kernel.model.errors import BadRequestData, ResourceNotFound
from hiroba.kernel.model.expand import expand_attribute, expand_entity, expand_fragment
from hiroba.kernel.model.ids import check_uri
from hiroba.kernel.model.instants import check_instant


async def create_entity(broker: Broker, request: Request) -> Response:
    """Create an entity (6.4.3.1)."""
    payload, context = await payload_of(broker, request)
    entity = expand_entity(payload, context)
    await entities.create_entity(broker, request.tenant, entity)
    return Response(201, headers=[(b"location", location(entity["id"]))])


def location(id: str) -> bytes:
    """Return the relative address of an entity."""
    return b"/ngsi-ld/v1/entities/" + quote(id, safe=":@!$&'()*+,;=-._~").encode()


async def retrieve_entity(broker: Broker, request: Request) -> Response:
    """Return one entity (6.5.3.1)."""
    kind = media_type(request, geojson=True)
    context = await context_of(broker, request)
    view = view_of(request, context)
    types = None
    if request.scope["query_string"]:
        types = queries.types_of(request.query, context)
        check_geometry_property(request, kind)
    stored = await entities.retrieve_entity(broker, request.tenant, request.params[0], types=types)
    if not view.whole and not _anything_of(stored.entity, view):
        raise ResourceNotFound(f"The entity {request.params[0]!r} has none of the members asked for.")
    return await answer_one(broker, request, stored, context, view=view, kind=kind)


def _anything_of(entity: Entity, view: View) -> bool:
    """Tell whether a projection leaves anything of an entity."""
    if view.attrs is not None:
        return any(iri in entity["attrs"] for iri in view.attrs)
    members = ("id", "type", "scope") if "scope" in entity else ("id", "type")
    return any(view.shows(name) for name in members) or any(view.shows(iri) for iri in entity["attrs"])


async def query_entities(broker: Broker, request: Request) -> Response:
    """Return a page of entities (6.4.3.2)."""
    kind = media_type(request, geojson=True)
    context = await context_of(broker, request)
    check_geometry_property(request, kind)
    query = queries.entity_query(broker, request.query, context)
    page = await entities.query_entities(broker, request.tenant, query, local=queries.is_local(request.query))
    view = view_of(request, context)
    return await answer_page(broker, request, page, context, query=query, view=view, kind=kind)


async def replace_entity(broker: Broker, request: Request) -> Response:
    """Exchange an entity (6.5.3.3)."""
    payload, context = await payload_of(broker, request)
    id = request.params[0]
    check_uri(id, "entity id")
    entity = expand_entity({"id": id, **payload}, context)
    if entity["id"] != id:
        raise BadRequestData(f"The body is about {entity['id']!r}, the address about {id!r}.")
    await entities.replace_entity(broker, request.tenant, entity, types=queries.types_of(request.query, context))
    return Response(204)


async def merge_entity(broker: Broker, request: Request) -> Response:
    """Merge a fragment into an entity (6.5.3.4)."""
    payload, context = await payload_of(broker, request)
    id = _same_id(request, payload)
    observed_at = request.query.get("observedAt")
    if observed_at is not None:
        check_instant(observed_at, "observedAt")
    fragment = expand_fragment(payload, context, allow_null=True, merging=True, lang=request.query.get("lang"))
    types = queries.types_of(request.query, context)
    await entities.merge_entity(broker, request.tenant, id, fragment, observed_at=observed_at, types=types)
    return Response(204)


async def delete_entity(broker: Broker, request: Request) -> Response:
    """Delete an entity (6.5.3.2)."""
    context = await context_of(broker, request)
    types = queries.types_of(request.query, context)
    await entities.delete_entity(broker, request.tenant, request.params[0], types=types)
    return Response(204)


async def purge_entities(broker: Broker, request: Request) -> Response:
    """Delete what a query chooses, wholly or some attributes of it (6.4.3.3)."""
    context = await context_of(broker, request)
    query = request.query
    keep, drop = names(query, "keep", context), names(query, "drop", context)
    if keep is not None and drop is not None:
        raise BadRequestData("keep and drop exclude each other; give one of them.")
    await entities.purge_entities(
        broker,
        request.tenant,
        queries.entity_query(
            broker, {k: v for k, v in query.items() if k not in ("limit", "offset", "count")}, context
        ),
        keep=frozenset(keep) if keep is not None else None,
        drop=frozenset(drop) if drop is not None else None,
        local=queries.is_local(query),
    )
    return Response(204)


async def append_attributes(broker: Broker, request: Request) -> Response:
    """Add attributes (6.6.3.1)."""
    payload, context = await payload_of(broker, request)
    id = _same_id(request, payload)
    fragment = expand_fragment(payload, context)
    overwrite = "noOverwrite" not in options_of(request)
    types = queries.types_of(request.query, context)
    outcome = await attributes.append_attributes(broker, request.tenant, id, fragment, overwrite=overwrite, types=types)
    return _outcome(outcome)


async def update_attributes(broker: Broker, request: Request) -> Response:
    """Overwrite attributes (6.6.3.2)."""
    payload, context = await payload_of(broker, request)
    id = _same_id(request, payload)
    fragment = expand_fragment(payload, context, allow_null=True)
    types = queries.types_of(request.query, context)
    return _outcome(await attributes.update_attributes(broker, request.tenant, id, fragment, types=types))


async def partial_update_attribute(broker: Broker, request: Request) -> Response:
    """Overwrite members of an attribute (6.7.3.1); NGSI-LD Null as its value deletes it."""
    payload, context = await payload_of(broker, request)
    id, name = request.params
    iri = attribute_of(context, name)
    (patch,) = expand_attribute(payload, context, name_hint=name, partial=True, allow_null=True)
    types = queries.types_of(request.query, context)
    await attributes.partial_update_attribute(broker, request.tenant, id, iri, patch, types=types)
    return Response(204)


async def replace_attribute(broker: Broker, request: Request) -> Response:
    """Exchange an attribute (6.7.3.3)."""
    payload, context = await payload_of(broker, request)
    id, name = request.params
    iri = attribute_of(context, name)
    (instance,) = expand_attribute(payload, context, name_hint=name)
    types = queries.types_of(request.query, context)
    await attributes.replace_attribute(broker, request.tenant, id, iri, instance, types=types)
    return Response(204)


async def delete_attribute(broker: Broker, request: Request) -> Response:
    """Remove an attribute (6.7.3.2)."""
    context = await context_of(broker, request)
    id, name = request.params
    dataset = request.query.get("datasetId")
    if dataset is not None and dataset != "@none":
        check_uri(dataset, "datasetId")
    iri = attribute_of(context, name)
    await attributes.delete_attribute(
        broker,
        request.tenant,
        id,
        iri,
        dataset=None if dataset == "@none" else dataset,
        all_instances=flag(request.query, "deleteAll"),
        types=queries.types_of(request.query, context),
    )
    return Response(204)


def attribute_of(context: Context, name: str) -> str:
    """Return the IRI of the attribute that an address names; raises BadRequestData for what can name none."""
    return name if name == "scope" else context.attribute_name(name)


def _same_id(request: Request, payload: dict[str, Any]) -> str:
    id = request.params[0]
    check_uri(id, "entity id")
    if payload.get("id", id) != id:
        raise BadRequestData(f"The body is about {payload['id']!r}, the address about {id!r}.")
    return id


def _outcome(outcome: Outcome) -> Response:
    """Answer 204, or 207 with what was left and why; fully qualified names, since there is no context (6.3.6)."""
    if not outcome.not_updated:
        return Response(204)
    body = {
        "updated": outcome.updated,
        "notUpdated": [{"attributeName": name, "reason": reason} for name, reason in outcome.not_updated.items()],
    }
    return Response(207, orjson.dumps(body))


ROUTES: list[Route] = [
    ("POST", "/ngsi-ld/v1/entities", create_entity, parameters.CREATE),
    ("GET", "/ngsi-ld/v1/entities", query_entities, parameters.QUERY),
    ("DELETE", "/ngsi-ld/v1/entities", purge_entities, parameters.PURGE),
    ("GET", "/ngsi-ld/v1/entities/{entityId}", retrieve_entity, parameters.RETRIEVE),
    ("PUT", "/ngsi-ld/v1/entities/{entityId}", replace_entity, parameters.REPLACE),
    ("PATCH", "/ngsi-ld/v1/entities/{entityId}", merge_entity, parameters.MERGE),
    ("DELETE", "/ngsi-ld/v1/entities/{entityId}", delete_entity, parameters.DELETE),
    ("POST", "/ngsi-ld/v1/entities/{entityId}/attrs", append_attributes, parameters.APPEND),
    ("PATCH", "/ngsi-ld/v1/entities/{entityId}/attrs", update_attributes, parameters.UPDATE),
    ("PATCH", "/ngsi-ld/v1/entities/{entityId}/attrs/{attrId}", partial_update_attribute, parameters.UPDATE),
    ("PUT", "/ngsi-ld/v1/entities/{entityId}/attrs/{attrId}", replace_attribute, parameters.UPDATE),
    ("DELETE", "/ngsi-ld/v1/entities/{entityId}/attrs/{attrId}", delete_attribute, parameters.DELETE_ATTRIBUTE),
]
