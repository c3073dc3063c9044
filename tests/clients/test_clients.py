"""Clients that nobody here wrote drive a real server: `filip` (NGSIv2 and NGSI-LD) and `ngsildclient`, from PyPI."""

from __future__ import annotations

import os
import queue
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clients.environments import Unavailable, interpreter
from listener import Listener
from mosquitto import MISSING, MOSQUITTO, running_mosquitto
from real_server import Running, free_port

FOLDER = Path(__file__).parent


@pytest.fixture
def listener() -> Iterator[Listener]:
    found = Listener()
    yield found
    found.close()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[str]:
    if MOSQUITTO is None:
        pytest.skip(MISSING)
    with running_mosquitto(tmp_path, free_port()) as port:
        yield f"mqtt://127.0.0.1:{port}"


@pytest.fixture
def published(broker: str) -> Iterator[queue.Queue[str]]:
    """Return what is published to the broker, line by line: the topic, a space, the payload."""
    port = broker.rpartition(":")[2]
    command = ["mosquitto_sub", "-p", port, "-t", "#", "-v", "-q", "1"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    lines: queue.Queue[str] = queue.Queue()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            lines.put(line.rstrip("\n"))

    reader = threading.Thread(target=read)
    reader.start()
    yield lines
    process.terminate()
    process.wait()
    reader.join()
    if process.stdout is not None:
        process.stdout.close()


def drive(client: str, script: str, *arguments: str) -> str:
    """Run a script by a client's own interpreter; skips loudly when the client cannot be had."""
    try:
        python = interpreter(client)
    except Unavailable as reason:
        pytest.skip(f"{client} COULD NOT BE INSTALLED, so it was not tried: {reason}")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    done = subprocess.run(
        [str(python), str(FOLDER / script), *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        env=environment,
        cwd=FOLDER,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


def test_filip_in_ngsi_v2(server: Running, listener: Listener, broker: str, published: queue.Queue[str]) -> None:
    said = drive("filip", "drive_filip_v2.py", server.url, listener.url, broker)
    assert said.endswith("filip is content\n")
    got: dict[str, Any] = {one.path: one for one in (listener.next() for _ in range(2))}
    plain = got["/hook/plain"]
    assert plain.body["data"][0]["temperature"]["value"] == 41
    assert plain.headers["Fiware-Service"] == "filip"
    assert plain.headers["Fiware-ServicePath"] == "/example"
    custom = got["/hook/custom"]
    assert (custom.method, custom.body, custom.headers["X-Room"]) == ("PUT", {"t": 41, "n": "4"}, "Room1")
    assert published.get(timeout=10).startswith("filip/rooms ")


def test_filip_in_ngsi_ld(server: Running, listener: Listener, broker: str, published: queue.Queue[str]) -> None:
    said = drive("filip", "drive_filip_ld.py", server.url, listener.url, broker)
    assert said.endswith("filip is content\n")
    assert listener.next().body["data"] == [{"id": "urn:ngsi-ld:Room:001", "type": "Room", "temperature": 41}]
    topic, _, payload = published.get(timeout=10).partition(" ")
    assert topic == "filip/ld"
    assert '"metadata"' in payload


def test_ngsildclient(server: Running, listener: Listener) -> None:
    said = drive("ngsildclient", "drive_ngsildclient.py", server.url, listener.url)
    assert said.endswith("ngsildclient is content\n")
    told = listener.next().body["data"][0]
    assert told["availableSpotNumber"]["value"] == 1001
