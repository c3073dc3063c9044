"""Forgets what the settings say may be forgotten, once a day, and what has expired, every few seconds."""

from __future__ import annotations

import asyncio
import logging
import time

from hiroba.host.settings import Keep
from hiroba.kernel.model.errors import HirobaError
from hiroba.kernel.store.port import Store
from hiroba.sdk.backoff import LogOnce

LOG = logging.getLogger(__name__)
_DAY = 24 * 3600
_FIRST_AFTER = 60.0
_SWEEP_EVERY = 2.0


async def keep_house(store: Store, keep: Keep) -> None:
    """Trim every tenant's history and change log, a minute after the start and then daily, until
    cancelled."""
    await asyncio.sleep(_FIRST_AFTER)
    while True:
        try:
            await trim_all(store, keep, now=time.time())
        except HirobaError as error:
            LOG.warning("old history and changes were not trimmed: %s", error.detail)
        await asyncio.sleep(_DAY)


async def keep_sweeping(store: Store) -> None:
    """Delete expired entities within seconds, in every tenant, until cancelled; readers of the changes hear of it."""
    complaint = LogOnce(LOG, "expired entities")
    while True:
        await asyncio.sleep(_SWEEP_EVERY)
        try:
            await sweep_all(store)
        except HirobaError as error:
            complaint.problem(error.detail)
        else:
            complaint.fine()


async def sweep_all(store: Store) -> int:
    """Sweep every tenant once; return how many entities went."""
    swept = 0
    for name in await store.tenants():
        swept += await (await store.tenant(name)).sweep()
    return swept


async def trim_all(store: Store, keep: Keep, *, now: float) -> None:
    """Trim every tenant once; `now` is in seconds since 1970."""
    history, changes = (_before(days, now) for days in (keep.history_days, keep.changes_days))
    for name in await store.tenants():
        await (await store.tenant(name)).trim(history, changes)


def _before(days: int, now: float) -> int | None:
    return int((now - days * _DAY) * 1_000_000) if days else None
