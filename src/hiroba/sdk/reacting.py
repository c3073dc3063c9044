"""Readers of the change log: each follows the tenants' changes behind a durable cursor of its own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from hiroba.sdk.backoff import Backoff, LogOnce
from hiroba.sdk.city import Changed, City
from hiroba.sdk.errors import CityError
from hiroba.sdk.guest import Host

TRIES = 5
_NEW_TENANTS_EVERY = 1.0
_KEEP_EVERY = 0.5
_WAITS_FOR_NOTHING = 1 << 62
"""A position that never keeps the change log from being trimmed."""


@dataclass
class Reader:
    """Hand each change to a handler, tenant by tenant, each tenant's in order."""

    name: str
    handler: Callable[[Changed, City], Awaitable[None]]
    owner: str = field(kw_only=True)
    host: Host = field(kw_only=True)
    log: logging.Logger = field(kw_only=True)
    types: tuple[str, ...] | None = field(kw_only=True, default=None)
    tenant: str | None = field(kw_only=True, default=None)
    since: str = field(kw_only=True, default="now")
    tries: int = field(kw_only=True, default=TRIES)
    passed_over: int = field(init=False, default=0)
    """How many changes were given up after `tries` failures."""
    handled: int = field(init=False, default=0)
    ready: bool = field(init=False, default=False)
    """True once all tenants that there are at the start are followed: no later change is missed."""

    @property
    def key(self) -> str:
        """Return the name that the cursor is kept under."""
        return f"app:{self.owner}:{self.name}"

    async def run(self) -> None:
        """Follow all tenants, also those that appear later, until cancelled."""
        born = self.key + ":born"
        newborn = await self.host.cursor("", born) is None
        async with asyncio.TaskGroup() as group:
            followed: set[str] = set()
            while self.tenant is None or self.tenant not in followed:
                for tenant in await self._wanted():
                    if tenant not in followed:
                        followed.add(tenant)
                        begin = await self._begin(tenant, newborn=newborn)
                        group.create_task(self._follow(tenant, begin))
                if newborn:
                    await self.host.keep_cursor("", born, _WAITS_FOR_NOTHING)
                    newborn = False
                self.ready = True
                await asyncio.sleep(_NEW_TENANTS_EVERY)

    async def _wanted(self) -> list[str]:
        tenants = await self.host.tenants()
        return tenants if self.tenant is None else [tenant for tenant in tenants if tenant == self.tenant]

    async def _begin(self, tenant: str, *, newborn: bool) -> int:
        """Return the seq to read on after; tenants that came after the first start are read from their
        birth."""
        kept = await self.host.cursor(tenant, self.key)
        if kept is not None:
            return kept
        seq = await self.host.city(tenant).last_seq() if newborn and self.since == "now" else 0
        await self.host.keep_cursor(tenant, self.key, seq)
        return seq

    async def _follow(self, tenant: str, seq: int) -> None:
        """Read on for ever; the cursor is kept a little late, so that a crash repeats changes and loses
        none."""
        city = self.host.city(tenant)
        clock = asyncio.get_running_loop().time
        done, kept, kept_at = seq, seq, clock()
        pause, complaint = Backoff(), LogOnce(self.log, f"changes of {tenant or 'the default tenant'}")
        while True:
            try:
                async for change in city.changes(after=done, types=self.types, passed=True):
                    if change.op != "passed":
                        await self._handle(change, city)
                    done = change.seq
                    pause.reset()
                    complaint.fine()
                    if clock() - kept_at >= _KEEP_EVERY:
                        await self.host.keep_cursor(tenant, self.key, done)
                        kept, kept_at = done, clock()
            except CityError as error:
                complaint.problem(error)
            finally:
                if done != kept:
                    await self.host.keep_cursor(tenant, self.key, done)
                    kept, kept_at = done, clock()
            await pause.wait()

    async def _handle(self, change: Changed, city: City) -> None:
        pause = Backoff()
        for attempt in range(1, self.tries + 1):
            try:
                await self.handler(change, city)
            except Exception:
                if attempt < self.tries:
                    await pause.wait()
                    continue
                self.passed_over += 1
                self.log.exception(
                    "%s: change %d of %s is passed over after %d tries",
                    self.name, change.seq, change.id, attempt,
                )  # fmt: skip
            else:
                self.handled += 1
                return
