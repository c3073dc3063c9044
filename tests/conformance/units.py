"""Run one folder of the suite against servers of its own."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from offline import CONTEXTS, MQTT_OTHER_PORT
from servers import end, resident, serving

HERE = Path(__file__).parent
SERVERS_OF_IOP = 5
PORTS_OF_WORKER = 10
FIRST_MOCK_PORT = 18100

_COLLECT = """
import json, sys
sys.path.insert(0, sys.argv[1])
from listener import key
from robot.api import TestSuiteBuilder
found = []
def walk(suite):
    found.extend(key(test) for test in suite.tests)
    for part in suite.suites:
        walk(part)
walk(TestSuiteBuilder().build(*sys.argv[2:]))
print(json.dumps(found))
"""


@dataclass(frozen=True, slots=True)
class Bench:
    """What every unit of a run shares: the suite's copy, its Python, the store under test, and where results go."""

    copy: Path
    python: Path
    store: str
    results: Path
    base_port: int
    unit_timeout: int
    test_timeout: int
    robot: Sequence[str] = ()


@dataclass(slots=True)
class Outcome:
    """What a unit brought: each test's record by key, what went wrong around it, and the largest server's bytes."""

    tests: dict[str, dict[str, Any]] = field(default_factory=dict)
    trouble: list[str] = field(default_factory=list)
    resident: int = 0


def collect(bench: Bench, targets: Sequence[str]) -> list[str]:
    """Return the keys of all tests below some folders or files of the suite."""
    command = [str(bench.python), "-c", _COLLECT, str(HERE), *targets]
    done = subprocess.run(command, cwd=bench.copy, capture_output=True, text=True, check=True)
    found: list[str] = json.loads(done.stdout)
    return found


def run_unit(bench: Bench, unit: str, worker: int) -> Outcome:
    """Run a folder, or one file, with fresh servers; what does not finish in time is ended and told."""
    outcome = Outcome()
    folder = bench.results / unit.replace("/", ".")
    folder.mkdir(parents=True)
    log = folder / "tests.jsonl"
    log.touch()
    interoperating = unit.startswith("IOP_TP")
    first = bench.base_port + PORTS_OF_WORKER * worker
    ports = range(first, first + (SERVERS_OF_IOP if interoperating else 1))
    try:
        with contextlib.ExitStack() as stack:
            servers = [
                stack.enter_context(serving(bench.store, port, folder=folder / f"server-{port}")) for port in ports
            ]
            outcome.trouble += _robot(bench, unit, worker, ports=ports, folder=folder, log=log)
            outcome.resident = max(resident(server.pid) for server in servers)
            outcome.trouble += [f"a server ended with {one.returncode}" for one in servers if one.poll() is not None]
    except RuntimeError as error:
        outcome.trouble.append(str(error))
    for line in log.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        outcome.tests[record["key"]] = record
    return outcome


def _robot(bench: Bench, unit: str, worker: int, *, ports: Sequence[int], folder: Path, log: Path) -> list[str]:
    command = [str(bench.python), "-m", "robot", "--outputdir", str(folder), "--log", "NONE", "--report", "NONE"]
    command += ["--console", "none", "--listener", str(HERE / "listener.py"), *bench.robot]
    for name, value in _variables(worker, ports).items():
        command += ["--variable", f"{name}:{value}"]
    environment = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()} | {
        "CONFORMANCE_LOG": str(log),
        "CONFORMANCE_TEST_TIMEOUT": str(bench.test_timeout),
        "PATH": f"{bench.copy / 'bin'}:{os.environ['PATH']}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "ETSI_QUIET_IO": "1",
    }
    command += members(bench.copy, unit)
    with (folder / "robot.out").open("wb") as out:
        process = subprocess.Popen(
            command, cwd=bench.copy, env=environment, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            process.wait(bench.unit_timeout)
        except subprocess.TimeoutExpired:
            return [f"not finished after {bench.unit_timeout} s"]
        finally:
            end(process)
    return []


def _variables(worker: int, ports: Sequence[int]) -> dict[str, object]:
    mock = FIRST_MOCK_PORT + PORTS_OF_WORKER * worker
    addresses = [f"http://127.0.0.1:{port}/ngsi-ld/v1" for port in ports]
    found: dict[str, object] = {
        "url": addresses[0],
        "temporal_api_url": addresses[0],
        "ngsild_test_suite_context": CONTEXTS + "ngsi-ld-test-suite-compound.jsonld",
        "mqtt_broker_host": "127.0.0.1",
        "mqtt_broker_non_default_port": MQTT_OTHER_PORT,
    }
    for offset, server in enumerate(("notification_server", "context_source", "context_server")):
        found |= {f"{server}_host": "127.0.0.1", f"{server}_port": mock + offset}
    if len(addresses) > 1:
        found |= {f"b{number}_url": address for number, address in enumerate(addresses, 1)}
    return found


def members(copy: Path, unit: str) -> list[str]:
    """Return what to hand to Robot: of a folder with folders below only its own files, since those are units too."""
    folder = copy / unit
    if not folder.is_dir() or not any(one.is_dir() for one in folder.iterdir()):
        return [unit]
    return sorted(f"{unit}/{one.name}" for one in folder.iterdir() if one.suffix == ".robot")
