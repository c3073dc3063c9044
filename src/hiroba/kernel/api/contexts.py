"""Stored @contexts over HTTP (GS CIM 009, 6.29 and 6.30)."""

from __future__ import annotations

from urllib.parse import urlsplit

import orjson

from hiroba.kernel.api import parameters
from hiroba.kernel.api.http import JSON, Request, Response
from hiroba.kernel.api.negotiation import flag, media_type
from hiroba.kernel.api.router import Route
from hiroba.kernel.broker.broker import Broker
from hiroba.kernel.broker.contexts import SERVED_UNDER
from hiroba.kernel.model.errors import BadRequestData, OperationNotSupported

KINDS = ("Cached", "Hosted", "ImplicitlyCreated")


async def add_context(broker: Broker, request: Request) -> Response:
    """Store a context (6.29.3.1)."""
    body = await request.json()
    if not isinstance(body, dict) or "@context" not in body:
        raise BadRequestData("The body has no @context member.")
    url = await broker.contexts.add(body["@context"], tenant=request.tenant)
    return Response(201, headers=[(b"location", urlsplit(url).path.encode())])


async def list_contexts(broker: Broker, request: Request) -> Response:
    """List the contexts kept, as URLs or with `details=true` as metadata (6.29.3.2)."""
    kind = request.query.get("kind")
    if kind is not None and kind not in KINDS:
        raise BadRequestData(f"kind is {kind!r}; choose {', '.join(KINDS)}.")
    details = flag(request.query, "details")
    body = [one.details() if details else one.url for one in broker.contexts.listed(request.tenant, kind)]
    return Response(200, orjson.dumps(body))


async def serve_context(broker: Broker, request: Request) -> Response:
    """Return a stored context or its metadata (6.30.3.1)."""
    kind = media_type(request)
    details = flag(request.query, "details")
    served = broker.contexts.served(request.params[0], request.tenant)
    if not details and served.kind == "Cached":
        raise OperationNotSupported(f"This @context is a cached copy; fetch it from {served.url}.")
    body = orjson.dumps(served.details() if details else served.body)
    served.count()
    return Response(200, body, media_type=JSON if details else kind)


async def delete_context(broker: Broker, request: Request) -> Response:
    """Forget a context, or with `reload=true` fetch a cached one anew (6.30.3.2)."""
    await broker.contexts.remove(request.params[0], request.tenant, reload=flag(request.query, "reload"))
    return Response(204)


ROUTES: list[Route] = [
    ("POST", SERVED_UNDER.rstrip("/"), add_context, parameters.NONE),
    ("GET", SERVED_UNDER.rstrip("/"), list_contexts, parameters.CONTEXTS),
    ("GET", SERVED_UNDER + "{contextId}", serve_context, parameters.CONTEXT),
    ("DELETE", SERVED_UNDER + "{contextId}", delete_context, parameters.CONTEXT_DELETE),
]
