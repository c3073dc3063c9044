"""The door for devices: the only place of this agent that meets the network."""

from __future__ import annotations

from hiroba.sdk import Agent, Request, Response, errors, json_answer, read_body


class Reception:
    """Keep what devices send, and answer only when it is on disk."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._limit = int(agent.settings["body_bytes"])

    async def receive(self, request: Request) -> Response:
        """Answer 202 once the body is durable; whether it fits its profile shows later, in the rejects.

        404 for a profile that is not there, 413 for a body over the limit, 503 when nothing more can be kept.
        """
        profile, device = request.path_params["profile"], request.path_params["device"]
        if profile not in self._agent.profiles:
            raise errors.ResourceNotFound(f"there is no profile {profile!r} for this agent")
        body = await read_body(request, limit=self._limit)
        await self._agent.accept(f"{profile}/{device}", body)
        return json_answer({"accepted": len(body)}, status=202)
