"""Subscriptions over HTTP."""

from __future__ import annotations

from typing import Final

from hiroba.kernel.api.http import Request, Response
from hiroba.kernel.api.ngsi_v2 import requests
from hiroba.kernel.api.router import Route
from hiroba.kernel.broker.broker import Broker
from hiroba.kernel.broker.ngsi_v2 import subscriptions

PATH: Final = "/v2/subscriptions"


async def list_subscriptions(broker: Broker, request: Request) -> Response:
    """List the subscriptions; with a service path only those that are about just it."""
    asked = requests.options(request)
    limit, offset = requests.paging(requests.texts(request))
    header = requests.header(request, b"fiware-servicepath")
    path = subscriptions.subscription_path(header) if header else None
    listed, count = await subscriptions.list_subscriptions(broker, request.tenant, path, limit=limit, offset=offset)
    return requests.answer(listed, count=count if "count" in asked else None)


async def create_subscription(broker: Broker, request: Request) -> Response:
    """Create a subscription."""
    requests.options(request)
    path = subscriptions.subscription_path(requests.header(request, b"fiware-servicepath"))
    body = await requests.json_body(request)
    id = await subscriptions.create_subscription(broker, request.tenant, path, body)
    return Response(201, headers=[(b"location", f"{PATH}/{id}".encode())])


async def retrieve_subscription(broker: Broker, request: Request) -> Response:
    """Return one subscription with the score of its notifications."""
    return requests.answer(await subscriptions.retrieve_subscription(broker, request.tenant, request.params[0]))


async def update_subscription(broker: Broker, request: Request) -> Response:
    """Replace members of a subscription."""
    requests.options(request)
    body = await requests.json_body(request)
    await subscriptions.update_subscription(broker, request.tenant, request.params[0], body)
    return Response(204)


async def delete_subscription(broker: Broker, request: Request) -> Response:
    """Delete a subscription."""
    await subscriptions.delete_subscription(broker, request.tenant, request.params[0])
    return Response(204)


ROUTES: Final[list[Route]] = [
    ("GET", PATH, list_subscriptions),
    ("POST", PATH, create_subscription),
    ("GET", PATH + "/{id}", retrieve_subscription),
    ("PATCH", PATH + "/{id}", update_subscription),
    ("DELETE", PATH + "/{id}", delete_subscription),
]
