"""Measure a real server on this machine: `make bench`, or `python -m bench.run --entities 20000 --out FILE`.

Each operation's figure is server CPU per request (user and system, all threads), requests a second, and its ratio to
the ceiling of the same run: a bare ASGI app that reads the very same requests and answers as many bytes. A write has a
second ratio, to that app's CPU together with what its rows cost in a bare group commit, since a durable write cannot
cost less. Server and client are pinned to a core each. `--roles api` leaves out what the built-in apps do with each
write. The journeys (import of a table, the demo town to its first map) are told in seconds as well.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import platform
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from bench import ceiling, client, journeys
from bench.loads import Load, filling, loads
from bench.servers import ROOT, STEP, measure, resident, server


@dataclass(frozen=True, slots=True)
class Figure:
    """One operation's result; `ratio` is to the bare app, `durable_ratio` to it with a bare group commit."""

    name: str
    requests: int
    cpu_us: float
    per_second: float
    bare_us: float
    ratio: float
    durable_ratio: float | None


def run(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Measure everything once and return the report."""
    os.sched_setaffinity(0, {1} if (os.cpu_count() or 1) > 1 else {0})
    commit = ceiling.group_commit(folder, 20_000, 50, 1000) * 1e6
    work = loads(args.entities, args.scale)
    report: dict[str, Any] = {
        "at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "machine": {"cpu": _cpu_name(), "cores": os.cpu_count(), "python": platform.python_version()},
        "entities": args.entities,
        "roles": args.roles or "all",
        "bare_group_commit_us_per_row": round(commit, 1),
    }
    spent = _operations(args, folder, work, report)
    bare = {name: _bare(load, size, args.port) for load, (name, (_, _, size)) in zip(work, spent.items(), strict=True)}
    report["figures"] = [asdict(_figure(load, spent[load.name], bare=bare[load.name], commit=commit)) for load in work]
    if not args.quick:
        report["demo_s"] = journeys.demo_to_map(args.port)
    return report


def _operations(
    args: argparse.Namespace, folder: Path, work: list[Load], report: dict[str, Any]
) -> dict[str, tuple[float, float, int]]:
    """Start a server, fill it, ask it for everything; figures that are no operation's go into the report."""
    command = [sys.executable, "-m", "hiroba.cli.main", "serve", "--port", str(args.port), "--store"]
    command += [str(folder / "store"), *(["--roles", args.roles] if args.roles else [])]
    spent = {}
    started = time.perf_counter()
    with server(command, args.port) as pid:
        report["start_up_s"] = round(time.perf_counter() - started, 2)
        empty = resident(pid)
        rate = measure(pid, args.port, filling(args.entities), 2)[1]
        report["fill_entities_per_s"] = round(rate * 500)
        report["resident_mb"] = {"empty": round(empty / 1e6), "full": round(resident(pid) / 1e6)}
        for load in work:
            if not load.rows:
                measure(pid, args.port, load.requests[: len(load.requests) // 10], load.connections)
            spent[load.name] = measure(pid, args.port, load.requests, load.connections)
        report["resident_mb"]["after"] = round(resident(pid) / 1e6)
        if not args.roles:
            rows = max(100, int(20_000 * args.scale))
            file = folder / "evacuation_sites.csv"
            journeys.table(file, rows)
            first = journeys.import_file(file, rows, port=args.port, pid=pid)
            again = journeys.import_file(file, rows, port=args.port, pid=pid)
            report["import"] = {"first": first.told(), "again": again.told()}
    return spent


def _bare(load: Load, size: int, port: int) -> float:
    """Return the CPU µs of a bare ASGI app that reads these requests and answers `size` bytes."""
    with server([sys.executable, "-m", "bench.ceiling", str(port), str(size)], port) as pid:
        measure(pid, port, [client.get("/x")] * 500)
        enough = load.requests * max(1, 3000 // len(load.requests)) if load.rows <= 1 else load.requests * 10
        return measure(pid, port, enough, load.connections)[0]


def _figure(load: Load, spent: tuple[float, float, int], *, bare: float, commit: float) -> Figure:
    cpu, rate, _ = spent
    bare = max(bare, 1e6 * STEP / len(load.requests))  # shorter than the clock can tell
    durable = round(cpu / (bare + load.rows * commit), 2) if load.rows else None
    return Figure(
        load.name, len(load.requests), round(cpu, 1), round(rate, 1), round(bare, 1), round(cpu / bare, 2), durable
    )


def _cpu_name() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def show(report: dict[str, Any]) -> None:
    """Print the report as a table."""
    machine = report["machine"]
    print(f"{machine['cpu']}, Python {machine['python']}, {report['entities']} entities, roles {report['roles']}")
    print(f"{'operation':24} {'CPU µs':>10} {'per s':>9} {'bare µs':>9} {'ratio':>7} {'durable':>8}")
    for row in report["figures"]:
        durable = f"{row['durable_ratio']:8.2f}" if row["durable_ratio"] is not None else ""
        rates = f"{row['cpu_us']:10.1f} {row['per_second']:9.0f} {row['bare_us']:9.1f} {row['ratio']:7.2f}"
        print(f"{row['name']:24} {rates} {durable}")
    memory = report["resident_mb"]
    print(
        f"resident {memory['empty']} MB empty, {memory['full']} MB with {report['entities']} entities, "
        f"{memory['after']} MB after all of this"
    )
    print(f"start-up {report['start_up_s']} s, filled at {report['fill_entities_per_s']} entities/s")
    print(f"bare group commit {report['bare_group_commit_us_per_row']} µs a row")
    for name, one in report.get("import", {}).items():
        print(
            f"import of {one['rows']} rows, {name}: {one['rows_per_second']} rows/s "
            f"({one['seconds']} s; CPU {one['server_cpu']} s in the server, {one['command_cpu']} s in the command)"
        )
    if "demo_s" in report:
        told = ", ".join(f"{name.replace('_', ' ')} {value} s" for name, value in report["demo_s"].items())
        print(f"hiroba demo: {told}")


def arguments() -> argparse.ArgumentParser:
    """Return the command line of the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entities", type=int, default=100_000)
    parser.add_argument("--port", type=int, default=11026)
    parser.add_argument("--roles", help="such as api: without the built-in apps' own work")
    parser.add_argument("--scale", type=float, default=1.0, help="how many requests: 0.1 is a tenth")
    parser.add_argument("--quick", action="store_true", help="leave out the demo town")
    parser.add_argument("--out", type=Path, default=ROOT / "bench" / "results" / "latest.json")
    return parser


def main() -> None:
    """Run the benchmark and keep its report."""
    args = arguments().parse_args()
    with tempfile.TemporaryDirectory(dir=os.environ.get("HIROBA_BENCH_DIR")) as folder:
        report = run(args, Path(folder))
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_bytes(orjson.dumps(report, option=orjson.OPT_INDENT_2))
    show(report)


if __name__ == "__main__":
    main()
