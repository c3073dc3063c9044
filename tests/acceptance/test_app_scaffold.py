"""From `app new` to an app that runs in a real server, by the command line alone."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


def hiroba(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hiroba.cli.main", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("kind", ["app", "agent"])
def test_its_own_tests_pass_and_so_does_the_check(kind: str, tmp_path: Path) -> None:
    made = hiroba(tmp_path, kind, "new", "heat_watch")
    assert made.returncode == 0, made.stderr
    checked = hiroba(tmp_path, kind, "check", "heat_watch")
    assert checked.stdout.strip() == "heat_watch: all is well"
    assert checked.returncode == 0
    tested = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "heat_watch"],
        cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert "2 passed" in tested.stdout
    again = hiroba(tmp_path, kind, "new", "heat_watch")
    assert again.returncode == 1
    assert again.stderr.strip() == f"hiroba {kind}: heat_watch is there already"


def test_a_mistake_fails_the_check_and_the_install(tmp_path: Path) -> None:
    hiroba(tmp_path, "app", "new", "heat_watch")
    handlers = tmp_path / "heat_watch" / "handlers.py"
    handlers.write_text(handlers.read_text(encoding="utf-8") + "import numpy\n", encoding="utf-8")
    checked = hiroba(tmp_path, "app", "check", "heat_watch")
    assert checked.returncode == 1
    assert "heat_watch/handlers.py:" in checked.stdout
    assert "1 thing to mend" in checked.stderr
    installed = hiroba(tmp_path, "app", "install", "heat_watch", "--store", "store")
    assert installed.returncode == 1
    assert "imports numpy" in installed.stderr
    assert not (tmp_path / "store").exists()


def test_installed_it_runs(tmp_path: Path, start_server: Callable[..., Any]) -> None:
    hiroba(tmp_path, "app", "new", "heat_watch")
    installed = hiroba(tmp_path, "app", "install", "heat_watch", "--store", "store")
    assert installed.returncode == 0, installed.stderr
    assert "heat_watch" in hiroba(tmp_path, "app", "list", "--store", "store").stdout
    server = start_server("--store", "store")
    apps = {app["id"]: app for app in server.call("GET", "/api/apps").body}
    assert apps["heat_watch"]["panels"][0]["id"] == "alerts"
    time.sleep(0.5)
    sensor = {"id": "urn:ngsi-ld:EnvironmentObserved:1", "type": "EnvironmentObserved"}
    hot = {**sensor, "temperature": {"type": "Property", "value": 35}}
    assert server.call("POST", "/ngsi-ld/v1/entities", hot).status == 201
    deadline = time.monotonic() + 30
    while not (found := server.call("GET", "/apps/heat_watch/alerts").body) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [alert["alertSource"] for alert in found] == [sensor["id"]]
    assert server.stop() == 0
