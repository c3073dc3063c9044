"""Agents on a real broker in memory, set up from their own folders."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from hiroba.host.manifests import find_all, load_setup
from hiroba.sdk import Agent, Host, load_profiles
from hiroba.sdk.testing import city_in_memory

Start = Callable[..., AbstractAsyncContextManager[tuple[Agent, Host]]]


@pytest.fixture
def start_agent(tmp_path: Path) -> Start:
    """Return a function that runs an agent by its id, with settings, profiles (name → YAML text) and a host."""

    @contextlib.asynccontextmanager
    async def running(
        id: str, *, profiles: dict[str, str] | None = None, on: Host | None = None, **settings: Any
    ) -> AsyncIterator[tuple[Agent, Host]]:
        found = next(one for one in find_all() if (one.kind, one.manifest.id) == ("agent", id))
        folder = tmp_path / "profiles"
        folder.mkdir(exist_ok=True)
        for name, text in (profiles or {}).items():
            (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
        loaded = load_profiles([folder], own_keys=found.manifest.profile_keys)
        async with contextlib.AsyncExitStack() as stack:
            lent = on or await stack.enter_async_context(city_in_memory())
            agent = Agent(found.manifest, lent, data_dir=tmp_path, settings=settings, profiles=loaded)
            load_setup(found)(agent)
            await agent.start()
            stack.push_async_callback(agent.stop)
            yield agent, lent

    return running


@pytest.fixture
def until() -> Callable[[Callable[[], Any]], Any]:
    """Return a function that waits for a condition, at most a minute."""

    async def wait(condition: Callable[[], Any]) -> None:
        async with asyncio.timeout(60):
            while not condition():
                await asyncio.sleep(0.01)

    return wait
