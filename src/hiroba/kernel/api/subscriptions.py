"""Subscriptions over HTTP (GS CIM 009, 6.10 and 6.11)."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from hiroba.kernel.api import parameters
from hiroba.kernel.api.http import Request, Response
from hiroba.kernel.api.negotiation import (
    context_of,
    media_type,
    options_of,
    page_of,
    paging_headers,
    payload_of,
    respond,
)
from hiroba.kernel.api.router import Route
from hiroba.kernel.broker import subscriptions
from hiroba.kernel.broker.broker import Broker

PATH: Final = "/ngsi-ld/v1/subscriptions"


async def create_subscription(broker: Broker, request: Request) -> Response:
    """Create a subscription (6.10.3.1)."""
    body, context = await payload_of(broker, request)
    id = await subscriptions.create_subscription(broker, request.tenant, body, context)
    return Response(201, headers=[(b"location", f"{PATH}/{quote(id, safe=':@!$&()*+,;=-._~')}".encode())])


async def query_subscriptions(broker: Broker, request: Request) -> Response:
    """Return a page of the subscriptions (6.10.3.2)."""
    kind = media_type(request)
    context = await context_of(broker, request)
    limit, offset, count = page_of(broker, request.query)
    listed = await subscriptions.query_subscriptions(
        broker,
        request.tenant,
        context,
        limit=limit,
        offset=offset,
        sys_attrs="sysAttrs" in options_of(request),
    )
    headers = paging_headers(
        request, limit=limit, offset=offset, more=listed.more, count=listed.count if count else None, kind=kind
    )
    return respond(request, listed.documents, context, kind=kind, headers=headers)


async def retrieve_subscription(broker: Broker, request: Request) -> Response:
    """Return one subscription (6.11.3.1)."""
    kind = media_type(request)
    context = await context_of(broker, request)
    document = await subscriptions.retrieve_subscription(
        broker, request.tenant, request.params[0], context, sys_attrs="sysAttrs" in options_of(request)
    )
    return respond(request, document, context, kind=kind)


async def update_subscription(broker: Broker, request: Request) -> Response:
    """Replace some members of a subscription (6.11.3.2)."""
    body, context = await payload_of(broker, request)
    await subscriptions.update_subscription(broker, request.tenant, request.params[0], body, context)
    return Response(204)


async def delete_subscription(broker: Broker, request: Request) -> Response:
    """Delete a subscription (6.11.3.3)."""
    await subscriptions.delete_subscription(broker, request.tenant, request.params[0])
    return Response(204)


ROUTES: Final[list[Route]] = [
    ("POST", PATH, create_subscription, parameters.LOCAL),
    ("GET", PATH, query_subscriptions, parameters.SUBSCRIPTIONS),
    ("GET", PATH + "/{id}", retrieve_subscription, parameters.SUBSCRIPTION),
    ("PATCH", PATH + "/{id}", update_subscription, parameters.LOCAL),
    ("DELETE", PATH + "/{id}", delete_subscription, parameters.LOCAL),
]
