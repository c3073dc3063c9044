"""Batch operations over HTTP (GS CIM 009, 6.14 to 6.17, 6.23 and 6.31)."""

from __future__ import annotations

from typing import Any

import orjson

from hiroba.kernel.api import parameters, queries
from hiroba.kernel.api.answers import answer_page
from hiroba.kernel.api.http import Request, Response
from hiroba.kernel.api.negotiation import media_type, options_of, payload_of, payloads_of, view_of
from hiroba.kernel.api.router import Route
from hiroba.kernel.broker import batch, entities
from hiroba.kernel.broker.broker import Broker
from hiroba.kernel.model.entity import Entity
from hiroba.kernel.model.errors import BadRequestData, HirobaError, LdContextNotAvailable
from hiroba.kernel.model.expand import Fragment, expand_entity, expand_fragment
from hiroba.kernel.model.ids import check_uri


async def create_entities(broker: Broker, request: Request) -> Response:
    """Create many entities (6.14.3.1)."""
    whole, refused = await _entities(broker, request)
    result = await batch.create_entities(broker, request.tenant, whole)
    return _result(result, refused, success=201)


async def upsert_entities(broker: Broker, request: Request) -> Response:
    """Create or replace many entities; `options=update` overwrites only what is given (6.15.3.1)."""
    whole, refused = await _entities(broker, request)
    update = "update" in options_of(request)
    result = await batch.upsert_entities(broker, request.tenant, whole, update=update)
    return _result(result, refused, success=201 if result.created else 204)


async def update_entities(broker: Broker, request: Request) -> Response:
    """Add attributes to many entities (6.16.3.1)."""
    fragments, refused = await _fragments(broker, request)
    overwrite = "noOverwrite" not in options_of(request)
    result = await batch.update_entities(broker, request.tenant, fragments, overwrite=overwrite)
    return _result(result, refused, success=204)


async def merge_entities(broker: Broker, request: Request) -> Response:
    """Merge fragments into many entities (6.31.3.1)."""
    fragments, refused = await _fragments(broker, request, merging=True)
    return _result(await batch.merge_entities(broker, request.tenant, fragments), refused, success=204)


async def delete_entities(broker: Broker, request: Request) -> Response:
    """Delete many entities by id (6.17.3.1)."""
    body = await request.json()
    if not isinstance(body, list) or not body:
        raise BadRequestData("The body is not an array of at least one entity id.")
    ids: list[str] = []
    refused: list[tuple[str, HirobaError]] = []
    for id in body:
        if id is None:
            raise BadRequestData("The array of entity ids contains null.")
        try:
            check_uri(id, "entity id")
            ids.append(id)
        except BadRequestData as error:
            refused.append((str(id), error))
    return _result(await batch.delete_entities(broker, request.tenant, ids), refused, success=204)


async def query_entities(broker: Broker, request: Request) -> Response:
    """Return a page of the entities that a Query document chooses (6.23.3.1)."""
    kind = media_type(request, geojson=True)
    body, context = await payload_of(broker, request)
    if "temporalQ" in body:
        raise BadRequestData("temporalQ is for queries of temporal entities; send it to temporal/entityOperations.")
    asked = queries.document_parameters(request, body)
    parameters.QUERY.check(asked)
    request.override(asked)
    query = queries.entity_query(broker, asked, context)
    selectors = queries.selectors_of(body, context)
    if selectors:
        query = queries.selected(query, selectors)
    page = await entities.query_entities(broker, request.tenant, query, local=queries.is_local(asked))
    view = view_of(request, context)
    return await answer_page(broker, request, page, context, query=query, view=view, kind=kind)


async def _entities(broker: Broker, request: Request) -> tuple[list[Entity], list[tuple[str, HirobaError]]]:
    whole: list[Entity] = []
    refused: list[tuple[str, HirobaError]] = []
    for item, context in await payloads_of(broker, request):
        try:
            if isinstance(context, HirobaError):
                raise context
            whole.append(expand_entity(item, context))
        except (BadRequestData, LdContextNotAvailable) as error:
            refused.append((_id_of(item), error))
    return whole, refused


async def _fragments(
    broker: Broker, request: Request, *, merging: bool = False
) -> tuple[list[tuple[str, Fragment]], list[tuple[str, HirobaError]]]:
    found: list[tuple[str, Fragment]] = []
    refused: list[tuple[str, HirobaError]] = []
    for item, context in await payloads_of(broker, request):
        try:
            if isinstance(context, HirobaError):
                raise context
            fragment = expand_fragment(item, context, allow_null=True, merging=merging)
            check_uri(fragment.id, "id")
            found.append((str(fragment.id), fragment))
        except (BadRequestData, LdContextNotAvailable) as error:
            refused.append((_id_of(item), error))
    return found, refused


def _id_of(item: Any) -> str:
    id = item.get("id", item.get("@id")) if isinstance(item, dict) else None
    return id if isinstance(id, str) else "urn:ngsi-ld:unknown"


def _result(result: batch.BatchResult, refused: list[tuple[str, HirobaError]], *, success: int) -> Response:
    errors = refused + result.errors
    if errors:
        body = {
            "success": [*result.created, *result.updated],
            "errors": [{"entityId": id, "error": error.problem()} for id, error in errors],
        }
        return Response(207, orjson.dumps(body))
    if success == 204:
        return Response(204)
    return Response(success, orjson.dumps(result.created))


ROUTES: list[Route] = [
    ("POST", "/ngsi-ld/v1/entityOperations/create", create_entities, parameters.BATCH),
    ("POST", "/ngsi-ld/v1/entityOperations/upsert", upsert_entities, parameters.BATCH_UPSERT),
    ("POST", "/ngsi-ld/v1/entityOperations/update", update_entities, parameters.BATCH_UPDATE),
    ("POST", "/ngsi-ld/v1/entityOperations/merge", merge_entities, parameters.BATCH),
    ("POST", "/ngsi-ld/v1/entityOperations/delete", delete_entities, parameters.BATCH),
    ("POST", "/ngsi-ld/v1/entityOperations/query", query_entities, parameters.QUERY),
]
