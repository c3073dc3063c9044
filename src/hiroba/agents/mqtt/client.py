"""The connection to the MQTT broker: the only place of this agent that touches the network."""

from __future__ import annotations

import asyncio
import ssl
import uuid
from collections.abc import Sequence
from typing import Final

import aiomqtt

from hiroba.sdk import Agent, Backoff, LogOnce, errors

QOS: Final = 1
_MOST_UNDER_WAY: Final = 2000


class MqttClient:
    """Keep a session with the broker; a message is acknowledged only after the spool has it on disk.

    The session is a lasting one: what the broker got while we were away comes when we are back, and what was not
    acknowledged comes again.
    """

    def __init__(self, agent: Agent, filters: Sequence[str]) -> None:
        self._agent = agent
        self._filters = filters
        self._where = f"{agent.settings['host']}:{agent.settings['port']}"
        self._pause = Backoff()
        agent.status.begin("broker")
        self._complaint = LogOnce(agent.log, f"MQTT broker {self._where}")

    async def run(self) -> None:
        """Stay connected until cancelled."""
        while True:
            try:
                await self._session()
            except (aiomqtt.MqttError, errors.CityError, OSError) as error:
                self._agent.status.trouble("broker", f"{self._where}: {error}")
                self._complaint.problem(error)
            await self._pause.wait()

    async def _session(self) -> None:
        settings = self._agent.settings
        client = aiomqtt.Client(
            settings["host"],
            settings["port"],
            username=settings["username"] or None,
            password=settings["password"] or None,
            identifier=self._identifier(),
            clean_session=False,
            keepalive=settings["keepalive"],
            tls_context=_tls(settings["ca_file"]) if settings["tls"] else None,
        )
        # aiomqtt has no way of its own to acknowledge later; the client below it has
        client._client.manual_ack_set(True)
        async with client:
            for topic in self._filters:
                await client.subscribe(topic, qos=QOS)
            self._pause.reset()
            self._complaint.fine()
            self._agent.status.fine("broker")
            await self._receive(client)

    async def _receive(self, client: aiomqtt.Client) -> None:
        """Spool what comes; a message that cannot be kept ends the session unacknowledged, and so comes again."""
        under_way = asyncio.Semaphore(_MOST_UNDER_WAY)
        try:
            async with asyncio.TaskGroup() as group:
                async for message in client.messages:
                    await under_way.acquire()
                    group.create_task(self._take(client, message, under_way))
        except ExceptionGroup as several:
            raise several.exceptions[0] from several

    async def _take(self, client: aiomqtt.Client, message: aiomqtt.Message, under_way: asyncio.Semaphore) -> None:
        try:
            payload = message.payload
            raw = payload if isinstance(payload, bytes) else str(payload or "").encode()
            await self._agent.accept(str(message.topic), raw)
        finally:
            under_way.release()
        if message.qos:
            client._client.ack(message.mid, message.qos)

    def _identifier(self) -> str:
        """Return the client's name: the one set, or one made once and kept, for the session hangs on it."""
        named = str(self._agent.settings["client_id"])
        if named:
            return named
        file = self._agent.data_dir / "client-id"
        if not file.is_file():
            file.write_text(f"hiroba-{uuid.uuid4().hex[:12]}", encoding="ascii")
        return file.read_text(encoding="ascii").strip()


def _tls(ca_file: str) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=ca_file or None)
