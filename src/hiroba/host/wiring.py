"""Wires the concrete classes into one ASGI app, and starts and stops them in the right order. No logic lives
here."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import tempfile
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from hiroba.console import console_files
from hiroba.host.api import HostRoutes
from hiroba.host.embedded_mqtt import EmbeddedMqtt
from hiroba.host.guests import Guests, invite
from hiroba.host.housekeeping import keep_house, keep_sweeping
from hiroba.host.settings import Settings
from hiroba.host.stores import store_of
from hiroba.identity.gate import Gate
from hiroba.kernel.api.app import BrokerApp
from hiroba.kernel.api.ngsi_v2.app import NgsiV2App
from hiroba.kernel.api.stream import STREAMS
from hiroba.kernel.broker.broker import Broker, Limits
from hiroba.kernel.broker.contexts import Contexts
from hiroba.kernel.registry.ngsi_v2 import OrionSources
from hiroba.kernel.subscriptions.mqtt import MqttDeliverer
from hiroba.kernel.subscriptions.notifier import Notifier
from hiroba.sdk.web import site

LOG = logging.getLogger(__name__)
Message = MutableMapping[str, Any]

BROKER_PATHS = ("ngsi-ld", "stream", "openapi.json", "health", "ready", "metrics")
ORION_PATHS = ("v2", "version", "statistics")
GUEST_PATHS = ("apps", "agents")
HOST_PATHS = ("api",)


class House:
    """Everything that runs in one process of Hiroba."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.guests = Guests()
        self._end = contextlib.AsyncExitStack()
        self.routes: list[BaseRoute] = []
        """The routes of the host and its guests, once it has started."""
        self._by_segment: dict[str, ASGIApp] = {}
        self._console: ASGIApp = console_files(tile_origins=())
        guarded = [f"/{segment}" for segment in (*BROKER_PATHS, *ORION_PATHS, *GUEST_PATHS, *HOST_PATHS)]
        self._gate = Gate(self._dispatch, settings.token, guarded=guarded)
        self.asgi: ASGIApp = self._gate

    async def start(self) -> None:
        """Open the store and start all that stands on it; what began is ended again when something cannot."""
        settings, end = self.settings, self._end
        store = store_of(settings)
        await store.open()
        end.push_async_callback(store.close)
        contexts = Contexts(store, base_url=settings.reached_at, fetch_seconds=settings.context_timeout)
        await contexts.open()
        end.push_async_callback(contexts.close)
        limits = Limits(
            body=settings.limits.body_bytes,
            page=settings.limits.page,
            streams=settings.limits.streams,
            temporal_instances=settings.limits.temporal_instances,
        )
        broker = Broker(store, contexts, limits)
        if "notify" in settings.roles:
            mqtt_deliverer = MqttDeliverer()
            notifier = Notifier(broker, deliverers={"mqtt": mqtt_deliverer, "mqtts": mqtt_deliverer})
            await notifier.start()
            end.push_async_callback(notifier.stop)
        if settings.mqtt.embedded:
            mqtt = EmbeddedMqtt(settings.mqtt)
            await mqtt.start()
            end.push_async_callback(mqtt.stop)
        self.guests = invite(broker, settings.with_own_mqtt(), data_dir=self._data_dir())
        await self.guests.start()
        end.push_async_callback(self.guests.stop)
        self._keep_running(keep_house(store, settings.keep))
        self._keep_running(keep_sweeping(store))
        sources = OrionSources()
        end.push_async_callback(sources.close)
        self._open_doors(broker, NgsiV2App(broker, sources))

    async def stop(self) -> None:
        """End everything in the opposite order."""
        await self._end.aclose()

    def end_streams(self) -> None:
        """Break off the answers that would never end by themselves."""
        STREAMS.close()

    def summary(self) -> str:
        """Return on one line what runs here."""
        apps = ", ".join(app.id for app in self.guests.apps) or "none"
        agents = ", ".join(agent.id for agent in self.guests.agents) or "none"
        return f"store {self.settings.store_shown} · apps: {apps} · agents: {agents}"

    def _data_dir(self) -> Path:
        return self.settings.own_folder or Path(self._end.enter_context(tempfile.TemporaryDirectory(prefix="hiroba-")))

    def _keep_running(self, work: Any) -> None:
        task = asyncio.create_task(work)

        async def end() -> None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

        self._end.push_async_callback(end)

    def _open_doors(self, broker: Broker, orion: ASGIApp) -> None:
        served: ASGIApp = BrokerApp(broker)
        mounts, own = self.guests.mounts(), HostRoutes(self.guests, broker, self.settings).routes()
        self.routes = [*mounts, *own]
        guests, host = site(mounts), site(own)
        origins = [origin for app in self.guests.apps for origin in app.origins]
        self._console = console_files(tile_origins=origins)
        paths = BROKER_PATHS if "api" in self.settings.roles else ("health", "ready", "metrics")
        self._by_segment = {
            **dict.fromkeys(paths, served),
            **dict.fromkeys(ORION_PATHS if "api" in self.settings.roles else (), orion),
            **dict.fromkeys(GUEST_PATHS, guests),
            **dict.fromkeys(HOST_PATHS, host),
        }

    async def _dispatch(
        self, scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        # what does not begin with a slash, as in `OPTIONS *`, leads to nobody but the console
        segment = scope["path"].partition("/")[2].partition("/")[0]
        await self._by_segment.get(segment, self._console)(scope, receive, send)
