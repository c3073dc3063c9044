"""Answer with entities: alone or as a page, with linked ones or without, as JSON, JSON-LD or GeoJSON (6.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import orjson

from hiroba.kernel.api.http import GEO_JSON, JSON, Headers, Request, Response
from hiroba.kernel.api.negotiation import link_header, paging_headers, projection_of, respond, respond_bytes
from hiroba.kernel.api.rendering import Fragments, with_context
from hiroba.kernel.broker.broker import Broker
from hiroba.kernel.broker.linking import gather, getter
from hiroba.kernel.model.compact import View, compact_entity, feature_collection, to_feature
from hiroba.kernel.model.context import Context
from hiroba.kernel.model.entity import Entity
from hiroba.kernel.model.errors import BadRequestData
from hiroba.kernel.model.ids import check_uri
from hiroba.kernel.model.linking import Join, beside, with_linked
from hiroba.kernel.store.port import EntityQuery, Page, Stored

FRAGMENTS: Final = Fragments()


def join_of(query: dict[str, str], context: Context) -> Join | None:
    """Return how linked entities are asked for (4.5.23), None when they are not; raises BadRequestData."""
    join = query.get("join", "@none")
    if join == "@none":
        return None
    contained = query.get("containedBy")
    ids = [id.strip() for id in contained.split(",")] if contained else []
    for id in ids:
        check_uri(id, "containedBy")
    return Join(
        join == "flat",
        int(query.get("joinLevel", "1")),
        frozenset(ids),
        projection_of(query, "pick", context),
        projection_of(query, "omit", context),
    )


def check_geometry_property(request: Request, kind: bytes) -> None:
    """Raise BadRequestData for a geometryProperty where no geometry is shown (6.3.15)."""
    if "geometryProperty" in request.query and kind != GEO_JSON:
        raise BadRequestData("geometryProperty is for application/geo+json alone; ask for that in the Accept header.")


async def answer_one(
    broker: Broker, request: Request, stored: Stored, context: Context, *, view: View, kind: bytes
) -> Response:
    """Answer with one entity; a flat join makes an array of it."""
    join = join_of(request.query, context) if request.scope["query_string"] else None
    if join is not None:
        return await _joined(broker, request, [stored.entity], context, view=view, kind=kind, join=join, single=True)
    if kind == GEO_JSON:
        return _geo(request, to_feature(stored.entity, context, view, _geometry_property(request, context)), context)
    fragment = FRAGMENTS.one(request.tenant, stored, context, view)
    if kind == JSON:
        return respond_bytes(request, fragment, context)
    return respond_bytes(request, with_context(fragment, context.reference), context, kind=kind)


async def answer_page(
    broker: Broker,
    request: Request,
    page: Page,
    context: Context,
    *,
    query: EntityQuery,
    view: View,
    kind: bytes,
) -> Response:
    """Answer with the entities of a page, its Link headers and count."""
    headers = paging_headers(
        request, limit=query.limit, offset=query.offset, more=page.more, count=page.count, kind=kind
    )
    join = join_of(request.query, context) if "join" in request.query else None
    if join is not None:
        entities = [row.entity for row in page.rows]
        return await _joined(
            broker, request, entities, context, view=view, kind=kind, join=join, single=False, headers=headers
        )
    if kind == GEO_JSON:
        named = _geometry_property(request, context)
        collection = feature_collection([row.entity for row in page.rows], context, view, named)
        return _geo(request, collection, context, headers)
    if kind == JSON:
        return respond_bytes(
            request, FRAGMENTS.many(request.tenant, page.rows, context, view), context, headers=headers
        )
    return respond_bytes(request, _linked_data(request, page.rows, context, view), context, kind=kind, headers=headers)


async def _joined(
    broker: Broker,
    request: Request,
    entities: Sequence[Entity],
    context: Context,
    *,
    view: View,
    kind: bytes,
    join: Join,
    single: bool,
    headers: Headers | None = None,
) -> Response:
    """Answer with entities and those that they link to, inside them or beside them."""
    store = await broker.store.tenant(request.tenant)
    known = await gather(getter(store), entities, view, join)
    if join.flat:
        shown = [(one, view) for one in entities] + beside(entities, view, join, known)
    else:
        shown = [(with_linked(one, context, view, join=join, known=known), view) for one in entities]
    alone = single and not join.flat
    if kind == GEO_JSON:
        named = _geometry_property(request, context)
        features = [to_feature(one, context, own, named) for one, own in shown]
        collection = features[0] if alone else {"type": "FeatureCollection", "features": features}
        return _geo(request, collection, context, headers)
    documents = [compact_entity(one, context, own) for one, own in shown]
    return respond(request, documents[0] if alone else documents, context, kind=kind, headers=headers)


def _linked_data(request: Request, rows: Sequence[Stored], context: Context, view: View) -> bytes:
    reference = context.reference
    parts = [with_context(FRAGMENTS.one(request.tenant, row, context, view), reference) for row in rows]
    return b"[" + b",".join(parts) + b"]"


def _geometry_property(request: Request, context: Context) -> str | None:
    named = request.query.get("geometryProperty")
    return context.expand_name(named) if named else None


def _geo(request: Request, body: dict[str, Any], context: Context, headers: Headers | None = None) -> Response:
    sent = list(headers or ())
    if request.headers.get(b"prefer") == b"body=json":
        sent.append(link_header(context))
    else:
        body = {**body, "@context": context.reference}
    return Response(200, orjson.dumps(body), media_type=GEO_JSON, headers=sent)
