"""Kills the process that writes, or the database below it, and looks for everything that was acknowledged."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from contract_town import iri

from hiroba.kernel.query.tree import TemporalQuery, TypeIs
from hiroba.kernel.store.port import EntityQuery, HistoryQuery, Store
from hiroba.kernel.store.postgres import PostgresStore
from hiroba.kernel.store.sqlite import SqliteStore
from postgres_cluster import Cluster

SENSOR = TypeIs(iri("Sensor"))
ALL_TIME = TemporalQuery(None, None, None, "modifiedAt")
ROUNDS = int(os.environ.get("HIROBA_DRILL_ROUNDS", "0"))
"""Further kills of the long drill, at moments drawn by lot but the same in every run."""
MOMENTS = (30, 400, *random.Random(5).sample(range(5, 3000), ROUNDS))


@pytest.fixture(scope="module")
def durable() -> Iterator[Cluster]:
    """Run a PostgreSQL that syncs its disk."""
    cluster = Cluster()
    yield cluster
    cluster.remove()


def run_until(place: str, lines: int, kill: str, cluster: Cluster | None = None) -> dict[str, str]:
    """Let a child write until it has said so many lines, kill it or its database, and return all that it said."""
    said: dict[str, str] = {}
    script = str(Path(__file__).with_name("crash_child.py"))
    with subprocess.Popen([sys.executable, script, place], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        for line in child.stdout:
            number, state = line.split()
            said[number] = state
            if len(said) == lines:
                if cluster is not None and kill == "database":
                    cluster.stop("immediate")
                else:
                    os.kill(child.pid, signal.SIGKILL)
        # what was in the pipe when it died was acknowledged too: the loop above read to the end
    assert child.returncode == (3 if kill == "database" else -signal.SIGKILL)
    assert len(said) >= lines
    return said


async def check(store: Store, said: dict[str, str]) -> None:
    """Assert that all that was acknowledged is there, and that state, log and history tell the same."""
    await store.open()
    tenant = await store.tenant("")
    for number, state in said.items():
        stored = await tenant.get(f"urn:ngsi-ld:Sensor:{number}")
        if state == "gone":
            assert stored is None, number
        else:
            assert stored is not None, number
            assert stored.entity["attrs"][iri("v")][0]["value"] == 2
    log = await tenant.changes(0, 1_000_000)
    assert [change.seq for change in log] == list(range(1, await tenant.last_seq() + 1))
    alive: dict[str, int] = {}
    for change in log:
        if change.op == "deleted":
            del alive[change.id]
        else:
            (one,) = change.changes
            assert one.after is not None
            alive[change.id] = one.after["value"]
    page = await tenant.find(EntityQuery(types=SENSOR, limit=1_000_000, count=True))
    assert {one.entity["id"]: one.entity["attrs"][iri("v")][0]["value"] for one in page.rows} == alive
    assert page.count == len(alive)
    histories, _, _ = await tenant.evolutions(HistoryQuery(EntityQuery(types=SENSOR, limit=1_000_000), ALL_TIME))
    assert sum(len(one.instances[iri("v")]) for one in histories) == len(log)
    past = {one.entity["id"]: [kept["value"] for kept in one.instances.get(iri("past"), [])] for one in histories}
    for number in said:
        assert past[f"urn:ngsi-ld:Sensor:{number}"] == [int(number.rpartition("-")[2])], number
    await store.close()


@pytest.mark.parametrize("lines", MOMENTS)
def test_acknowledged_writes_survive_a_kill(tmp_path: Path, lines: int) -> None:
    said = run_until(str(tmp_path / "store"), lines, "process")
    asyncio.run(check(SqliteStore(tmp_path / "store"), said))


@pytest.mark.parametrize("kill", ["process", "database"])
@pytest.mark.parametrize("lines", MOMENTS)
def test_acknowledged_writes_survive_a_kill_on_postgresql(durable: Cluster, lines: int, kill: str) -> None:
    address = durable.make(f"kill_{kill}_{lines}")
    said = run_until(address, lines, kill, durable)
    if kill == "database":
        durable.start()
    asyncio.run(check(PostgresStore(address), said))
