"""The broker as an ASGI application: find the handler, run it, turn every error into problem details."""

from __future__ import annotations

import logging
from typing import Final

import orjson

from hiroba.kernel.api import (
    batch,
    conformance,
    contexts,
    discovery,
    entities,
    health,
    identity,
    openapi,
    registrations,
    stream,
    subscriptions,
    temporal,
    temporal_provision,
)
from hiroba.kernel.api.http import Receive, Request, Response, Scope, Send, problem
from hiroba.kernel.api.router import Route, Router
from hiroba.kernel.broker.broker import Broker
from hiroba.kernel.model.errors import BadRequestData, HirobaError, shown
from hiroba.kernel.model.languages import choose_language
from hiroba.kernel.model.tenants import check_tenant

LOG = logging.getLogger(__name__)
MODULES: Final = (
    entities,
    batch,
    discovery,
    contexts,
    subscriptions,
    registrations,
    temporal,
    temporal_provision,
    stream,
    identity,
    health,
)


async def describe_interface(broker: Broker, request: Request) -> Response:
    """Describe this interface as OpenAPI 3.1, in the language of `lang` or Accept-Language, English or Japanese."""
    lang = request.query.get("lang")
    if lang is None:
        accepted = request.headers.get(b"accept-language", b"").decode("latin-1")
        lang = choose_language(("en", "ja"), accepted)
    elif lang not in openapi.LANGUAGES:
        raise BadRequestData(f"lang is {shown(lang)}; give one of {', '.join(openapi.LANGUAGES)}.")
    headers = [(b"vary", b"Accept-Language"), (b"content-language", lang.encode())]
    return Response(200, orjson.dumps(openapi.describe(MODULES, lang)), headers=headers)


ROUTES: Final[list[Route]] = [("GET", "/openapi.json", describe_interface)]


class BrokerApp:
    """Serve NGSI-LD, the change stream and the health of one broker."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._router = Router()
        self._router.add(ROUTES)
        for module in MODULES:
            self._router.add(module.ROUTES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        request = Request(scope, receive, limit=self._broker.limits.body)
        headers = request.headers
        tenant = headers.get(b"ngsild-tenant")
        try:
            if tenant:
                request.tenant = check_tenant(tenant.decode("utf-8", errors="replace"))
            handler, known, request.params = self._router.find(request.method, _path(scope))
            if known is not None and scope["query_string"]:
                known.check(request.query)
            answer = await handler(self._broker, request)
        except HirobaError as error:
            answer = problem(error)
        except Exception:
            LOG.exception("%s %s failed unexpectedly", request.method, scope["path"])
            answer = problem(HirobaError("The server met an error of its own; its log tells more."))
        if isinstance(answer, Response):
            prefer = headers.get(b"prefer")
            if prefer is not None:
                version = conformance.preferred(prefer)
                if version is not None:
                    conformance.conform(answer, version, entities=_has_entities(scope["path"]))
            if tenant:
                answer.headers.append((b"ngsild-tenant", tenant))
            await answer.send(send)
        else:
            await answer.run(receive, send)


def _has_entities(path: str) -> bool:
    return "/entities" in path or path.endswith("/entityOperations/query")


def _path(scope: Scope) -> str:
    """Return the path as it came, so that an encoded slash in an id stays within its segment."""
    raw: bytes | None = scope.get("raw_path")
    return raw.partition(b"?")[0].decode("latin-1") if raw else str(scope["path"])
