"""The entity types in use, over HTTP."""

from __future__ import annotations

from typing import Final

from hiroba.kernel.api.http import Request, Response
from hiroba.kernel.api.ngsi_v2 import requests
from hiroba.kernel.api.router import Route
from hiroba.kernel.broker.broker import Broker
from hiroba.kernel.broker.ngsi_v2 import queries
from hiroba.kernel.model.ngsi_v2.names import check_identifier

PATH: Final = "/v2/types"


async def list_types(broker: Broker, request: Request) -> Response:
    """List the entity types with their attributes; `options=values` only their names."""
    asked = requests.options(request)
    limit, offset = requests.paging(requests.texts(request))
    paths = requests.paths_of(request)
    names = await queries.type_names(broker, request.tenant, paths)
    count = len(names) if "count" in asked else None
    page = names[offset : offset + limit]
    if "values" in asked:
        return requests.answer(page, count=count)
    detail = "noAttrDetail" not in asked
    listed = [
        {"type": name, **await queries.type_details(broker, request.tenant, name, paths, detail=detail)}
        for name in page
    ]
    return requests.answer(listed, count=count)


async def retrieve_type(broker: Broker, request: Request) -> Response:
    """Return the attributes of one entity type and how many entities have it."""
    detail = "noAttrDetail" not in requests.options(request)
    name = check_identifier(request.params[0], "entity type")
    paths = requests.paths_of(request)
    return requests.answer(await queries.type_details(broker, request.tenant, name, paths, detail=detail))


ROUTES: Final[list[Route]] = [("GET", PATH, list_types), ("GET", PATH + "/{type}", retrieve_type)]
