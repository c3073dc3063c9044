"""Tells listeners of every commit once and in order, whichever process made it.

Each process sends `tenant seq` over NOTIFY after its commits, outside of them: a NOTIFY within a transaction would make
all commits of the server wait for one another. What a message that got lost would have said is found by a look at the
tenants every few seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from hiroba.kernel.model.errors import HirobaError
from hiroba.kernel.store.port import Change
from hiroba.kernel.store.postgres.errors import AWAY
from hiroba.kernel.store.postgres.lines import Connection, connect
from hiroba.kernel.store.postgres.preparing import IN_USE

LOG = logging.getLogger(__name__)
Listener = Callable[[Sequence[Change]], None]

CHANNEL: Final = "hiroba"
LOOK_EVERY: Final = 2.0
"""Seconds between two looks at how far the tenants are."""
_AGAIN_AFTER: Final = 0.5
_PAGE: Final = 500


class Teller:
    """Hand one tenant's changes to its listeners: own commits at once, those of others as they are heard of."""

    def __init__(self, told: int, read: Callable[[int, int], Awaitable[Sequence[Change]]]) -> None:
        self.told = told
        """The newest seq that listeners have heard of, or need not hear of."""
        self.listeners: list[Listener] = []
        self._read = read
        self._target = told
        self._task: asyncio.Task[None] | None = None
        self._held: int | None = None

    def hold(self) -> None:
        """Put off what is heard of while an own commit is under way, which is to be told from memory."""
        self._held = 0

    def go_on(self) -> None:
        """Look at what was put off."""
        seq, self._held = self._held, None
        if seq:
            self.heard_of(seq)

    def committed(self, changes: Sequence[Change]) -> None:
        """Tell of an own commit, after all that others committed before it."""
        held, self._held = self._held, None
        if self._task is None and changes[0].seq == self.told + 1:
            self.told = self._target = changes[-1].seq
            self._tell(changes)
        else:
            self.heard_of(changes[-1].seq)
        self._held = held

    def heard_of(self, seq: int) -> None:
        """Read and tell what is new, when it is."""
        if seq <= self._target:
            return
        if self._held is not None:
            self._held = max(self._held, seq)
            return
        self._target = seq
        if self._task is not None:
            return
        if not self.listeners:
            self.told = seq
            return
        self._task = asyncio.create_task(self._catch_up(), name="changes of other processes")

    async def close(self) -> None:
        """End reading."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _catch_up(self) -> None:
        try:
            while self.told < self._target:
                try:
                    changes = await self._read(self.told, _PAGE)
                except HirobaError as error:
                    LOG.warning("Changes of other processes could not be read: %s", error.detail)
                    await asyncio.sleep(_AGAIN_AFTER)
                    continue
                if not changes:  # trimmed meanwhile
                    self.told = self._target
                    break
                self.told = changes[-1].seq
                self._target = max(self._target, self.told)
                self._tell(changes)
        finally:
            self._task = None

    def _tell(self, changes: Sequence[Change]) -> None:
        for listener in tuple(self.listeners):
            try:
                listener(changes)
            except Exception:  # a listener's fault must not reach who wrote
                LOG.exception("A listener of changes failed")


class Wire:
    """Hear of other processes' commits and tell them of this one's; `heard` is given tenants' numbers and seqs."""

    def __init__(
        self, address: str, settings: Mapping[str, str], *, heard: Callable[[Mapping[int, int]], None]
    ) -> None:
        self._address = address
        self._settings = {**settings, "synchronous_commit": "off"}
        self._heard = heard
        self._news: dict[int, int] = {}
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._db: Connection | None = None

    async def open(self) -> None:
        """Begin to listen."""
        self._db = await self._listening()
        self._task = asyncio.create_task(self._run(), name="commits of other processes")

    async def close(self) -> None:
        """End."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        self._let_go()

    def _let_go(self) -> None:
        db, self._db = self._db, None
        if db is not None:
            db.terminate()

    def tell(self, tenant: int, seq: int) -> None:
        """Tell other processes of a commit, soon; a seq of -1 says that the tenant is gone."""
        self._news[tenant] = seq
        self._wake.set()

    async def _listening(self) -> Connection:
        db = await connect(self._address, self._settings)
        try:
            await db.execute(f"SELECT pg_advisory_lock_shared({IN_USE})")
            await db.add_listener(CHANNEL, self._received)
        except BaseException:
            db.terminate()
            raise
        return db

    def _received(self, db: Any, sender: int, channel: str, text: str) -> None:
        tenant, _, seq = text.partition(" ")
        with contextlib.suppress(ValueError):
            self._heard({int(tenant): int(seq)})

    async def _run(self) -> None:
        while True:
            try:
                if self._db is None:
                    self._db = await self._listening()
                await self._look_and_send(self._db)
            except AWAY:
                self._let_go()
                await asyncio.sleep(_AGAIN_AFTER)

    async def _look_and_send(self, db: Connection) -> None:
        """Look once at all tenants, and send news until the next look is due."""
        self._heard(dict(await db.fetch("SELECT id, seq FROM hiroba.tenant")))
        until = asyncio.get_running_loop().time() + LOOK_EVERY
        while (left := until - asyncio.get_running_loop().time()) > 0:
            try:
                async with asyncio.timeout(left):
                    await self._wake.wait()
            except TimeoutError:
                break
            self._wake.clear()
            news, self._news = self._news, {}
            try:
                texts = [f"{tenant} {seq}" for tenant, seq in news.items()]
                await db.execute(f"SELECT pg_notify('{CHANNEL}', text) FROM unnest($1::text[]) AS text", texts)
            except BaseException:
                self._news = {**news, **self._news}
                self._wake.set()
                raise
