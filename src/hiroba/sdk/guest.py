"""What apps and agents have in common: an id, settings, a folder, cities, routes and tasks that the host
runs."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp

from hiroba.sdk import backoff
from hiroba.sdk.city import City

Endpoint = Callable[[Request], Awaitable[Response]]
Task = Callable[[], Awaitable[None]]
EndpointT = TypeVar("EndpointT", bound=Endpoint)
TaskT = TypeVar("TaskT", bound=Task)


class Host(Protocol):
    """What the host lends to an app or agent."""

    def city(self, tenant: str = "") -> City:
        """Return a tenant's city; it need not exist yet, the first write creates it."""

    async def tenants(self) -> list[str]:
        """Return the names of the tenants there are now, the default one ("") first."""

    async def cursor(self, tenant: str, name: str) -> int | None:
        """Return how far a reader of the tenant's changes has come, None for one never seen."""

    async def keep_cursor(self, tenant: str, name: str, seq: int) -> None:
        """Remember how far a reader has come."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a folder's `manifest.toml` says, checked; `title` and `about` are language → text."""

    id: str
    title: Mapping[str, str]
    folder: Path
    kind: str = "app"
    about: Mapping[str, str] = field(default_factory=dict)
    fields: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    rights: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    owner: str = ""
    tier: str = "bronze"
    version: str = ""
    layers: tuple[Mapping[str, Any], ...] = ()
    profile_keys: tuple[str, ...] = ()


class Guest:
    """Gather what an app or agent brings, and run it; `setup` gets it and registers, nothing runs before
    `start`."""

    def __init__(
        self,
        manifest: Manifest,
        host: Host,
        *,
        data_dir: Path,
        settings: Mapping[str, Any] | None = None,
        texts: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        self.manifest = manifest
        self.id = manifest.id
        self.title = manifest.title
        self.data_dir = data_dir
        """A folder of its own that survives restarts; a backup of the city does not hold it; made before `setup` is
        called."""
        self.settings: Mapping[str, Any] = {**manifest.settings, **(settings or {})}
        """The manifest's `[settings]` with the operator's values over them."""
        self.texts: Mapping[str, Mapping[str, str]] = texts or {}
        self.log = logging.getLogger(f"hiroba.{manifest.kind}s.{manifest.id}")
        self.routes: list[BaseRoute] = []
        self._host = host
        self._tasks: list[tuple[str, Task]] = []
        self._starters: list[Task] = []
        self._stoppers: list[Task] = []
        self._running: list[asyncio.Task[None]] = []

    def city(self, tenant: str = "") -> City:
        """Return a tenant's city; every read and write of an app goes through one."""
        return self._host.city(tenant)

    async def tenants(self) -> list[str]:
        """Return the names of the tenants there are now, the default one ("") first."""
        return await self._host.tenants()

    def text(self, key: str, lang: str = "en") -> str:
        """Return a text of `i18n/<lang>.toml`, in English if the language lacks it, else the key itself."""
        return self.texts.get(lang, {}).get(key) or self.texts.get("en", {}).get(key, key)

    def route(self, path: str, *, methods: Sequence[str] = ("GET",)) -> Callable[[EndpointT], EndpointT]:
        """Register an `async (Request) -> Response` under `/apps/<id><path>` (agents: `/agents/<id><path>`).

        Paths are Starlette's: `"/tiles/{type}/{z:int}/{x:int}/{y:int}.mvt"`. A CityError that is raised
        becomes problem details with its status.
        """

        def register(endpoint: EndpointT) -> EndpointT:
            self.routes.append(Route(path, endpoint, methods=list(methods)))
            return endpoint

        return register

    def add_routes(self, routes: Sequence[BaseRoute]) -> None:
        """Register Starlette routes made elsewhere; their paths are relative to `/apps/<id>`."""
        self.routes.extend(routes)

    def mount(self, path: str, app: ASGIApp) -> None:
        """Serve an ASGI app (say, `StaticFiles`) below a path of this app."""
        self.routes.append(Mount(path, app=app))

    def background(self, task: TaskT, *, name: str | None = None) -> TaskT:
        """Run an `async () -> None` while the host runs; one that fails is begun again with growing pauses.

        One that returns is done. It is cancelled at the stop and should let CancelledError pass. Usable as a
        decorator.
        """
        self._tasks.append((name or str(getattr(task, "__name__", "task")), task))
        return task

    def on_start(self, task: TaskT) -> TaskT:
        """Await this before anything else of the guest runs; what it raises stops the start."""
        self._starters.append(task)
        return task

    def on_stop(self, task: TaskT) -> TaskT:
        """Await this after the tasks have ended."""
        self._stoppers.append(task)
        return task

    async def start(self) -> None:
        """Begin all that was registered (the host calls this)."""
        for starter in self._starters:
            await starter()
        for name, task in self._tasks:
            self._running.append(asyncio.create_task(self._keep_running(name, task), name=f"{self.id}:{name}"))

    async def stop(self) -> None:
        """End all that was begun (the host calls this); calling it twice does nothing more."""
        running, self._running = self._running, []
        for task in running:
            task.cancel()
        for task in running:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        stoppers, self._stoppers = self._stoppers, []
        for stopper in reversed(stoppers):
            await stopper()

    def failed(self, name: str, error: Exception) -> None:
        """Hear of a task's failure; agents show it in their status."""

    async def _keep_running(self, name: str, task: Task) -> None:
        pause = backoff.Backoff()
        complaint = backoff.LogOnce(self.log, f"task {name}")
        while True:
            begun = asyncio.get_running_loop().time()
            try:
                await task()
            except Exception as error:  # noqa: BLE001 - one broken task must not end the others
                if asyncio.get_running_loop().time() - begun > pause.longest:
                    pause.reset()
                complaint.problem(error)
                self.failed(name, error)
            else:
                return
            await pause.wait()
