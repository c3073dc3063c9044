"""Serves one house over HTTP until it is told to end, and ends within seconds."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import resource
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from dataclasses import replace as with_
from typing import Any

import uvicorn
import uvloop

from hiroba.host.guests import GuestError
from hiroba.host.http_protocol import BoundedHttp
from hiroba.host.listening import CannotListen, listen
from hiroba.host.settings import Settings
from hiroba.host.wiring import House
from hiroba.kernel.model.errors import HirobaError

LOG = logging.getLogger("hiroba")
OnReady = Callable[[str], Coroutine[Any, Any, None]]
_GRACE_SECONDS = 3
_GARBAGE = (100_000, 50, 100)


class ServeError(Exception):
    """Say in one line why the server cannot start and what to do."""


def serve(settings: Settings, *, on_ready: OnReady | None = None) -> None:
    """Run a house in the foreground until SIGTERM or SIGINT; raises ServeError when it cannot start.

    `on_ready` is awaited with the address once requests are answered; it may go on for as long as the server
    runs.
    """
    set_up_logging(settings.log_level)
    allow_many_connections()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings, on_ready))


def set_up_logging(level: str) -> None:
    """Log to stderr, one line each."""
    logging.basicConfig(
        level=level.upper(), stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    # these two tell each connection and each packet
    for chatty in ("amqtt", "transitions", "aiohttp.access"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, logging.root.level))


def allow_many_connections() -> None:
    """Let this process have as many open files as the system allows it: each stream is a connection."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # a limit that is no number cannot be asked for everywhere
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that listens; raises ServeError when the address cannot be had."""
    try:
        return listen(host, port)
    except CannotListen as error:
        raise ServeError(f"cannot listen on {host} port {port}: {error}") from error


class _Server(uvicorn.Server):
    """A server whose signals are handled outside of it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _serve(settings: Settings, on_ready: OnReady | None) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    listening = bind(settings.host, settings.port)
    port = listening.getsockname()[1]
    house = House(with_(settings, port=port))
    with contextlib.closing(listening):
        try:
            try:
                if not await _unless(ended, house.start()):
                    return
            except (HirobaError, GuestError, OSError) as error:
                raise ServeError(_line(error)) from error
            _collect_rarely()
            await _answer(house, listening, ended, on_ready)
        finally:
            await house.stop()


def _collect_rarely() -> None:
    """Look for cycles less often, and never again through what is there after the start.

    A write makes hundreds of containers and hardly ever a cycle: the default looks through them every 700.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GARBAGE)


async def _unless(ended: asyncio.Event, work: Awaitable[None]) -> bool:
    """Await work, or break it off when the end comes first; tell whether it was done."""
    task = asyncio.ensure_future(work)
    end = asyncio.create_task(ended.wait())
    await asyncio.wait((task, end), return_when=asyncio.FIRST_COMPLETED)
    end.cancel()
    if task.done():
        task.result()
        return True
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    return False


async def _answer(
    house: House,
    listening: socket.socket,
    ended: asyncio.Event,
    on_ready: OnReady | None,
) -> None:
    settings = house.settings
    config = uvicorn.Config(
        house.asgi,
        http=BoundedHttp,
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        log_level="critical",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started and not serving.done():
        await asyncio.sleep(0.005)
    url = f"http://{settings.host}:{settings.port}"
    LOG.info("ready at %s · %s", url, house.summary())
    company = asyncio.create_task(on_ready(url)) if on_ready is not None and not serving.done() else None
    end = asyncio.create_task(ended.wait())
    await asyncio.wait((serving, end), return_when=asyncio.FIRST_COMPLETED)
    end.cancel()
    if company is not None:
        await _dismiss(company)
    house.end_streams()
    server.should_exit = True
    await serving


async def _dismiss(company: asyncio.Task[None]) -> None:
    """End what ran beside the server; what does not want to end is left behind, it must not keep the server."""
    company.cancel()
    await asyncio.wait((company,), timeout=_GRACE_SECONDS)
    if not company.done():
        LOG.error("what ran beside the server does not end")
    elif not company.cancelled() and (error := company.exception()) is not None:
        LOG.error("what ran beside the server failed: %r", error)


def _line(error: Exception) -> str:
    text = error.detail if isinstance(error, HirobaError) else str(error)
    return " ".join(text.split())
