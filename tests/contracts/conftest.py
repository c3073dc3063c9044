"""The adapters of the store that the contract is tested on."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hiroba.kernel.store.port import Store, TenantStore

sys.path.insert(0, str(Path(__file__).parent))  # for what the tests here share

import contract_town


@pytest.fixture(params=sorted(contract_town.ADAPTERS))
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """Give an open, empty store of each adapter."""
    made = contract_town.ADAPTERS[request.param](tmp_path)
    await made.open()
    yield made
    await made.close()


@pytest.fixture
async def tenant(store: Store) -> TenantStore:
    """Give the default tenant."""
    return await store.tenant("")
