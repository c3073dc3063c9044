"""The doors that the town's messages go through: the broker's HTTP interface, the agent for HTTP, the MQTT broker."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final, Self

import aiohttp
import aiomqtt
import orjson

from hiroba.demo.devices import Device, Payload
from hiroba.sdk import Backoff, Entity, LogOnce

LOG = logging.getLogger(__name__)
_BATCH: Final = 500
_CONNECT_SECONDS: Final = 5.0
_JSON: Final = {"content-type": "application/json"}


class DoorError(Exception):
    """Say which door did not take what it was given."""


class City:
    """The broker over HTTP, as anybody would use it."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url + "/ngsi-ld/v1"

    async def write(self, entities: Sequence[Entity]) -> None:
        """Create entities, or overwrite the attributes given; raises DoorError for a refusal."""
        for start in range(0, len(entities), _BATCH):
            body = orjson.dumps(entities[start : start + _BATCH])
            target = f"{self._url}/entityOperations/upsert?options=update"
            try:
                async with self._session.post(target, data=body, headers=_JSON) as answer:
                    if answer.status not in (200, 201, 204):
                        raise DoorError(f"{target} answered {answer.status}: {(await answer.text())[:500]}")
            except aiohttp.ClientError as error:
                raise DoorError(f"{target}: {error!r}") from error

    async def find(self, type: str, *, limit: int = 100) -> list[dict[str, Any]]:
        """Return entities of a type, normalized; raises DoorError."""
        target = f"{self._url}/entities?type={type}&limit={limit}"
        try:
            async with self._session.get(target) as answer:
                if answer.status != 200:
                    raise DoorError(f"{target} answered {answer.status}: {(await answer.text())[:500]}")
                found: list[dict[str, Any]] = orjson.loads(await answer.read())
        except aiohttp.ClientError as error:
            raise DoorError(f"{target}: {error!r}") from error
        return found


class HttpDoor:
    """The HTTP agent, to which devices post."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url + "/agents/http"

    async def send(self, device: Device, payload: Payload) -> None:
        """Post what a device says; raises DoorError unless it was taken."""
        target = f"{self._url}/{device.source}"
        try:
            async with self._session.post(target, data=orjson.dumps(payload), headers=_JSON) as answer:
                if answer.status != 202:
                    raise DoorError(f"{target} answered {answer.status}: {(await answer.text())[:500]}")
        except aiohttp.ClientError as error:
            raise DoorError(f"{target}: {error!r}") from error


class MqttDoor:
    """A connection to the MQTT broker that the town's gateway shares among its devices; it comes back by itself."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._client: aiomqtt.Client | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._open = asyncio.Event()
        self._broken = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._keeper = asyncio.create_task(self._stay_connected())
        # not wait_for: it loses a cancellation that comes together with what it waits for
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CONNECT_SECONDS):
                await self._open.wait()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)

    async def _stay_connected(self) -> None:
        pause, complaint = Backoff(), LogOnce(LOG, f"MQTT broker at {self._host}:{self._port}")
        while True:
            try:
                async with self._connected():
                    pause.reset()
                    complaint.fine()
                    self._broken.clear()
                    self._open.set()
                    await self._broken.wait()
            except (aiomqtt.MqttError, OSError) as error:
                complaint.problem(error)
            await pause.wait()

    @contextlib.asynccontextmanager
    async def _connected(self) -> AsyncIterator[None]:
        client = aiomqtt.Client(self._host, self._port, identifier="shiomi-gateway")
        # a connection that is broken off half made would complain for ever of what became of it
        connecting = asyncio.ensure_future(client.__aenter__())
        try:
            await asyncio.shield(connecting)
            self._client = client
            yield
        finally:
            self._client = None
            await asyncio.wait((connecting,))
            if connecting.exception() is None:
                await client.__aexit__(None, None, None)
            # aiomqtt does not look at why a connection ended, and asyncio would complain of that at the end
            lost = client._disconnected
            if lost.done() and not lost.cancelled():
                lost.exception()

    async def send(self, device: Device, payload: Payload) -> None:
        """Publish what a device says, once the broker has it (QoS 1); raises DoorError when there is no broker."""
        client = self._client
        if client is None:
            raise DoorError("the MQTT broker is not connected")
        try:
            await client.publish(device.source, orjson.dumps(payload), qos=1)
        except aiomqtt.MqttError as error:
            self._broken.set()
            raise DoorError(f"MQTT: {error}") from error
