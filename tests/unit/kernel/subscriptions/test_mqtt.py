"""Notifications go to a real MQTT broker (GS CIM 009, 7.2), in both versions, with and without a password."""

from __future__ import annotations

import asyncio
import gc
import json
import shutil
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiomqtt
import pytest

from hiroba.kernel.subscriptions.delivery import DeliveryFailed
from hiroba.kernel.subscriptions.entry import Endpoint
from hiroba.kernel.subscriptions.mqtt import MqttDeliverer
from hiroba.kernel.subscriptions.notification import Notification, Publication
from mosquitto import MISSING, MOSQUITTO, running_mosquitto
from real_server import free_port

OPENSSL = shutil.which("openssl")
pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason=MISSING)
BODY = '{"data":[{"id":"urn:ngsi-ld:川:1"}]}'.encode()


def notification(uri: str, publication: Publication | None = None, **notifier: str) -> Notification:
    pairs = tuple((name.replace("_", "-"), value) for name, value in notifier.items())
    endpoint = Endpoint(uri, "application/json", (), pairs, None, None)
    headers = {"Content-Type": "application/json", "Link": "<…>"}
    return Notification("urn:n:1", "urn:s:1", endpoint, headers, BODY, publication=publication)


@asynccontextmanager
async def listening(port: int, topic: str, **login: str) -> AsyncIterator[AsyncIterator[aiomqtt.Message]]:
    async with aiomqtt.Client("127.0.0.1", port, **login) as client:
        await client.subscribe(topic, qos=2)
        yield aiter(client.messages)


async def next_of(messages: AsyncIterator[aiomqtt.Message]) -> aiomqtt.Message:
    async with asyncio.timeout(5):
        return await anext(messages)


@pytest.mark.parametrize("version", ["mqtt3.1.1", "mqtt5.0"])
@pytest.mark.parametrize("qos", ["0", "1", "2"])
async def test_the_body_travels_with_its_metadata(tmp_path: Path, version: str, qos: str) -> None:
    deliverer = MqttDeliverer()
    with running_mosquitto(tmp_path, free_port()) as port:
        async with listening(port, "city/川") as messages:
            told = notification(f"mqtt://127.0.0.1:{port}/city/川", MQTT_QoS=qos, MQTT_Version=version)
            await deliverer.deliver(told, timeout=5)
            await deliverer.deliver(told, timeout=5)
            got = [await next_of(messages), await next_of(messages)]
        await deliverer.close()
    assert [one.qos for one in got] == [int(qos)] * 2
    assert json.loads(got[0].payload) == {"metadata": dict(told.headers), "body": json.loads(BODY)}


async def test_a_plain_publication_names_its_topic_and_stays(tmp_path: Path) -> None:
    deliverer = MqttDeliverer()
    with running_mosquitto(tmp_path, free_port()) as port:
        told = notification(f"mqtt://127.0.0.1:{port}", Publication("a/b", qos=1, retain=True))
        await deliverer.deliver(told, timeout=5)
        async with listening(port, "#") as messages:
            got = await next_of(messages)
        await deliverer.close()
    assert (str(got.topic), got.payload, got.retain) == ("a/b", BODY, True)


async def test_who_shows_the_password_gets_in_and_nobody_else(tmp_path: Path) -> None:
    deliverer = MqttDeliverer()
    with running_mosquitto(tmp_path, free_port(), user="town", password="秘密:1") as port:
        async with listening(port, "a", username="town", password="秘密:1") as messages:
            await deliverer.deliver(notification(f"mqtt://town:%E7%A7%98%E5%AF%86%3A1@127.0.0.1:{port}/a"), timeout=5)
            assert json.loads((await next_of(messages)).payload)["body"] == json.loads(BODY)
            with pytest.raises(DeliveryFailed):
                await deliverer.deliver(notification(f"mqtt://town:wrong@127.0.0.1:{port}/a"), timeout=2)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await anext(messages)
        await deliverer.close()


@pytest.mark.skipif(OPENSSL is None, reason="openssl is not installed: apt install openssl")
# the client library leaves the socket of a refused handshake to the garbage collector
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_tls_is_for_brokers_that_can_be_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    command = [str(OPENSSL), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject]
    subprocess.run([*command, "-out", str(certificate), "-keyout", str(key)], check=True, capture_output=True)
    key.chmod(0o644)
    deliverer = MqttDeliverer()
    with running_mosquitto(tmp_path, free_port(), certificate=(certificate, key)) as port:
        told = notification(f"mqtts://localhost:{port}", Publication("a", retain=True))
        with pytest.raises(DeliveryFailed, match="certificate"):
            await deliverer.deliver(told, timeout=5)
        gc.collect()
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        await deliverer.deliver(told, timeout=5)
        trust = ssl.create_default_context(cafile=str(certificate))
        async with aiomqtt.Client("localhost", port, tls_context=trust) as client:
            await client.subscribe("#")
            assert (await next_of(aiter(client.messages))).payload == BODY
        await deliverer.close()


async def test_a_broker_that_went_away_is_found_again(tmp_path: Path) -> None:
    deliverer, port = MqttDeliverer(), free_port()
    told = notification(f"mqtt://127.0.0.1:{port}/a", MQTT_QoS="1")
    with running_mosquitto(tmp_path, port):
        await deliverer.deliver(told, timeout=5)
    with pytest.raises(DeliveryFailed) as lost:
        await deliverer.deliver(told, timeout=2)
    assert not lost.value.final
    with running_mosquitto(tmp_path, port):
        async with listening(port, "a") as messages:
            await deliverer.deliver(told, timeout=5)
            assert json.loads((await next_of(messages)).payload)["body"] == json.loads(BODY)
    await deliverer.close()


async def test_a_broker_that_never_answers_is_given_up_in_time() -> None:
    deliverer = MqttDeliverer()
    with socket.create_server(("127.0.0.1", 0)) as mute, pytest.raises(DeliveryFailed):
        await deliverer.deliver(notification(f"mqtt://127.0.0.1:{mute.getsockname()[1]}/a"), timeout=0.3)
    await deliverer.close()


@pytest.mark.parametrize(
    ("uri", "notifier"),
    [
        ("mqtt://127.0.0.1:1/", {}),
        ("mqtt://127.0.0.1:1/a/#", {}),
        ("mqtt:///a", {}),
        ("mqtt://127.0.0.1:99999/a", {}),
        ("mqtt://127.0.0.1:1/a", {"MQTT_QoS": "3"}),
        ("mqtt://127.0.0.1:1/a", {"MQTT_QoS": "x"}),
        ("mqtt://127.0.0.1:1/a", {"MQTT_Version": "mqtt4"}),
    ],
)
async def test_what_cannot_be_an_address_is_not_tried_again(uri: str, notifier: dict[str, str]) -> None:
    with pytest.raises(DeliveryFailed) as refused:
        await MqttDeliverer().deliver(notification(uri, **notifier), timeout=1)
    assert refused.value.final
