"""Publish notifications to MQTT brokers, 3.1.1 or 5, one lasting connection for each (GS CIM 009, 7.2)."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

import aiomqtt
import orjson

from hiroba.kernel.subscriptions.delivery import DeliveryFailed
from hiroba.kernel.subscriptions.notification import Notification, Publication

PORTS: Final = {"mqtt": 1883, "mqtts": 8883}
MOST_CONNECTIONS: Final = 100
_VERSIONS: Final = {"mqtt3.1.1": aiomqtt.ProtocolVersion.V311, "mqtt5.0": aiomqtt.ProtocolVersion.V5}
_NEWEST: Final = "mqtt5.0"


@dataclass(slots=True, frozen=True)
class Broker:
    """Whom to connect to, and how."""

    host: str
    port: int
    tls: bool
    user: str | None
    password: str | None
    version: str


class MqttDeliverer:
    """Publishes to topics; the broker's acknowledgement (QoS 1 and 2) or the sending (QoS 0) counts as taken."""

    def __init__(self) -> None:
        self._clients: OrderedDict[Broker, aiomqtt.Client] = OrderedDict()
        self._opening: dict[Broker, asyncio.Lock] = {}

    async def deliver(self, notification: Notification, *, timeout: float) -> int | None:
        """Publish a notification; raises DeliveryFailed. A connection that was lost meanwhile is made anew at once."""
        broker, told = address_of(notification)
        try:
            async with asyncio.timeout(timeout):
                known = self._clients.get(broker)
                if known is not None:
                    with contextlib.suppress(aiomqtt.MqttError, ValueError):
                        await _publish(known, told, notification.body)
                        return None
                    await self._drop(broker, known)
                await _publish(await self._client(broker), told, notification.body)
        except TimeoutError as error:
            raise DeliveryFailed(f"the broker did not answer within {timeout:g} s") from error
        except (aiomqtt.MqttError, OSError, ValueError) as error:
            raise DeliveryFailed(str(error) or type(error).__name__) from error
        return None

    async def close(self) -> None:
        """Leave all brokers."""
        for broker, client in list(self._clients.items()):
            await self._drop(broker, client)

    async def _client(self, broker: Broker) -> aiomqtt.Client:
        async with self._opening.setdefault(broker, asyncio.Lock()):
            known = self._clients.get(broker)
            if known is None:
                known = aiomqtt.Client(
                    broker.host,
                    broker.port,
                    username=broker.user,
                    password=broker.password,
                    protocol=_VERSIONS[broker.version],
                    tls_context=ssl.create_default_context() if broker.tls else None,
                    keepalive=60,
                )
                await known.__aenter__()
                self._clients[broker] = known
        self._clients.move_to_end(broker)
        if len(self._clients) > MOST_CONNECTIONS:
            await self._drop(*next(iter(self._clients.items())))
        return known

    async def _drop(self, broker: Broker, client: aiomqtt.Client) -> None:
        if self._clients.get(broker) is client:
            del self._clients[broker]
            self._opening.pop(broker, None)
        with contextlib.suppress(aiomqtt.MqttError, OSError, TimeoutError):
            await client.__aexit__(None, None, None)


async def _publish(client: aiomqtt.Client, told: Publication, body: bytes) -> None:
    payload = body if told.plain else _enveloped(told, body)
    await client.publish(told.topic, payload, qos=told.qos, retain=told.retain)


def _enveloped(told: Publication, body: bytes) -> bytes:
    """Return the message that carries what HTTP would put into headers beside the body (7.2)."""
    return orjson.dumps({"metadata": told.metadata, "body": orjson.Fragment(body)})


def address_of(notification: Notification) -> tuple[Broker, Publication]:
    """Return the broker and what is told it; raises DeliveryFailed for an address that is none.

    `mqtt[s]://[user[:password]@]host[:port]/topic`; a notification that names its topic itself overrides the path.
    """
    endpoint = notification.endpoint
    notifier = {name.lower(): value for name, value in endpoint.notifier}
    parts = urlsplit(endpoint.uri)
    try:
        port = parts.port or PORTS[parts.scheme]
        qos = int(notifier.get("mqtt-qos", "0"))
        version = notifier.get("mqtt-version", _NEWEST).lower()
    except (ValueError, KeyError) as error:
        raise DeliveryFailed(f"{endpoint.uri} is no address of an MQTT broker: {error}", final=True) from error
    told = notification.publication or Publication(
        unquote(parts.path.removeprefix("/")), qos=qos, metadata=dict(notification.headers), plain=False
    )
    strange = "?" in endpoint.uri or "#" in endpoint.uri or set("+#\0") & set(told.topic)
    if not parts.hostname or not told.topic or strange:
        raise DeliveryFailed(f"{endpoint.uri} names no host, or no topic to publish to", final=True)
    if told.qos not in (0, 1, 2) or version not in _VERSIONS:
        raise DeliveryFailed(f"QoS {told.qos} or version {version} is not one of MQTT", final=True)
    user = told.user or (unquote(parts.username) if parts.username else None)
    password = told.password or (unquote(parts.password) if parts.password else None)
    return Broker(parts.hostname, port, parts.scheme == "mqtts", user, password, version), told
