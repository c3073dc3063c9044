"""Measure a real server on this machine: `make bench`, or `python -m bench.run --entities 20000 --out FILE`.

Each figure is server CPU per request (user and system, all threads), requests a second, and the ratio of the CPU to
that of a bare ASGI app answering the same number of bytes in the same run; for a batch, to its rows in a bare group
commit. Server and client are pinned to a core each. `--roles api` leaves out what the built-in apps do with each write.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from bench import ceiling, client

ROOT = Path(__file__).parents[1]
TICK = os.sysconf("SC_CLK_TCK")
ENTITIES = "/ngsi-ld/v1/entities"


@dataclass
class Figure:
    """One operation's result; `ratio` is to the ceiling, the bare app's CPU or a batch's bare commit."""

    name: str
    requests: int
    cpu_us: float
    per_second: float
    ratio: float
    ceiling_us: float


def entity(number: int) -> dict[str, Any]:
    """Return an entity of about 1 KB, such as an air quality station."""
    rng = random.Random(number)
    measured = {
        name: {
            "type": "Property",
            "value": round(rng.uniform(0, 80), 2),
            "unitCode": "GQ",
            "observedAt": "2026-04-01T00:00:00Z",
        }
        for name in ("pm25", "pm10", "no2", "so2")
    }
    return {
        "id": f"urn:ngsi-ld:AirQualityObserved:bench-{number}",
        "type": "AirQualityObserved",
        "name": {"type": "Property", "value": f"測定局 {number}"},
        "address": {
            "type": "Property",
            "value": {"addressLocality": "汐見市", "streetAddress": f"港町{number % 90 + 1}丁目"},
        },
        "location": {
            "type": "GeoProperty",
            "value": {"type": "Point", "coordinates": [133.9 + rng.random() / 5, 34.2 + rng.random() / 5]},
        },
        "refDevice": {"type": "Relationship", "object": f"urn:ngsi-ld:Device:bench-{number}"},
        **measured,
    }


@contextmanager
def server(command: list[str], port: int) -> Iterator[int]:
    """Run a server pinned to one core until the end of the block; gives its process id."""
    process = subprocess.Popen(["taskset", "-c", "0", *command], cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        for _ in range(200):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1):
                    break
            except OSError:
                time.sleep(0.1)
        else:
            raise RuntimeError(f"no answer from {' '.join(command)}")
        yield process.pid
    finally:
        process.terminate()
        process.wait(20)


def cpu_seconds(pid: int) -> float:
    """Return the CPU time a process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def resident(pid: int) -> int:
    """Return the resident memory of a process in bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def measure(pid: int, port: int, requests: list[bytes], connections: int = 32) -> tuple[float, float]:
    """Return CPU µs per request and requests a second; refuses a run with a failed request."""
    before, started = cpu_seconds(pid), time.perf_counter()
    statuses = asyncio.run(client.run(port, requests, connections))
    elapsed, spent = time.perf_counter() - started, cpu_seconds(pid) - before
    failed = {status: count for status, count in statuses.items() if status >= 300}
    if failed:
        raise RuntimeError(f"requests failed: {failed}")
    return spent / len(requests) * 1e6, len(requests) / elapsed


def loads(count: int) -> dict[str, tuple[list[bytes], int]]:
    """Return the requests of each operation, and the bytes its answer has."""
    rng = random.Random(7)
    pick = [rng.randrange(count) for _ in range(20_000)]
    patch = {"type": "Property", "value": 1.5, "observedAt": "2026-04-01T00:10:00Z"}
    one = f"{ENTITIES}/urn:ngsi-ld:AirQualityObserved:bench-"
    return {
        "GET entity": ([client.get(f"{one}{n}") for n in pick], 950),
        "page of 20 by type": (
            [client.get(f"{ENTITIES}?type=AirQualityObserved&limit=20&offset={n % 2000}") for n in pick[:5000]],
            19_000,
        ),
        "q page of 20": (
            [client.get(f"{ENTITIES}?type=AirQualityObserved&q=pm25%3E{n % 79}&limit=20") for n in pick[:3000]],
            19_000,
        ),
        "near page of 20": (
            [
                client.get(
                    f"{ENTITIES}?type=AirQualityObserved&georel=near;maxDistance==1000&geometry=Point"
                    f"&coordinates=%5B{133.9 + n % 200 / 1000},{34.2 + n % 190 / 1000}%5D&limit=20"
                )
                for n in pick[:3000]
            ],
            19_000,
        ),
        "create": ([client.send("POST", ENTITIES, entity(10_000_000 + n)) for n in range(10_000)], 0),
        "PATCH attribute": (
            [client.send("PATCH", f"{one}{n}/attrs/pm25", patch | {"value": i}) for i, n in enumerate(pick[:10_000])],
            0,
        ),
        "batch upsert of 1000": (
            [
                client.send(
                    "POST",
                    "/ngsi-ld/v1/entityOperations/upsert",
                    [entity(20_000_000 + b * 1000 + i) for i in range(1000)],
                )
                for b in range(10)
            ],
            60_000,
        ),
    }


