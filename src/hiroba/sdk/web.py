"""The few things that every route of an app or agent needs: bodies within bounds, JSON answers, problem
details."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from hiroba.sdk import errors

_log = logging.getLogger("hiroba.web")


def json_answer(body: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return `body` as JSON (UTF-8; dictionaries, lists, dataclasses and datetimes are understood)."""
    return Response(orjson.dumps(body), status, headers, "application/json")


def problem_answer(error: errors.CityError) -> Response:
    """Return an error as problem details (RFC 7807) with its own status."""
    return json_answer(error.problem(), status=error.status, headers=error.headers)


async def read_body(request: Request, *, limit: int = 4 * 1024 * 1024) -> bytes:
    """Return the whole body; raises RequestEntityTooLarge beyond `limit` bytes before more than that is
    read."""
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > limit:
        raise errors.RequestEntityTooLarge(f"the body has {declared} bytes; at most {limit} are read here")
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise errors.RequestEntityTooLarge(f"the body has more than {limit} bytes")
        parts.append(part)
    return b"".join(parts)


async def read_json(request: Request, *, limit: int = 4 * 1024 * 1024) -> Any:
    """Return the body read as JSON; raises InvalidRequest with the place where it is not."""
    body = await read_body(request, limit=limit)
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise errors.InvalidRequest(f"the body is not JSON: {error}") from error


async def _city_error(_request: Request, error: Exception) -> Response:
    if not isinstance(error, errors.CityError):
        raise error
    return problem_answer(error)


async def _http_error(_request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    answer = problem_answer(errors.error_for("", str(error.detail), status=error.status_code))
    answer.status_code = error.status_code
    return answer


async def _unforeseen(request: Request, error: Exception) -> Response:
    _log.error("%s %s failed: %r", request.method, request.url.path, error)
    return problem_answer(errors.CityError("something unforeseen went wrong; the log has the details"))


def site(routes: Sequence[BaseRoute]) -> Starlette:
    """Return an ASGI app of these routes that answers every error as problem details."""
    return Starlette(
        routes=list(routes),
        exception_handlers={
            errors.CityError: _city_error,
            HTTPException: _http_error,
            Exception: _unforeseen,
        },
    )
