"""The host's own answers: what is installed, how the agents do, which tenants there are, what things are
called."""

from __future__ import annotations

from typing import Any

from starlette.routing import Route

from hiroba import __version__
from hiroba.host.guests import Guests
from hiroba.host.settings import Settings
from hiroba.kernel.broker.broker import Broker
from hiroba.sdk import Reject, Request, Response, errors, json_answer, vocabulary
from hiroba.sdk.spool import now


def host_routes(guests: Guests, broker: Broker, settings: Settings) -> list[Route]:
    """Return the routes under `/api` that tell of this host."""

    async def apps(_request: Request) -> Response:
        """List the apps with their titles, panels and layers."""
        return json_answer(
            [
                {
                    "id": app.id,
                    "title": dict(app.title),
                    "about": dict(app.manifest.about),
                    "fields": app.manifest.fields,
                    "panels": app.panels,
                    "layers": app.manifest.layers,
                    "version": app.manifest.version,
                }
                for app in guests.apps
            ]
        )

    async def agents(_request: Request) -> Response:
        """List the agents with their state, counters and last error."""
        return json_answer([agent.report() for agent in guests.agents])

    async def rejects(request: Request) -> Response:
        """List the newest messages that an agent kept but could not use, with the reason."""
        agent = next((one for one in guests.agents if one.id == request.path_params["id"]), None)
        if agent is None:
            raise errors.ResourceNotFound(f"there is no agent {request.path_params['id']!r}")
        text = request.query_params.get("limit", "100")
        if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 1000:
            raise errors.InvalidRequest(f"limit is {text!r}; give a whole number from 1 to 1000")
        return json_answer([_shown(one) for one in await agent.spool.rejects(int(text))])

    async def tenants(_request: Request) -> Response:
        """List the tenants."""
        return json_answer(await broker.store.tenants())

    async def info(_request: Request) -> Response:
        """Return the town's name, the version and the time."""
        return json_answer({"name": settings.name, "version": __version__, "now": now()})

    async def words(_request: Request) -> Response:
        """Return the vocabulary: fields, entity types and attributes with titles and units."""
        return json_answer(vocabulary.fields())

    return [
        Route("/api/tenants", tenants),
        Route("/api/info", info),
        Route("/api/vocabulary", words),
        Route("/api/apps", apps),
        Route("/api/agents", agents),
        Route("/api/agents/{id}/rejects", rejects),
    ]


def _shown(reject: Reject) -> dict[str, Any]:
    text = reject.payload[:4096].decode("utf-8", errors="backslashreplace")
    return {"at": reject.at, "source": reject.source, "payload": text, "reason": reject.reason}
