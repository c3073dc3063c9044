"""Context source registrations over HTTP (GS CIM 009, 6.8 and 6.9)."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from hiroba.kernel.api import parameters, queries
from hiroba.kernel.api.http import Request, Response
from hiroba.kernel.api.negotiation import (
    MEMBERS,
    context_of,
    ids_of,
    media_type,
    names,
    options_of,
    page_of,
    paging_headers,
    payload_of,
    respond,
)
from hiroba.kernel.api.router import Route
from hiroba.kernel.broker import registrations
from hiroba.kernel.broker.broker import Broker
from hiroba.kernel.broker.registration_matching import Wanted
from hiroba.kernel.model.context import Context
from hiroba.kernel.query import parse_q, parse_scope
from hiroba.kernel.query.temporal import parse_temporal
from hiroba.kernel.query.tree import attributes_of

PATH: Final = "/ngsi-ld/v1/csourceRegistrations"


async def register_source(broker: Broker, request: Request) -> Response:
    """Register a context source (6.8.3.1)."""
    body, context = await payload_of(broker, request)
    id = await registrations.register_source(broker, request.tenant, body, context)
    return Response(201, headers=[(b"location", f"{PATH}/{quote(id, safe=':@!$&()*+,;=-._~')}".encode())])


async def query_registrations(broker: Broker, request: Request) -> Response:
    """Return the sources that may have what the parameters ask for (6.8.3.2)."""
    kind = media_type(request)
    context = await context_of(broker, request)
    limit, offset, count = page_of(broker, request.query)
    found = await registrations.query_registrations(
        broker,
        request.tenant,
        wanted_of(request.query, context),
        context,
        limit=limit,
        offset=offset,
        sys_attrs="sysAttrs" in options_of(request),
    )
    headers = paging_headers(
        request, limit=limit, offset=offset, more=found.more, count=found.count if count else None, kind=kind
    )
    return respond(request, found.documents, context, kind=kind, headers=headers)


def wanted_of(query: dict[str, str], context: Context) -> Wanted:
    """Return what discovery parameters ask for; an empty one says nothing. Raises BadRequestData naming the one."""
    given = {name: value for name, value in query.items() if value}
    attrs: set[str] = set()
    for name in ("attrs", "pick"):
        attrs |= {one for one in names(given, name, context) or () if one not in MEMBERS}
    if "q" in given:
        attrs |= attributes_of(parse_q(given["q"], context.expand_name))
    geo = queries.geo_of(given, context)
    if geo is not None and "geoproperty" in given:
        attrs.add(geo.geoproperty)
    time = None
    if "timerel" in given or "timeAt" in given:
        time = parse_temporal(
            given.get("timerel"),
            given.get("timeAt"),
            end_time_at=given.get("endTimeAt"),
            timeproperty=given.get("timeproperty"),
        )
    return Wanted(
        types=queries.types_of(given, context),
        ids=ids_of(given),
        id_pattern=given.get("idPattern"),
        attrs=frozenset(attrs),
        geo=geo,
        time=time,
        scope=parse_scope(given["scopeQ"]) if "scopeQ" in given else None,
        csf=parse_q(given["csf"], context.expand_name) if "csf" in given else None,
        datasets=frozenset(one.strip() for one in given["datasetId"].split(","))
        if "datasetId" in given
        else frozenset(),
    )


async def retrieve_registration(broker: Broker, request: Request) -> Response:
    """Return one registration (6.9.3.1)."""
    kind = media_type(request)
    context = await context_of(broker, request)
    document = await registrations.retrieve_registration(
        broker, request.tenant, request.params[0], context, sys_attrs="sysAttrs" in options_of(request)
    )
    return respond(request, document, context, kind=kind)


async def update_registration(broker: Broker, request: Request) -> Response:
    """Replace some members of a registration (6.9.3.2)."""
    body, context = await payload_of(broker, request)
    await registrations.update_registration(broker, request.tenant, request.params[0], body, context)
    return Response(204)


async def delete_registration(broker: Broker, request: Request) -> Response:
    """Delete a registration (6.9.3.3)."""
    await registrations.delete_registration(broker, request.tenant, request.params[0])
    return Response(204)


ROUTES: Final[list[Route]] = [
    ("POST", PATH, register_source, parameters.LOCAL),
    ("GET", PATH, query_registrations, parameters.SOURCES),
    ("GET", PATH + "/{registrationId}", retrieve_registration, parameters.SUBSCRIPTION),
    ("PATCH", PATH + "/{registrationId}", update_registration, parameters.LOCAL),
    ("DELETE", PATH + "/{registrationId}", delete_registration, parameters.LOCAL),
]
