"""Who this broker is, over HTTP (GS CIM 009, 6.33)."""

from __future__ import annotations

from hiroba.kernel.api import parameters
from hiroba.kernel.api.http import Request, Response
from hiroba.kernel.api.negotiation import context_of, media_type, respond
from hiroba.kernel.api.router import Route
from hiroba.kernel.broker import identity
from hiroba.kernel.broker.broker import Broker


async def retrieve_identity(broker: Broker, request: Request) -> Response:
    """Return the identity of this broker for the tenant asked about (6.33.3.1)."""
    kind = media_type(request)
    context = await context_of(broker, request)
    return respond(request, await identity.source_identity(broker, request.tenant), context, kind=kind)


ROUTES: list[Route] = [("GET", "/ngsi-ld/v1/info/sourceIdentity", retrieve_identity, parameters.NONE)]
