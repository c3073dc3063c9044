"""`hiroba demo` as a person starts it: the town is there, it moves, its river rises and falls, and Ctrl-C ends it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mapbox_vector_tile
import pytest

FAST = 30
"""The storm's ten minutes take twenty seconds."""
READY_WITHIN = 60
"""Seconds to wait for a busy machine; the town is ready in a few."""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


class Demo:
    """A demo town in a process of its own."""

    def __init__(self, folder: Path, port: int, *command: str) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.log = folder / f"demo-{port}.log"
        environment = {**os.environ, "PYTHONWARNINGS": "default"}
        with self.log.open("w", encoding="utf-8") as out:
            self.process = subprocess.Popen(
                [sys.executable, *command], stdout=out, stderr=subprocess.STDOUT, cwd=folder, env=environment
            )
        self.wait_for(lambda: "Its map" in self.said(), READY_WITHIN)

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def wait_for(self, condition: Callable[[], Any], seconds: float) -> Any:
        """Return what the condition returns once it is true; fails with the town's log when it never is."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.said()
            found = condition()
            if found:
                return found
            time.sleep(0.1)
        raise AssertionError(f"not within {seconds} s:\n{self.said()}")

    def raw(self, path: str) -> bytes:
        with urllib.request.urlopen(self.url + path, timeout=15) as answer:
            return bytes(answer.read())

    def get(self, path: str) -> Any:
        return json.loads(self.raw(path))

    def value(self, id: str, attribute: str) -> Any:
        return self.get(f"/ngsi-ld/v1/entities/urn:ngsi-ld:{id}").get(attribute, {}).get("value")

    def interrupt(self) -> int:
        """Press Ctrl-C and return the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(10)

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    port = free_port()
    running = Demo(tmp_path_factory.mktemp("demo"), port, "-m", "hiroba.cli.main", "demo", "--port", str(port))
    yield running
    running.kill()


def layers(demo: Demo) -> dict[str, dict[str, Any]]:
    return {layer["type"]: layer for field in demo.get("/apps/map/layers") for layer in field["layers"]}


def test_it_says_where_its_map_is_in_japanese_and_english(demo: Demo) -> None:
    assert f"地図: {demo.url}/" in demo.said()
    assert f"Its map: {demo.url}/" in demo.said()
    assert b"<html" in demo.raw("/").lower()


def test_the_map_has_many_types_in_many_fields(demo: Demo) -> None:
    fields = [field["field"] for field in demo.get("/apps/map/layers") if field["field"] != "other"]
    assert len(fields) >= 8
    assert {"disaster", "weather", "environment", "energy", "mobility", "parking", "facilities", "water"} <= set(fields)
    assert len(layers(demo)) >= 20
    assert layers(demo)["EvacuationSite"]["count"] == 16
    assert layers(demo)["River"]["shapes"] == ["line"]
    assert layers(demo)["AdministrativeArea"]["shapes"] == ["area"]


def test_the_map_shows_and_finds_the_town(demo: Demo) -> None:
    west, south, east, north = demo.get("/apps/map/extent")
    assert 133.6 < west < east < 133.8
    assert 34.0 < south < north < 34.2
    (hit, *_) = demo.get(f"/apps/map/search?text={urllib.parse.quote('ｼｵﾐ小学校')}&type=EvacuationSite") or [None]
    assert hit is None  # half of a reading, half of a name: that is nobody's name
    (hit, *_) = demo.get(f"/apps/map/search?text={urllib.parse.quote('しおみしょうがっこう')}&type=EvacuationSite")
    assert hit["name"] == "汐見小学校"
    tile = mapbox_vector_tile.decode(demo.raw("/apps/map/tiles/EvacuationSite/10/892/408.mvt"))
    assert len(tile["entities"]["features"]) == 16


