"""`hiroba demo`: an embedded server with the town of Shiomi in it, its devices sending, its storm passing by."""

from __future__ import annotations

import asyncio
import datetime
import heapq
import itertools
import logging
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp

from hiroba.demo import past, places
from hiroba.demo.devices import Device, World, devices
from hiroba.demo.doors import City, DoorError, HttpDoor, MqttDoor
from hiroba.demo.officers import Desk
from hiroba.demo.storm import Storm
from hiroba.host.serve import serve
from hiroba.host.settings import Keep, Mqtt, Settings
from hiroba.sdk import Entity, LogOnce

LOG = logging.getLogger(__name__)

CALM_BEFORE: Final = 60.0
"""Seconds from the start to the first rain."""
_HOST: Final = "127.0.0.1"
_GREETING: Final = """
  汐見市（しおみし）が動きはじめました。地図: {url}
  The town of Shiomi is alive. Its map: {url}

  {devices} 台の機器が送信中。約 {minutes} 分後に汐見川が増水します。終了は Ctrl-C。
  {devices} devices are sending. In about {minutes} min the Shiomi River rises. Ctrl-C ends it.
"""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast the story goes: `speed` 10 tells the storm in one minute and lets devices send ten times as often."""

    speed: float = 1.0

    def storm(self, now: float) -> Storm:
        """Return the storm that is to come."""
        return Storm(now + CALM_BEFORE / self.speed, every=900 / self.speed, length=600 / self.speed)

    def period(self, seconds: float) -> float:
        """Return how long a device really waits."""
        return max(0.5, seconds / self.speed)


def run(*, port: int = 1026, keep: Path | None = None, speed: float = 1.0) -> None:
    """Run the town until SIGTERM or SIGINT; `keep` names a folder for its data, else it lives in memory.

    Raises ServeError when the server cannot start.
    """
    mqtt_port = _free_port()
    settings = settings_of(port=port, keep=keep, mqtt_port=mqtt_port)

    async def live(url: str) -> None:
        await Shiomi(url, mqtt_port, Pace(speed)).live()

    serve(settings, on_ready=live)


def settings_of(*, port: int, keep: Path | None, mqtt_port: int) -> Settings:
    """Return the settings of the town's server; nothing of the operator's own settings gets into it."""
    return Settings(
        host=_HOST,
        port=port,
        store=str(keep) if keep is not None else ":memory:",
        name="汐見市",
        log_level="warning",
        keep=Keep() if keep is not None else Keep(history_days=2, changes_days=1),
        mqtt=Mqtt(embedded=True, host=_HOST, port=mqtt_port),
        agents={
            "mqtt": {"host": _HOST, "port": mqtt_port, "profiles": [str(past.profile_folder("mqtt"))]},
            "http": {"profiles": [str(past.profile_folder("http"))]},
        },
    )


def _free_port() -> int:
    with socket.create_server((_HOST, 0)) as listening:
        port: int = listening.getsockname()[1]
    return port


class Shiomi:
    """The town's life around its server: moving in, the day before, then devices and officers until cancelled."""

    def __init__(self, url: str, mqtt_port: int, pace: Pace) -> None:
        self._url = url
        self._mqtt_port = mqtt_port
        self._pace = pace
        self._town = places.load()
        self._devices = devices(self._town)

    async def live(self) -> None:
        """Live until cancelled; what goes wrong is logged, for nobody awaits it."""
        connections = aiohttp.TCPConnector(limit=16)
        async with aiohttp.ClientSession(connector=connections) as session:
            city = City(session, self._url)
            try:
                desk, world = await self._move_in(city)
                self._greet()
                async with MqttDoor(_HOST, self._mqtt_port) as mqtt:
                    doors: dict[str, MqttDoor | HttpDoor] = {"mqtt": mqtt, "http": HttpDoor(session, self._url)}
                    await asyncio.gather(self._send(world, doors), self._on_duty(world, desk, city))
            except DoorError as error:
                LOG.error("the demo town cannot go on: %s", error)  # noqa: TRY400 - the line says it all

    async def _move_in(self, city: City) -> tuple[Desk, World]:
        now = time.time()
        world = World(self._town, self._pace.storm(now))
        since = await self._last_told(city)
        await city.write(places.entities(self._town, datetime.datetime.now(places.JAPAN).date()))
        known = past.profiles()
        for t in past.moments(since, now):
            await city.write(list(past.readings(world, self._devices, known, t)))
        desk = Desk()
        alerts = {found["id"]: found.get("status", {}).get("value") == "active" for found in await city.find("Alert")}
        left = desk.know(alerts, now)
        if left:
            await city.write(left)
        return desk, World(self._town, self._pace.storm(time.time()))

    async def _last_told(self, city: City) -> float | None:
        """Return when the gauges last told their level in an earlier run, None in a new town."""
        told = [found["waterLevel"]["observedAt"] for found in await city.find("RiverGauge") if "waterLevel" in found]
        if not told:
            return None
        return datetime.datetime.fromisoformat(max(told).replace("Z", "+00:00")).timestamp()

    def _greet(self) -> None:
        minutes = max(1, round(CALM_BEFORE / self._pace.speed / 60))
        print(_GREETING.format(url=self._url + "/", devices=len(self._devices), minutes=minutes), flush=True)

    async def _send(self, world: World, doors: dict[str, MqttDoor | HttpDoor]) -> None:
        """Let every device send in its period, the first ones spread over theirs."""
        count = itertools.count()
        begun = time.monotonic()
        queue: list[tuple[float, int, Device]] = []
        for number, device in enumerate(self._devices):
            period = self._pace.period(device.kind.period)
            heapq.heappush(queue, (begun + period * (number % 97) / 97, next(count), device))
        complaint = LogOnce(LOG, "the demo's devices")
        while True:
            due, _, device = heapq.heappop(queue)
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            try:
                await doors[device.kind.door].send(device, device.payload(world, time.time()))
                complaint.fine()
            except DoorError as error:
                complaint.problem(error)
            after = max(time.monotonic(), due) if time.monotonic() - due > 5 else due
            heapq.heappush(queue, (after + self._pace.period(device.kind.period), next(count), device))

    async def _on_duty(self, world: World, desk: Desk, city: City) -> None:
        complaint = LogOnce(LOG, "the demo's officers")
        while True:
            news: Sequence[Entity] = desk.news(world, time.time())
            try:
                if news:
                    await city.write(news)
                complaint.fine()
            except DoorError as error:
                complaint.problem(error)
            await asyncio.sleep(self._pace.period(5))
