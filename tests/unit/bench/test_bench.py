"""The benchmark measures what it says, on a small scale; its figures are not judged here."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from real_server import free_port

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT))

from bench import journeys, loads  # noqa: E402 - the benchmark lies beside the tests


def test_one_run_reports_every_figure(tmp_path: Path) -> None:
    out = tmp_path / "report.json"
    command = [sys.executable, "-m", "bench.run", "--entities", "1100", "--scale", "0.005", "--port", str(free_port())]
    done = subprocess.run(
        [*command, "--quick", "--out", str(out)], cwd=ROOT, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(out.read_text(encoding="utf-8"))
    figures = {one["name"]: one for one in report["figures"]}
    assert set(figures) >= {"GET entity", "page of 20 by type", "create", "PATCH attribute", "batch upsert of 1000"}
    assert all(one["per_second"] > 0 and one["ratio"] >= 0 for one in figures.values())
    assert figures["batch upsert of 1000"]["cpu_us"] > 0
    assert figures["create"]["durable_ratio"] is not None
    assert figures["GET entity"]["durable_ratio"] is None
    assert {"first", "again"} == set(report["import"])
    assert set(report["resident_mb"]) == {"empty", "full", "after"}
    assert all(name in done.stdout for name in (*figures, "rows/s", "resident", "start-up"))


def test_the_table_that_is_imported_is_a_towns_own(tmp_path: Path) -> None:
    journeys.table(tmp_path / "sites.csv", 30)
    with (tmp_path / "sites.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 30
    assert all(None not in row and None not in row.values() for row in rows)
    assert len({row["ID"] for row in rows}) == 30


def test_loads_stay_within_the_town() -> None:
    (get,) = (one for one in loads.loads(50, 0.01) if one.name == "GET entity")
    numbers = [int(request.split(b" ")[1].rpartition(b"-")[2]) for request in get.requests]
    assert max(numbers) < 50
    assert len(loads.filling(1200)) == 3


@pytest.mark.parametrize("number", [0, 7, 10_000_003])
def test_an_entity_has_about_a_kilobyte(number: int) -> None:
    assert 700 < len(json.dumps(loads.entity(number), ensure_ascii=False).encode()) < 1300
    assert loads.entity(number) == loads.entity(number)
