"""Registrations over HTTP."""

from __future__ import annotations

from typing import Final

from hiroba.kernel.api.http import Request, Response
from hiroba.kernel.api.ngsi_v2 import requests
from hiroba.kernel.api.router import Route
from hiroba.kernel.broker.broker import Broker
from hiroba.kernel.broker.ngsi_v2 import registrations

PATH: Final = "/v2/registrations"


async def list_registrations(broker: Broker, request: Request) -> Response:
    """List the registrations; with a service path only those that are about just it."""
    asked = requests.options(request)
    limit, offset = requests.paging(requests.texts(request))
    header = requests.header(request, b"fiware-servicepath")
    path = registrations.registration_path(header) if header else None
    listed, count = await registrations.list_registrations(broker, request.tenant, path, limit=limit, offset=offset)
    forwarding = requests.forwarding_of(request)
    shown = [{**one, **forwarding.score(one["id"])} for one in listed]
    return requests.answer(shown, count=count if "count" in asked else None)


async def create_registration(broker: Broker, request: Request) -> Response:
    """Register somebody who has entities or attributes."""
    path = registrations.registration_path(requests.header(request, b"fiware-servicepath"))
    id = await registrations.create_registration(broker, request.tenant, path, await requests.json_body(request))
    requests.forwarding_of(request).forget(request.tenant)
    return Response(201, headers=[(b"location", f"{PATH}/{id}".encode())])


async def retrieve_registration(broker: Broker, request: Request) -> Response:
    """Return one registration."""
    found = await registrations.retrieve_registration(broker, request.tenant, request.params[0])
    return requests.answer({**found, **requests.forwarding_of(request).score(found["id"])})


async def delete_registration(broker: Broker, request: Request) -> Response:
    """Delete a registration."""
    await registrations.delete_registration(broker, request.tenant, request.params[0])
    requests.forwarding_of(request).forget(request.tenant)
    return Response(204)


ROUTES: Final[list[Route]] = [
    ("GET", PATH, list_registrations),
    ("POST", PATH, create_registration),
    ("GET", PATH + "/{id}", retrieve_registration),
    ("DELETE", PATH + "/{id}", delete_registration),
]
