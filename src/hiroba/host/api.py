"""The host's own answers: what is installed, how the agents do, which tenants there are, what things are called."""

from __future__ import annotations

from typing import Any

from starlette.routing import Route

from hiroba import __version__
from hiroba.host.guests import Guests
from hiroba.host.settings import Settings
from hiroba.kernel.broker.broker import Broker
from hiroba.sdk import App, Reject, Request, Response, errors, json_answer, vocabulary
from hiroba.sdk.spool import now


class HostRoutes:
    """Answer for the host; the routes are below `/api`."""

    def __init__(self, guests: Guests, broker: Broker, settings: Settings) -> None:
        self._guests = guests
        self._broker = broker
        self._settings = settings

    def routes(self) -> list[Route]:
        """Return the routes to serve."""
        return [
            Route("/api/tenants", self.tenants),
            Route("/api/info", self.info),
            Route("/api/vocabulary", self.vocabulary),
            Route("/api/apps", self.apps),
            Route("/api/agents", self.agents),
            Route("/api/agents/{id}/rejects", self.rejects),
        ]

    async def apps(self, _request: Request) -> Response:
        """List the apps with their titles, panels and layers."""
        return json_answer([_app(app) for app in self._guests.apps])

    async def agents(self, _request: Request) -> Response:
        """List the agents with their state, counters and last error."""
        return json_answer([agent.report() for agent in self._guests.agents])

    async def rejects(self, request: Request) -> Response:
        """List the newest messages that an agent kept but could not use, with the reason."""
        id = request.path_params["id"]
        agent = next((one for one in self._guests.agents if one.id == id), None)
        if agent is None:
            raise errors.ResourceNotFound(f"there is no agent {id!r}")
        text = request.query_params.get("limit", "100")
        if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 1000:
            raise errors.InvalidRequest(f"limit is {text!r}; give a whole number from 1 to 1000")
        return json_answer([_reject(one) for one in await agent.spool.rejects(int(text))])

    async def tenants(self, _request: Request) -> Response:
        """List the tenants."""
        return json_answer(await self._broker.store.tenants())

    async def info(self, _request: Request) -> Response:
        """Return the town's name, the version and the time."""
        return json_answer({"name": self._settings.name, "version": __version__, "now": now()})

    async def vocabulary(self, _request: Request) -> Response:
        """Return the vocabulary: fields, entity types and attributes with titles and units."""
        return json_answer(vocabulary.fields())


def _app(app: App) -> dict[str, Any]:
    manifest = app.manifest
    return {
        "id": app.id,
        "title": dict(app.title),
        "about": dict(manifest.about),
        "fields": manifest.fields,
        "panels": app.panels,
        "layers": manifest.layers,
        "version": manifest.version,
    }


def _reject(reject: Reject) -> dict[str, Any]:
    text = reject.payload[:4096].decode("utf-8", errors="backslashreplace")
    return {"at": reject.at, "source": reject.source, "payload": text, "reason": reject.reason}
