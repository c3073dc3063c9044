"""Histories over HTTP (GS CIM 009, 6.18, 6.19 and 6.24)."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from hiroba.kernel.api import parameters, queries
from hiroba.kernel.api.http import Request, Response
from hiroba.kernel.api.negotiation import (
    context_of,
    media_type,
    options_of,
    paging_headers,
    payload_of,
    respond,
    view_of,
)
from hiroba.kernel.api.router import Route
from hiroba.kernel.broker import temporal
from hiroba.kernel.broker.broker import Broker
from hiroba.kernel.broker.temporal import HistoryPage
from hiroba.kernel.broker.temporal_aggregates import parse_methods
from hiroba.kernel.broker.temporal_periods import parse_duration
from hiroba.kernel.broker.temporal_shapes import Shape
from hiroba.kernel.model.context import Context
from hiroba.kernel.model.errors import BadRequestData, InvalidRequest, OperationNotSupported
from hiroba.kernel.model.instants import format_instant
from hiroba.kernel.query.temporal import parse_temporal
from hiroba.kernel.query.tree import TemporalQuery
from hiroba.kernel.store.port import SCOPE, HistoryQuery

PATH: Final = "/ngsi-ld/v1/temporal/entities"
FORMATS: Final = ("temporalValues", "aggregatedValues")


async def retrieve_temporal(broker: Broker, request: Request) -> Response:
    """Return the history of one entity (6.19.3.1)."""
    kind = media_type(request)
    context = await context_of(broker, request)
    query = request.query
    time, last_n = time_of(query), queries.positive(query, "lastN")
    shape = shape_of(request, context, time)
    page = await temporal.retrieve_temporal(
        broker,
        request.tenant,
        request.params[0],
        time=time,
        shape=shape,
        context=context,
        attrs=_wanted(shape),
        last_n=last_n,
    )
    return _partial(respond(request, page.documents[0], context, kind=kind), page, time, last_n)


async def query_temporal(broker: Broker, request: Request) -> Response:
    """Return the histories of the entities that parameters choose (6.18.3.2)."""
    context = await context_of(broker, request)
    return await _answer(broker, request, context)


async def query_temporal_by_document(broker: Broker, request: Request) -> Response:
    """Return the histories of the entities that a Query document chooses (6.24.3.1)."""
    body, context = await payload_of(broker, request)
    asked = queries.document_parameters(request, body)
    aggregates = body.get("aggrParams")
    if aggregates is not None:
        if not isinstance(aggregates, dict):
            raise BadRequestData("aggrParams is not an object.")
        asked |= {name: _text(aggregates[name], name) for name in aggregates}
    if ("aggrMethods" in asked or "aggrPeriodDuration" in asked) and not {"format", "options"} & asked.keys():
        # who says how to aggregate wants aggregates
        asked["format"] = "aggregatedValues"
    parameters.HISTORIES.check(asked)
    request.override(asked)
    return await _answer(broker, request, context, body=body)


async def _answer(
    broker: Broker, request: Request, context: Context, *, body: dict[str, object] | None = None
) -> Response:
    kind = media_type(request)
    query = request.query
    entity = queries.entity_query(broker, query, context)
    if any(one.path.attr != "id" or one.origin is not None for one in entity.order):
        raise BadRequestData("orderBy: histories can only be ordered by id.")
    if any(one.collation is not None for one in entity.order):
        raise OperationNotSupported("collation: histories are ordered by the code points of their ids.")
    if body is not None:
        entity = queries.selected(entity, queries.selectors_of(body, context))
    time, last_n = time_of(query), queries.positive(query, "lastN")
    shape = shape_of(request, context, time)
    wanted = HistoryQuery(
        entity, time, _wanted(shape), last_n, broker.limits.temporal_instances, datasets=shape.view.datasets
    )
    page = await temporal.query_temporal(
        broker, request.tenant, wanted, shape=shape, context=context, local=queries.is_local(query)
    )
    headers = paging_headers(request, limit=entity.limit, offset=entity.offset, more=page.more, count=page.count)
    answer = respond(request, page.documents, context, kind=kind, headers=headers)
    return _partial(answer, page, time, last_n)


def time_of(query: dict[str, str]) -> TemporalQuery:
    """Return the temporal query of the parameters; raises BadRequestData naming the one at fault."""
    return parse_temporal(
        query.get("timerel"),
        query.get("timeAt"),
        end_time_at=query.get("endTimeAt"),
        timeproperty=query.get("timeproperty"),
    )


def shape_of(request: Request, context: Context, time: TemporalQuery) -> Shape:
    """Return the representation asked for (6.3.12); raises BadRequestData."""
    query, options = request.query, options_of(request)
    asked = query.get("format")
    chosen = [word for word in FORMATS if word in options]
    if asked is None:
        if len(chosen) > 1:
            raise BadRequestData("options has both temporalValues and aggregatedValues; choose one of them.")
        asked = chosen[0] if chosen else "normalized"
    if asked not in (*FORMATS, "normalized"):
        raise InvalidRequest(f"format is {asked!r}; choose one of {', '.join(FORMATS)}.")
    request.override({name: value for name, value in query.items() if name != "format"})
    view = replace(view_of(request, context), format="normalized")
    shape = Shape(view, simplified=asked == "temporalValues", timeproperty=time.timeproperty)
    if asked != "aggregatedValues":
        return shape
    return replace(
        shape,
        methods=parse_methods(query.get("aggrMethods")),
        period=parse_duration(query.get("aggrPeriodDuration", "PT0S")),
    )


def _wanted(shape: Shape) -> tuple[str, ...] | None:
    """Return the attributes that have to be read, None for all."""
    view = shape.view
    if view.attrs is not None:
        return (*(iri for iri in view.attrs if view.shows(iri)), *((SCOPE,) if view.shows(SCOPE) else ()))
    if view.pick is not None:
        return tuple(iri for iri in view.pick if iri not in ("id", "type")) or None
    return None


def _partial(answer: Response, page: HistoryPage, time: TemporalQuery, last_n: int | None) -> Response:
    """Turn an answer that was cut into 206 with the span it covers (6.3.10)."""
    if page.truncated is None:
        return answer
    low, high = page.truncated
    if last_n is None:
        start = time.start if time.timerel in ("after", "between") and time.start is not None else low
        end, size = high, "*"
    else:
        bound = {"before": time.start, "between": time.end}.get(time.timerel or "")
        start, end, size = bound if bound is not None else high, low, str(last_n)
    answer.status = 206
    answer.headers.append(
        (b"content-range", f"date-time {format_instant(start)}-{format_instant(end)}/{size}".encode())
    )
    return answer


def _text(value: object, name: str) -> str:
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ",".join(value)
    if not isinstance(value, str):
        raise BadRequestData(f"{name} is not a text.")
    return value


ROUTES: Final[list[Route]] = [
    ("GET", PATH, query_temporal, parameters.HISTORIES),
    ("GET", PATH + "/{id}", retrieve_temporal, parameters.HISTORY),
    ("POST", "/ngsi-ld/v1/temporal/entityOperations/query", query_temporal_by_document, parameters.HISTORIES),
]
