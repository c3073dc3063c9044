"""Whether the store says in time that it cannot be written for long."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from hiroba.kernel.model.errors import StoreUnavailable
from hiroba.kernel.store.sqlite import SqliteStore

Usage = type(shutil.disk_usage("/"))


async def test_a_disk_that_is_all_but_full_is_not_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = SqliteStore(tmp_path / "store")
    await store.open()
    try:
        await store.check()
        with monkeypatch.context() as patch:
            patch.setattr(shutil, "disk_usage", lambda _: Usage(100 << 20, 100 << 20, 8192))
            with pytest.raises(StoreUnavailable, match="8192 bytes are left"):
                await store.check()
        await store.check()
    finally:
        await store.close()
