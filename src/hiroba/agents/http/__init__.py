"""HTTP push: takes what devices send and writes what it says."""

from __future__ import annotations

from hiroba.agents.http.client import Reception
from hiroba.agents.http.translate import Translation
from hiroba.sdk import Agent


def setup(agent: Agent) -> None:
    """Receive readings at `POST /agents/http/{profile}/{device}`."""
    agent.translate(Translation(agent.profiles).readings)
    agent.route("/{profile}/{device}", methods=["POST"])(Reception(agent).receive)
