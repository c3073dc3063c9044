"""What Orion's clients ask first: where things are, and which Orion they speak to."""

from __future__ import annotations

import platform
import time
from typing import Final

from hiroba import __version__
from hiroba.kernel.api.http import Request, Response
from hiroba.kernel.api.ngsi_v2 import requests
from hiroba.kernel.api.router import Route
from hiroba.kernel.broker.broker import Broker

LIKE: Final = "4.1.0"
"""The Orion whose NGSIv2 is served; clients look at it to decide what they may use."""
_STARTED: Final = time.monotonic()


async def resources(broker: Broker, request: Request) -> Response:
    """Name the addresses of the API."""
    return requests.answer(
        {
            "entities_url": "/v2/entities",
            "types_url": "/v2/types",
            "subscriptions_url": "/v2/subscriptions",
            "registrations_url": "/v2/registrations",
        }
    )


async def version(broker: Broker, request: Request) -> Response:
    """Tell which Orion's NGSIv2 is spoken here, and which Hiroba speaks it."""
    seconds = int(time.monotonic() - _STARTED)
    days, rest = divmod(seconds, 86_400)
    uptime = f"{days} d, {rest // 3600} h, {rest % 3600 // 60} m, {rest % 60} s"
    orion = {"version": LIKE, "uptime": uptime, "machine": platform.machine()}
    return requests.answer({"orion": orion, "hiroba": {"version": __version__}})


async def statistics(broker: Broker, request: Request) -> Response:
    """Tell for how long the server has run; its other figures are at /metrics."""
    seconds = int(time.monotonic() - _STARTED)
    return requests.answer({"uptime_in_secs": seconds, "measuring_interval_in_secs": seconds})


ROUTES: Final[list[Route]] = [
    ("GET", "/v2", resources),
    ("GET", "/version", version),
    ("GET", "/statistics", statistics),
]