def run(count: int, folder: Path, port: int, roles: str | None = None) -> dict[str, Any]:
    """Measure everything once and return the report; `roles` are those of `hiroba serve`, all when None."""
    python = sys.executable
    os.sched_setaffinity(0, {1} if (os.cpu_count() or 1) > 1 else {0})
    work = loads(count)
    bare: dict[int, float] = {}
    for size in sorted({size for _, size in work.values()}):
        with server([python, "-m", "bench.ceiling", str(port), str(size)], port) as pid:
            measure(pid, port, [client.get("/x")] * 2000)
            bare[size] = measure(pid, port, [client.get("/x")] * 20_000)[0]
    figures: list[Figure] = []
    command = [
        python,
        "-m",
        "hiroba.cli.main",
        "serve",
        "--port",
        str(port),
        "--store",
        str(folder / "store"),
        *(["--roles", roles] if roles else []),
    ]
    commit = ceiling.group_commit(folder, 20_000, 50, 1000) * 1e6
    started = time.perf_counter()
    with server(command, port) as pid:
        start_up = time.perf_counter() - started
        empty = resident(pid)
        fill_started = time.perf_counter()
        batches = [
            client.send(
                "POST",
                "/ngsi-ld/v1/entityOperations/upsert",
                [entity(n) for n in range(b, min(b + 500, count))],
            )
            for b in range(0, count, 500)
        ]
        measure(pid, port, batches, 2)
        filled = time.perf_counter() - fill_started
        full = resident(pid)
        for name, (requests, size) in work.items():
            connections = 4 if "batch" in name else 32
            if not name.startswith(("create", "PATCH", "batch")):
                measure(pid, port, requests[: len(requests) // 10])
            cpu, rate = measure(pid, port, requests, connections)
            floor = bare[size] + 1000 * commit if name.startswith("batch") else bare[size]
            figures.append(
                Figure(
                    name,
                    len(requests),
                    round(cpu, 1),
                    round(rate, 1),
                    round(cpu / floor, 2),
                    round(floor, 1),
                )
            )
    return {
        "at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "machine": {"cpu": _cpu_name(), "cores": os.cpu_count(), "python": platform.python_version()},
        "entities": count,
        "roles": roles or "all",
        "start_up_s": round(start_up, 2),
        "fill_entities_per_s": round(count / filled),
        "resident_mb": {"empty": round(empty / 1e6), "full": round(full / 1e6)},
        "bare_group_commit_us_per_row": round(commit, 1),
        "figures": [asdict(figure) for figure in figures],
    }


def _cpu_name() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def show(report: dict[str, Any]) -> None:
    """Print the report as a table."""
    machine = report["machine"]
    print(f"{machine['cpu']}, Python {machine['python']}, {report['entities']} entities, roles {report['roles']}")
    print(f"{'operation':24} {'CPU µs':>9} {'per s':>9} {'ratio':>7} {'bare µs':>8}")
    for row in report["figures"]:
        rates = f"{row['cpu_us']:9.1f} {row['per_second']:9.0f} {row['ratio']:7.2f} {row['ceiling_us']:8.1f}"
        print(f"{row['name']:24} {rates}")
    memory = report["resident_mb"]
    print(f"resident {memory['empty']} MB empty, {memory['full']} MB full; start-up {report['start_up_s']} s")
    print(f"filled at {report['fill_entities_per_s']} entities/s")
    print(f"bare group commit {report['bare_group_commit_us_per_row']} µs a row")


def main() -> None:
    """Run the benchmark and keep its report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entities", type=int, default=100_000)
    parser.add_argument("--port", type=int, default=11026)
    parser.add_argument("--roles", help="such as api: without the built-in apps' own work")
    parser.add_argument("--out", type=Path, default=ROOT / "bench" / "results" / "latest.json")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=os.environ.get("HIROBA_BENCH_DIR")) as folder:
        report = run(args.entities, Path(folder), args.port, args.roles)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_bytes(orjson.dumps(report, option=orjson.OPT_INDENT_2))
    show(report)


if __name__ == "__main__":
    main()
