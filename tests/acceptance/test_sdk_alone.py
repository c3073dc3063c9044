"""The sdk in an environment of its own, without anything of the server, against a real server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from real_server import Running

ROOT = Path(__file__).parents[2]
SERVER_ONLY = ("apsw", "uvicorn", "shapely", "numpy", "pyproj", "amqtt")

PROGRAM = """
import asyncio, importlib.util, json, sys
from hiroba.sdk import RemoteCity

async def main(url):
    async with RemoteCity(url, "sdk_alone") as city:
        gauge = {"id": "urn:ngsi-ld:RiverGauge:港", "type": "RiverGauge", "waterLevel": 1.5}
        written = await city.write([gauge], mode="upsert")
        found = await city.entity(gauge["id"])
        following = aiter(city.changes(types=["RiverGauge"], after=0))
        change = await asyncio.wait_for(anext(following), 20)
    return {
        "created": len(written.created), "found": found["id"], "change": change.id,
        "there": [name for name in sys.argv[2].split(",") if importlib.util.find_spec(name)],
    }

print(json.dumps(asyncio.run(main(sys.argv[1]))))
"""


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the Python of an environment that has the sdk's requirements and this project's wheel, and no more."""
    folder = tmp_path_factory.mktemp("sdk")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / "dist")]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
    python = folder / "venv" / "bin" / "python"
    pip = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    done = subprocess.run(
        [*pip, "--require-hashes", "-r", str(ROOT / "requirements" / "sdk.txt")], capture_output=True, text=True
    )
    if done.returncode != 0:
        pytest.skip(f"the sdk's requirements cannot be installed here: {done.stderr.strip().splitlines()[-1]}")
    (wheel,) = (folder / "dist").glob("*.whl")
    subprocess.run([*pip, "--no-deps", str(wheel)], check=True)
    return python


def run(python: Path, *command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [str(python), "-I", *command], cwd=folder, env=environment, capture_output=True, text=True, timeout=60
    )


def test_it_works_with_a_city_somewhere_else(alone: Path, server: Running, tmp_path: Path) -> None:
    done = run(alone, "-c", PROGRAM, server.url, ",".join(SERVER_ONLY), folder=tmp_path)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said == {
        "created": 1,
        "found": "urn:ngsi-ld:RiverGauge:港",
        "change": "urn:ngsi-ld:RiverGauge:港",
        "there": [],
    }
    assert server.call("GET", "/ngsi-ld/v1/types", NGSILD_Tenant="sdk_alone").body["typeList"] == ["RiverGauge"]


def test_a_command_of_the_server_says_what_to_install(alone: Path, tmp_path: Path) -> None:
    done = run(alone, "-m", "hiroba.cli.main", "serve", "--store", ":memory:", "--port", "0", folder=tmp_path)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "pip install 'hiroba[server]'" in done.stderr
