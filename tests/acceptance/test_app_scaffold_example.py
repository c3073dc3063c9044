"""The third-party app in `examples`: checked, tested, built, and found by its entry point in a real server."""

import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from hiroba.host.checks import check_folder

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "rain-watch"


def run(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=cwd, capture_output=True, text=True, timeout=180, check=False
    )


def test_it_keeps_what_every_app_promises() -> None:
    assert [str(one) for one in check_folder(EXAMPLE / "src" / "rain_watch", kind="app")] == []


def test_its_own_tests_pass() -> None:
    done = run("pytest", "-q", "-p", "no:cacheprovider", ".", cwd=EXAMPLE)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if find_spec("hatchling") is None:
        pytest.skip("hatchling is not installed, so the example cannot be built: pip install hatchling")
    done = run("hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "dist"), cwd=EXAMPLE)
    assert done.returncode == 0, done.stderr
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        assert "rain_watch/manifest.toml" in archive.namelist()
        archive.extractall(tmp_path / "site")
    before = os.environ.get("PYTHONPATH", "")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(tmp_path / "site"), before))))


@pytest.mark.usefixtures("installed")
def test_installed_it_watches(tmp_path: Path, start_server: Callable[..., Any]) -> None:
    listed = run("hiroba.cli.main", "app", "list", cwd=tmp_path)
    assert "rain_watch" in listed.stdout
    server = start_server("--store", "store")
    gauge = {"id": "urn:ngsi-ld:RainfallObserved:1", "type": "RainfallObserved"}
    assert "rain_watch" in {app["id"] for app in server.call("GET", "/api/apps").body}
    time.sleep(0.5)
    wet = {**gauge, "rainfallIntensity": {"type": "Property", "value": 55}}
    assert server.call("POST", "/ngsi-ld/v1/entities", wet).status == 201
    deadline = time.monotonic() + 60
    while not (found := server.call("GET", "/apps/rain_watch/alerts").body) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [one["severity"] for one in found] == ["high"]
    assert server.stop() == 0
