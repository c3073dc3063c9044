"""Agents inside a real server: from a device's message to the city, across kills, and what does not fit shown."""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest

MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
PROFILE = """
title: {ja: 水位計, en: River gauge}
%s
type: RiverGauge
id: "urn:ngsi-ld:RiverGauge:{gauge}"
attributes: {waterLevel: {path: level, type: number, unit: MTR}}
"""
WAIT = 60


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def until(condition: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + WAIT
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"did not happen within {WAIT} s")


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[int]:
    if MOSQUITTO is None:
        pytest.skip("mosquitto is not installed: apt install mosquitto")
    port = free_port()
    config = tmp_path / "mosquitto.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_inflight_messages 1000\nuser root\n")
    process = subprocess.Popen([MOSQUITTO, "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until(lambda: answers(port))
    yield port
    process.terminate()
    process.wait(10)


def configure(folder: Path, toml: str, *, topic: str = "") -> None:
    (folder / "profiles").mkdir(exist_ok=True)
    key = f'topic: "{topic}"' if topic else ""
    text = PROFILE % key if topic else (PROFILE % key).replace("{gauge}", "{device}")
    (folder / "profiles" / "gauge.yaml").write_text(text, encoding="utf-8")
    (folder / "hiroba.toml").write_text(toml, encoding="utf-8")


def agent(server: Any, id: str) -> dict[str, Any]:
    return next(one for one in server.call("GET", "/api/agents").body if one["id"] == id)


def levels(server: Any) -> dict[str, float]:
    found = server.call("GET", "/ngsi-ld/v1/entities?type=RiverGauge&options=keyValues&limit=1000").body
    return {one["id"].rpartition(":")[2]: one["waterLevel"] for one in found}


def publish(port: int, messages: list[tuple[str, str]]) -> None:
    client = paho.Client(paho.CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", port)
    client.loop_start()
    for topic, payload in messages:
        client.publish(topic, payload, qos=1).wait_for_publish(WAIT)
    client.disconnect()
    client.loop_stop()


@pytest.mark.parametrize("peer", ["mosquitto", "embedded"])
def test_mqtt_from_the_device_to_the_city(
    peer: str, tmp_path: Path, start_server: Callable[..., Any], request: pytest.FixtureRequest
) -> None:
    if peer == "mosquitto":
        port = request.getfixturevalue("mosquitto")
        toml = f'[agents.mqtt]\nhost = "127.0.0.1"\nport = {port}\nprofiles = ["profiles"]\n'
    else:
        port = free_port()
        toml = f'[mqtt]\nembedded = true\nport = {port}\n[agents.mqtt]\nprofiles = ["profiles"]\n'
    configure(tmp_path, toml, topic="川/{gauge}/水位")
    server = start_server("--store", "store")
    until(lambda: agent(server, "mqtt")["state"] == "running")
    publish(
        port, [("川/春日川/水位", '{"level": 1.5}'), ("川/香東川/水位", '{"level": "高"}'), ("川/春日川/水位", "{")]
    )
    until(lambda: levels(server) == {"春日川": 1.5})
    told = until(lambda: (found := agent(server, "mqtt"))["rejected"] == 2 and found)
    assert (told["received"], told["written"], told["spooled"]) == (3, 1, 0)
    rejects = server.call("GET", "/api/agents/mqtt/rejects").body
    assert [one["source"] for one in rejects] == ["川/春日川/水位", "川/香東川/水位"]
    assert rejects[1]["reason"] == "waterLevel: '高' is not a number"
    assert rejects[1]["payload"] == '{"level": "高"}'
    assert len(server.call("GET", "/api/agents/mqtt/rejects?limit=1").body) == 1
    assert server.stop() == 0
    assert "Traceback" not in server.log.read_text()


def test_mqtt_survives_kills(mosquitto: int, tmp_path: Path, start_server: Callable[..., Any]) -> None:
    toml = f'[agents.mqtt]\nhost = "127.0.0.1"\nport = {mosquitto}\nprofiles = ["profiles"]\n'
    configure(tmp_path, toml, topic="r/{gauge}")
    server = start_server("--store", "store")
    until(lambda: agent(server, "mqtt")["state"] == "running")
    sender = threading.Thread(
        target=publish, args=(mosquitto, [(f"r/{n}", json.dumps({"level": n})) for n in range(300)])
    )
    sender.start()
    for _ in range(2):
        time.sleep(0.3)
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait()
        server = start_server("--store", "store")
    sender.join(WAIT)
    until(lambda: len(levels(server)) == 300)
    assert levels(server) == {str(n): n for n in range(300)}


def test_http_what_was_answered_202_survives_a_kill(tmp_path: Path, start_server: Callable[..., Any]) -> None:
    configure(tmp_path, '[agents.http]\nprofiles = ["profiles"]\n')
    server = start_server("--store", "store")
    accepted: list[int] = []

    def send(first: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        try:
            for n in range(first, 100_000, 4):
                connection.request("POST", f"/agents/http/gauge/{n}", json.dumps({"level": n}))
                answer = connection.getresponse()
                answer.read()
                if answer.status != 202:
                    return
                accepted.append(n)
        except OSError:
            return
        finally:
            connection.close()

    threads = [threading.Thread(target=send, args=(first,)) for first in range(4)]
    for thread in threads:
        thread.start()
    until(lambda: len(accepted) > 200)
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait()
    for thread in threads:
        thread.join(WAIT)
    assert accepted
    again = start_server("--store", "store")
    until(lambda: agent(again, "http")["spooled"] == 0)
    for n in accepted:
        found = again.call("GET", f"/ngsi-ld/v1/entities/urn:ngsi-ld:RiverGauge:{n}?options=keyValues")
        assert found.status == 200, f"reading {n} was accepted and is not there"
        assert found.body["waterLevel"] == n


def test_a_profile_that_is_wrong_stops_the_start(tmp_path: Path, start_server: Callable[..., Any]) -> None:
    configure(tmp_path, '[agents.http]\nprofiles = ["profiles"]\n')
    file = tmp_path / "profiles" / "gauge.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("attributes", "atributes"), encoding="utf-8")
    with pytest.raises(AssertionError, match=r"gauge\.yaml: .*unknown key 'atributes'; did you mean 'attributes'"):
        start_server("--store", "store")
    (folder := tmp_path / "mqtt").mkdir()
    (folder / "gauge.yaml").write_text(PROFILE % "topic: 3", encoding="utf-8")
    (tmp_path / "hiroba.toml").write_text('[agents.mqtt]\nprofiles = ["./mqtt"]\n', encoding="utf-8")
    with pytest.raises(AssertionError, match=r"hiroba serve: profile mqtt/gauge\.yaml: topic must be a text such as"):
        start_server("--store", "store")


def test_a_profile_that_does_not_keep_its_samples_word_stops_the_start(
    start_server: Callable[..., Any], tmp_path: Path
) -> None:
    folder = tmp_path / "profiles"
    folder.mkdir()
    sample = "samples: [{source: gauge/kasuga, payload: {level: 1.5}, entity: {waterLevel: %s}}]\n"
    (tmp_path / "hiroba.toml").write_text('[agents.http]\nprofiles = ["./profiles"]\n', encoding="utf-8")
    profile = PROFILE.replace("{gauge}", "{device}") % ""
    (folder / "gauge.yaml").write_text(profile + sample % "9.9", encoding="utf-8")
    with pytest.raises(AssertionError, match=r"profile gauge, sample gauge/kasuga: it became .*; mend the profile"):
        start_server("--store", ":memory:")
    (folder / "gauge.yaml").write_text(profile + sample % "1.5", encoding="utf-8")
    server = start_server("--store", ":memory:")
    assert server.call("POST", "/agents/http/gauge/kasuga", {"level": 1.5}).status == 202