def test_over_200_devices_send_through_both_doors_and_nothing_is_rejected(demo: Demo) -> None:
    def all_have_sent() -> bool:
        return sum(agent["received"] for agent in demo.get("/api/agents")) >= 200

    demo.wait_for(all_have_sent, 60)
    agents = {agent["id"]: agent for agent in demo.get("/api/agents")}
    for door in ("mqtt", "http"):
        assert agents[door]["state"] == "running", agents[door]
        assert agents[door]["received"] >= 50
        assert agents[door]["rejected"] == 0


def test_values_move(demo: Demo) -> None:
    bus = "Vehicle:shiomi-bus-chuo-1"
    before = demo.value(bus, "location")
    demo.wait_for(lambda: demo.value(bus, "location") != before, 30)


def test_charts_begin_a_day_ago(demo: Demo) -> None:
    since = "timerel=after&timeAt=2020-01-01T00:00:00Z&attrs=temperature&options=temporalValues"
    found = demo.get(f"/ngsi-ld/v1/temporal/entities/urn:ngsi-ld:WeatherObserved:shiomi-port?{since}")
    values = found["temperature"]["values"]
    assert len(values) >= 48
    assert len({value for value, _ in values}) > 10
    assert values[0][1] < values[-1][1]


def test_ctrl_c_ends_it_at_once_and_quietly(demo: Demo) -> None:
    assert demo.interrupt() == 0
    assert "Traceback" not in demo.said()
    assert "Error" not in demo.said()
    with pytest.raises(OSError, match="refused"):
        demo.raw("/health")


def test_the_river_rises_a_road_floods_a_shelter_opens_and_all_is_well_again(tmp_path: Path) -> None:
    port = free_port()
    demo = Demo(tmp_path, port, "-c", f"from hiroba.demo.town import run; run(port={port}, speed={FAST})")
    try:
        gauge, shelter = "RiverGauge:shiomi-ohashi", "EvacuationSite:shiomi-shiomi-es"
        danger = demo.value(gauge, "dangerLevel")
        assert demo.value(gauge, "waterLevelStatus") == "normal"
        assert demo.value(shelter, "status") == "closed"
        demo.wait_for(lambda: demo.value(gauge, "waterLevelStatus") in ("warning", "evacuation", "danger"), 60)
        demo.wait_for(lambda: demo.value(shelter, "status") == "open", 30)
        demo.wait_for(lambda: demo.value("RoadSegment:shiomi-kawabata", "status") == "closed", 30)
        demo.wait_for(lambda: demo.value(gauge, "waterLevel") >= danger, 30)
        assert layers(demo)["Alert"]["count"] >= 3
        assert demo.value("Alert:shiomi-flood", "status") == "active"
        demo.wait_for(lambda: demo.value(gauge, "waterLevelStatus") == "normal", 60)
        demo.wait_for(lambda: demo.value(shelter, "status") == "closed", 30)
        demo.wait_for(lambda: demo.value("Alert:shiomi-flood", "status") == "ended", 30)
        assert demo.interrupt() == 0
    finally:
        demo.kill()


def test_what_is_kept_goes_on_where_it_stood(tmp_path: Path) -> None:
    counted: list[int] = []
    for _ in range(2):
        port = free_port()
        command = ("-m", "hiroba.cli.main", "demo", "--port", str(port), "--keep", str(tmp_path / "town"))
        demo = Demo(tmp_path, port, *command)
        try:
            since = "timerel=after&timeAt=2020-01-01T00:00:00Z&attrs=temperature&options=temporalValues"
            found = demo.get(f"/ngsi-ld/v1/temporal/entities/urn:ngsi-ld:WeatherObserved:shiomi-port?{since}")
            counted.append(len(found["temperature"]["values"]))
            assert layers(demo)["EvacuationSite"]["count"] == 16
            assert demo.interrupt() == 0
        finally:
            demo.kill()
    assert counted[0] >= 48
    # the day before is told once, not again at the second start
    assert counted[0] <= counted[1] < counted[0] + 20


def test_a_port_in_use_is_said_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "hiroba.cli.main", "demo", "--port", str(port)]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=tmp_path, check=False)
    assert ended.returncode == 1
    assert str(port) in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1
