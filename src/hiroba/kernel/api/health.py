"""Whether the server is alive and ready, and its counters for Prometheus; no token is needed for the first two."""

from __future__ import annotations

import resource
import time

import orjson

from hiroba import __version__
from hiroba.kernel.api.http import Request, Response
from hiroba.kernel.api.router import Route
from hiroba.kernel.broker.broker import Broker

_STARTED = time.time()


async def health(broker: Broker, request: Request) -> Response:
    """Say that the process answers."""
    return Response(200, orjson.dumps({"status": "pass", "version": __version__}))


async def ready(broker: Broker, request: Request) -> Response:
    """Say that the store can be read and written; 503 otherwise."""
    await broker.store.check()
    return Response(200, orjson.dumps({"status": "pass"}))


async def metrics(broker: Broker, request: Request) -> Response:
    """Return process and store figures in the Prometheus text format."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    lines = [
        "# TYPE process_cpu_seconds_total counter",
        f"process_cpu_seconds_total {usage.ru_utime + usage.ru_stime:.3f}",
        "# TYPE process_resident_memory_bytes gauge",
        f"process_resident_memory_bytes {_resident()}",
        "# TYPE process_start_time_seconds gauge",
        f"process_start_time_seconds {_STARTED:.3f}",
        "# TYPE hiroba_changes_total counter",
    ]
    for tenant in await broker.store.tenants():
        seq = await (await broker.store.tenant(tenant)).last_seq()
        lines.append(f'hiroba_changes_total{{tenant="{tenant}"}} {seq}')
    text = "\n".join(lines) + "\n"
    return Response(200, text.encode(), media_type=b"text/plain; version=0.0.4; charset=utf-8")


def _resident() -> int:
    with open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize()


ROUTES: list[Route] = [
    ("GET", "/health", health),
    ("GET", "/ready", ready),
    ("GET", "/metrics", metrics),
]
