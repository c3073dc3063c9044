"""Run the ETSI conformance suite against Hiroba: `make conformance ETSI_SUITE=/path/to/clone`."""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import os
import queue
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import offline
from servers import STORES
from units import Bench, Outcome, collect, run_unit

PROVISION = "TP/NGSI-LD"
INTEROPERABILITY = "IOP_TP/NGSI-LD"
HOW_TO_GET = (
    "The suite is not part of Hiroba. Clone the public repository marek-mraz/ngsi-ld-test-suite, check out commit "
    f"{offline.COMMIT}, and call: make conformance ETSI_SUITE=/path/to/clone"
)


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", choices=[*STORES, "all"], default="all", help="which store (default: each)")
    parser.add_argument("--include", action="append", default=[], help="a folder or .robot file of the suite")
    parser.add_argument("--iop", action="store_true", help="the interoperability part, with five servers, as well")
    parser.add_argument("--jobs", type=int, default=2, help="folders at a time (default 2)")
    parser.add_argument("--base-port", type=int, default=19000)
    parser.add_argument("--unit-timeout", type=int, default=900, help="seconds for one folder")
    parser.add_argument("--test-timeout", type=int, default=120, help="seconds for one test")
    parser.add_argument(
        "--robot", action="append", default=[], help="one more option for Robot, as --robot=--test=*_01*"
    )
    parser.add_argument("--out", type=Path, help="keep all outcomes in this JSON file")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "hiroba-conformance")
    return parser.parse_args()


def main() -> int:
    """Run what was asked for and print the table; fails when a server could not be started or ended by itself."""
    args = arguments()
    suite = os.environ.get("ETSI_SUITE")
    if not suite or not (Path(suite) / PROVISION).is_dir():
        print(HOW_TO_GET, file=sys.stderr)
        return 2
    copy = args.work / "suite"
    args.work.mkdir(parents=True, exist_ok=True)
    offline.prepare(Path(suite), copy)
    python = offline.environment(args.work / "venv", copy)
    contexts = offline.serve_contexts(copy)
    commit = offline.commit_of(copy)
    if not commit.startswith(offline.COMMIT):
        print(
            f"The clone stands at {commit[:7]}, not at {offline.COMMIT}: figures are not comparable.", file=sys.stderr
        )
    reports = {}
    for store in STORES if args.store == "all" else [args.store]:
        results = args.work / "results" / store
        shutil.rmtree(results, ignore_errors=True)
        bench = Bench(
            copy, python, store, results, args.base_port, args.unit_timeout, args.test_timeout, tuple(args.robot)
        )
        reports[store] = run(bench, args)
        show(store, reports[store], commit)
    contexts.shutdown()
    offline.stop_mqtt(copy)
    compare(reports)
    if args.out is not None:
        args.out.write_text(json.dumps({"commit": commit, "stores": reports}, indent=1), encoding="utf-8")
    return 1 if any(report["trouble"] for report in reports.values()) else 0


def run(bench: Bench, args: argparse.Namespace) -> dict[str, Any]:
    """Run all units, `jobs` at a time, the largest first; tests that never ran count as failed."""
    targets = (args.include or [PROVISION]) + ([INTEROPERABILITY] if args.iop else [])
    keys = collect(bench, targets)
    sizes = Counter(unit_of(key, targets) for key in keys)
    waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
    for unit, _ in sizes.most_common():
        waiting.put(unit)
    begun = time.monotonic()
    tests: dict[str, dict[str, Any]] = {}
    trouble: list[str] = []
    largest = 0

    def work(worker: int) -> None:
        nonlocal largest
        while True:
            try:
                unit = waiting.get_nowait()
            except queue.Empty:
                return
            outcome: Outcome = run_unit(bench, unit, worker)
            tests.update(outcome.tests)
            trouble.extend(f"{unit}: {line}" for line in outcome.trouble)
            largest = max(largest, outcome.resident)
            passed = sum(one["passed"] for one in outcome.tests.values())
            print(f"[{time.monotonic() - begun:5.0f} s] {passed:4d}/{sizes[unit]:<4d} {unit}", flush=True)

    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for done in [pool.submit(work, worker) for worker in range(args.jobs)]:
            done.result()
    if not bench.robot:
        for key in keys:
            tests.setdefault(key, {"key": key, "passed": False, "message": "it did not run"})
    seconds = round(time.monotonic() - begun)
    return {"tests": dict(sorted(tests.items())), "trouble": trouble, "resident": largest, "seconds": seconds}


def unit_of(key: str, targets: list[str]) -> str:
    """Return the folder that a test is run with, or its file when that was asked for."""
    file = key.partition("::")[0]
    return file if file in targets else os.path.dirname(file)


def area_of(key: str) -> str:
    """Return the part of the suite that a test counts for."""
    parts = key.split("/")
    return "/".join(parts[2:4]) if parts[0] == "TP" else f"IOP/{parts[3].partition('::')[0]}"


def show(store: str, report: dict[str, Any], commit: str) -> None:
    """Print the totals by area."""
    passed: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for key, one in report["tests"].items():
        total[area_of(key)] += 1
        passed[area_of(key)] += one["passed"]
    print(f"\n{store}, suite at {commit[:7]}, {report['seconds']} s, server up to {report['resident'] / 1e6:.0f} MB")
    print(f"{'area':46} {'passed':>7} {'of':>6}")
    rows = [(area, passed[area], total[area]) for area in sorted(total)]
    for area, good, all_ in [*rows, ("total", passed.total(), total.total())]:
        print(f"{area:46} {good:7d} {all_:6d} {100 * good / max(1, all_):6.1f} %")
    for line in report["trouble"]:
        print(f"! {line}")


def compare(reports: dict[str, dict[str, Any]]) -> None:
    """Name the tests that pass on one store and fail on another."""
    if len(reports) < 2:
        return
    (first, one), (second, other) = reports.items()
    apart = [
        key for key, record in one["tests"].items() if record["passed"] != other["tests"].get(key, record)["passed"]
    ]
    print(f"\n{len(apart)} tests end differently on {first} and {second}")
    for key in apart:
        print(f"  {key}")


if __name__ == "__main__":
    sys.exit(main())
