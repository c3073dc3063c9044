"""The adapters of the store that the contract is tested on."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hiroba.kernel.store.port import Store, TenantStore
from hiroba.kernel.store.sqlite import SqliteStore

sys.path.insert(0, str(Path(__file__).parent))  # for contract_town, which the tests here share

ADAPTERS = {
    "sqlite-file": lambda directory: SqliteStore(directory / "store"),
    "sqlite-memory": lambda directory: SqliteStore(":memory:"),
}
"""Name → how to make a store; a further adapter is one more line."""


@pytest.fixture(params=sorted(ADAPTERS))
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """Give an open, empty store of each adapter."""
    made = ADAPTERS[request.param](tmp_path)
    await made.open()
    yield made
    await made.close()


@pytest.fixture
async def tenant(store: Store) -> TenantStore:
    """Give the default tenant."""
    return await store.tenant("")
