"""NGSIv2 as an ASGI application of its own, so that NGSI-LD's way stays as short as it is."""

from __future__ import annotations

import logging
import re
from types import ModuleType
from typing import Final
from uuid import uuid4

from hiroba.kernel.api.http import Receive, Request, Response, Scope, Send
from hiroba.kernel.api.ngsi_v2 import about, attributes, batch, entities, registrations, requests, subscriptions, types
from hiroba.kernel.api.ngsi_v2.errors import told
from hiroba.kernel.api.router import Router
from hiroba.kernel.broker.broker import Broker
from hiroba.kernel.broker.ngsi_v2.forwarding import Elsewhere, Forwarding
from hiroba.kernel.model.errors import HirobaError, ResourceNotFound
from hiroba.kernel.model.ngsi_v2.errors import bad_request
from hiroba.kernel.model.ngsi_v2.names import tenant_of

LOG = logging.getLogger(__name__)
MODULES: Final[tuple[ModuleType, ...]] = (about, entities, attributes, types, batch, subscriptions, registrations)
_CORRELATOR: Final = re.compile(rb"[\x20-\x7e]{1,256}")


class NgsiV2App:
    """Serve NGSIv2 of one broker."""

    def __init__(self, broker: Broker, elsewhere: Elsewhere) -> None:
        self._broker = broker
        self._forwarding = Forwarding(broker, elsewhere)
        self._router = Router()
        for module in MODULES:
            self._router.add(module.ROUTES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        request = requests.OrionRequest(scope, receive, limit=self._broker.limits.body)
        request.forwarding = self._forwarding
        try:
            answer = await self._answer(request)
        except HirobaError as error:
            answer = told(error)
        except Exception:
            LOG.exception("%s %s failed unexpectedly", request.method, scope["path"])
            answer = told(HirobaError("The server met an error of its own; its log tells more."))
        correlator = request.headers.get(b"fiware-correlator", b"")
        if not _CORRELATOR.fullmatch(correlator):
            correlator = str(uuid4()).encode()
        answer.headers.append((b"fiware-correlator", correlator))
        await answer.send(send)

    async def _answer(self, request: Request) -> Response:
        raw: bytes | None = request.scope.get("raw_path")
        path = raw.partition(b"?")[0].decode("latin-1") if raw else str(request.scope["path"])
        try:
            handler, _, request.params = self._router.find(request.method, path)
        except ResourceNotFound as error:
            raise bad_request("Service not found. Check your URL as probably it is wrong.") from error
        request.tenant = tenant_of(requests.header(request, b"fiware-service"))
        if path.startswith("/v2") and not path.endswith("/value"):
            requests.check_accept(request)
        answer = await handler(self._broker, request)
        if not isinstance(answer, Response):
            raise HirobaError("NGSIv2 has no streams.")
        return answer
