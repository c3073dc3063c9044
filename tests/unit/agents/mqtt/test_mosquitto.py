"""The MQTT agent with a real broker: mosquitto when it is installed, and the embedded one."""

import asyncio
import contextlib
import itertools
import shutil
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiomqtt
import orjson
import pytest

from hiroba.host.embedded_mqtt import EmbeddedMqtt
from hiroba.host.settings import Mqtt
from hiroba.sdk import errors

MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
PORTS = itertools.count(21100)
PROFILE = """
topic: "川/{gauge}/水位"
type: RiverGauge
id: "urn:ngsi-ld:RiverGauge:{gauge}"
attributes: {waterLevel: {path: level, type: number}}
"""


def free_port() -> int:
    for port in PORTS:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port
    raise AssertionError("unreachable")


@contextlib.asynccontextmanager
async def mosquitto(port: int, folder: Path) -> AsyncIterator[None]:
    config = folder / f"mosquitto-{port}.conf"
    config.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location {folder}/\n"
        f"persistence_file m{port}.db\nmax_inflight_messages 1000\nuser root\n"
    )
    process = await asyncio.create_subprocess_exec(
        str(MOSQUITTO), "-c", str(config), stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(10):
            while True:
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    await writer.wait_closed()
                    break
                assert process.returncode is None, "mosquitto ended at once"
                await asyncio.sleep(0.05)
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


@contextlib.asynccontextmanager
async def embedded(port: int, _folder: Path) -> AsyncIterator[None]:
    broker = EmbeddedMqtt(Mqtt(embedded=True, port=port))
    await broker.start()
    try:
        yield
    finally:
        await broker.stop()


needs_mosquitto = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed: apt install mosquitto")


@pytest.fixture(params=[pytest.param(mosquitto, marks=needs_mosquitto), embedded], ids=["mosquitto", "embedded"])
async def broker(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[int]:
    port = free_port()
    async with request.param(port, tmp_path):
        yield port


async def publish(port: int, messages: list[tuple[str, bytes]], *, qos: int = 1) -> None:
    async with aiomqtt.Client("127.0.0.1", port) as client:
        await asyncio.gather(*(client.publish(topic, payload, qos=qos) for topic, payload in messages))


async def start(stack: contextlib.AsyncExitStack, start_agent: Any, until: Any, port: int, **more: Any) -> Any:
    agent, host = await stack.enter_async_context(
        start_agent("mqtt", profiles={"gauge": PROFILE}, host="127.0.0.1", port=port, **more)
    )
    await until(lambda: agent.status.state == "running")
    return agent, host


async def test_messages_become_entities_and_misfits_are_kept(broker: int, start_agent: Any, until: Any) -> None:
    async with contextlib.AsyncExitStack() as stack:
        agent, host = await start(stack, start_agent, until, broker)
        await publish(broker, [("川/春日川/水位", b'{"level": 1.5}'), ("川/香東川/水位", b'{"level": "?"}')])
        await publish(broker, [("川/春日川/雨", b"{}"), ("川/本津川/水位", b'{"level": 2}')], qos=0)
        await until(lambda: agent.spool.totals["written"] == 2)
        await until(lambda: agent.spool.totals["rejected"] == 1)
        entity = await host.city().entity("urn:ngsi-ld:RiverGauge:春日川", simplified=True)
        (reject,) = await agent.spool.rejects()
        assert agent.report()["state"] == "running"
    assert entity["waterLevel"] == 1.5
    assert (reject.source, reject.payload) == ("川/香東川/水位", b'{"level": "?"}')
    assert reject.reason == "waterLevel: '?' is not a number"


async def test_a_burst_is_all_written(broker: int, start_agent: Any, until: Any) -> None:
    async with contextlib.AsyncExitStack() as stack:
        agent, host = await start(stack, start_agent, until, broker)
        burst = [(f"川/{n}/水位", orjson.dumps({"level": n})) for n in range(300)]
        await publish(broker, burst)
        await until(lambda: agent.spool.totals["written"] == 300)
        assert await host.city().types() == {"RiverGauge": 300}


@needs_mosquitto
async def test_what_could_not_be_kept_is_not_acknowledged_and_comes_again(
    start_agent: Any, until: Any, tmp_path: Path
) -> None:
    port = free_port()
    async with mosquitto(port, tmp_path), contextlib.AsyncExitStack() as stack:
        agent, host = await start(stack, start_agent, until, port)
        really, tries = agent.spool.append, []

        async def broken(source: str, payload: bytes) -> None:
            tries.append(source)
            if len(tries) <= 2:
                raise errors.StoreUnavailable("the disk is full")
            await really(source, payload)

        agent.spool.append = broken
        await publish(port, [("川/1/水位", b'{"level": 1}')])
        await until(lambda: agent.spool.totals["written"] == 1)
        assert len(tries) == 3
        assert agent.status.last_error is not None
        assert "the disk is full" in agent.status.last_error
        assert await host.city().types() == {"RiverGauge": 1}


@needs_mosquitto
async def test_what_was_sent_while_the_agent_was_away_comes_when_it_is_back(
    start_agent: Any, until: Any, tmp_path: Path
) -> None:
    port = free_port()
    async with mosquitto(port, tmp_path):
        async with contextlib.AsyncExitStack() as stack:
            await start(stack, start_agent, until, port)
        await publish(port, [("川/1/水位", b'{"level": 1}')])
        async with contextlib.AsyncExitStack() as stack:
            agent, host = await start(stack, start_agent, until, port)
            await until(lambda: agent.spool.totals["written"] == 1)
            assert await host.city().types() == {"RiverGauge": 1}


@needs_mosquitto
async def test_it_comes_back_after_the_broker_was_gone(start_agent: Any, until: Any, tmp_path: Path) -> None:
    port = free_port()
    async with contextlib.AsyncExitStack() as stack:
        async with mosquitto(port, tmp_path):
            agent, _host = await start(stack, start_agent, until, port)
        await until(lambda: agent.status.state == "trouble")
        assert f"127.0.0.1:{port}" in agent.status.last_error
        async with mosquitto(port, tmp_path):
            await until(lambda: agent.status.state == "running")
            await publish(port, [("川/1/水位", b'{"level": 1}')])
            await until(lambda: agent.spool.totals["written"] == 1)


async def test_without_a_broker_in_the_settings_it_is_idle(start_agent: Any) -> None:
    async with start_agent("mqtt", profiles={"gauge": PROFILE}) as (agent, _host):
        assert agent.report()["state"] == "idle"


async def test_an_embedded_broker_says_when_its_port_is_taken() -> None:
    port = free_port()
    async with embedded(port, Path()):
        with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1:{port}"):
            await EmbeddedMqtt(Mqtt(embedded=True, port=port)).start()
