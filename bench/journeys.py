"""What a user waits for: a file imported, the demo town on the map."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson
from playwright.sync_api import sync_playwright

from bench.servers import CORE, ROOT, cpu_seconds, wait_for

CHROMIUM = "/usr/bin/chromium"
HEADER = (
    "全国地方公共団体コード,ID,名称,名称_カナ,所在地_連結表記,緯度,経度,災害種別_洪水,災害種別_津波,災害種別_地震,"
    "指定避難所との重複,想定収容人数,対象となる町会・自治会"
)
"""The columns of the municipal standard open data set of evacuation sites that the rows below fill."""


@dataclass(frozen=True, slots=True)
class Import:
    """One run of `hiroba import`: seconds on the clock, and of CPU in the server and in the command."""

    rows: int
    seconds: float
    server_cpu: float
    command_cpu: float

    def told(self) -> dict[str, Any]:
        """Return the figures with the rate in rows a second."""
        return {name: round(value, 2) for name, value in asdict(self).items()} | {
            "rows_per_second": round(self.rows / self.seconds),
            "rows_per_server_cpu_second": round(self.rows / max(self.server_cpu, 0.01)),
        }


def table(file: Path, rows: int) -> None:
    """Write a CSV of evacuation sites, as a town publishes them."""
    rng = random.Random(11)
    with file.open("w", encoding="utf-8-sig", newline="") as out:
        out.write(HEADER + "\r\n")
        for number in range(rows):
            place = f"{34.2 + rng.random() / 5:.6f},{133.9 + rng.random() / 5:.6f}"
            grades = ",".join(rng.choice(("1", "")) for _ in range(4))
            address = f"香川県汐見市港町{number % 90 + 1}丁目{number % 30 + 1}番"
            out.write(
                f"372099,37209900{number:06},第{number}避難所,ダイ{number}ヒナンジョ,{address},{place},{grades},"
                f"{rng.randrange(20, 900)},港町{number % 90 + 1}丁目自治会\r\n"
            )


def import_file(file: Path, rows: int, *, port: int, pid: int) -> Import:
    """Bring a file in by the command, away from the server's core."""
    command = [sys.executable, "-m", "hiroba.cli.main", "import", str(file), "--url", f"http://127.0.0.1:{port}"]
    before, started, children = cpu_seconds(pid), time.perf_counter(), os.times()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    seconds, ended = time.perf_counter() - started, os.times()
    if done.returncode != 0:
        raise RuntimeError(f"the import failed: {done.stderr}{done.stdout}")
    own = ended.children_user + ended.children_system - children.children_user - children.children_system
    return Import(rows, seconds, cpu_seconds(pid) - before, own)


def demo_to_map(port: int) -> dict[str, float]:
    """Return the seconds from `hiroba demo` started to the first answer, the first tile, and the painted map.

    `painted` is when a headless browser that was started beforehand has drawn the map with all its tiles; it is left
    out where there is no Chromium.
    """
    browser = None
    driver = sync_playwright().start()
    try:
        if Path(CHROMIUM).exists():
            browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        return _demo(port, browser)
    finally:
        if browser is not None:
            browser.close()
        driver.stop()


def _demo(port: int, browser: Any) -> dict[str, float]:
    command = [sys.executable, "-m", "hiroba.cli.main", "demo", "--port", str(port)]
    started = time.perf_counter()
    process = subprocess.Popen(["taskset", "-c", CORE, *command], cwd=ROOT, stdout=subprocess.DEVNULL)
    url, found = f"http://127.0.0.1:{port}", {}
    try:
        wait_for(f"{url}/health", process)
        found["answers"] = time.perf_counter() - started
        layers: list[Any] = []
        while not layers:
            layers = orjson.loads(wait_for(f"{url}/apps/map/layers", process))
            time.sleep(0.02)
        kind = layers[0]["layers"][0]["type"]
        wait_for(f"{url}/apps/map/tiles/{kind}/0/0/0.mvt", process)
        found["first_tile"] = time.perf_counter() - started
        if browser is not None:
            page = browser.new_page()
            # a background map from elsewhere is not what is measured
            page.route(lambda address: not address.startswith(url), lambda route: route.abort())
            page.goto(url)
            page.locator(".map-canvas[aria-busy=false]").wait_for(timeout=60_000)
            found["painted"] = time.perf_counter() - started
        found["cpu"] = cpu_seconds(process.pid)
    finally:
        process.terminate()
        process.wait(30)
    return {name: round(value, 2) for name, value in found.items()}
