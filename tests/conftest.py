"""What tests share: the folder of real open data, and a real server of their own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import postgres_cluster
from postgres_cluster import Cluster
from real_server import Running, start

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def open_data() -> Path:
    """Return the folder of real open data named by HIROBA_TEST_DATA; skips loudly without it."""
    folder = Path(os.environ.get("HIROBA_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no open data at {folder}: set HIROBA_TEST_DATA to test with real files")
    return folder


@pytest.fixture(scope="session", autouse=True)
def _clusters() -> Iterator[None]:
    """Stop the shared PostgreSQL at the end, if any test started it."""
    yield
    postgres_cluster.end()


@pytest.fixture(scope="session")
def postgres() -> Cluster:
    """Return a running PostgreSQL with PostGIS, shared by all tests; skips loudly where it is not installed."""
    return postgres_cluster.shared()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Run one server with an in-memory store for a module's tests; give each test a tenant of its own."""
    running = start(tmp_path_factory.mktemp("server"), "--store", ":memory:")
    yield running
    running.stop()


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Return a function that starts servers in the test's folder; they end with the test."""
    started: list[Running] = []

    def begin(*arguments: str, port: int | None = None) -> Running:
        running = start(tmp_path, *arguments, port=port)
        started.append(running)
        return running

    yield begin
    for running in started:
        running.stop()
