"""The one writer of a tenant in this process; those of other processes take their turns at the tenant's row."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Final

import asyncpg

from hiroba.kernel.model.errors import HirobaError, NonexistentTenant, StoreUnavailable
from hiroba.kernel.store.deciding import Unwritable
from hiroba.kernel.store.group_commit import STRIDE, GroupCommit, Job, answer, refuse
from hiroba.kernel.store.postgres import tables
from hiroba.kernel.store.postgres.errors import AWAY, LOST, unavailable
from hiroba.kernel.store.postgres.lines import Connection, Lines
from hiroba.kernel.store.postgres.shared import Shared, TenantGone
from hiroba.kernel.store.postgres.telling import Teller
from hiroba.kernel.store.postgres.transaction import Transaction, begin

LOG = logging.getLogger(__name__)

FLUSH_AT: Final = 250
"""Entities after which their rows are sent while the next ones are decided."""
_ASKED: Final = 20
_ASK_EVERY: Final = 0.25
"""How often, and how far apart in seconds, it is asked what became of a commit whose answer got lost."""


class Writer(GroupCommit[Connection]):
    """Carry out jobs in order, each transaction holding all that waited; tell of each commit once it is there."""

    def __init__(
        self,
        shared: Shared,
        lines: Lines,
        *,
        teller: Teller,
        published: Callable[[int], None],
        gone: Callable[[], None],
    ) -> None:
        super().__init__()
        self._shared = shared
        self._lines = lines
        self._teller = teller
        self._published = published
        self._gone = gone
        self._statement = tables.statement(shared.gis)

    async def close(self) -> None:
        """Finish what waits."""
        await self.finish()
        if self.cursors:
            try:
                await self.run(_nothing)
            except (StoreUnavailable, NonexistentTenant):
                LOG.warning("Some readers' positions could not be kept; they will see some changes again.")

    async def transact(self, jobs: list[Job[Connection]]) -> None:
        """Carry out jobs in one transaction, and tell each its answer or the error."""
        try:
            transaction = await self._written(jobs)
        except TenantGone:
            self._gone()
            refuse(jobs, NonexistentTenant(f"There is no tenant {self._shared.name!r} any more."))
        except Exception as error:
            if isinstance(error, AWAY) and not isinstance(error, ValueError):
                problem = unavailable(error, self._lines.label)
                LOG.error("Nothing could be written: %s", problem.detail)  # noqa: TRY400  # the text says it all
                refuse(jobs, problem)
            elif len(jobs) > 1:
                # nobody knows whose fault it is: each for itself
                for job in jobs:
                    await self.transact([job])
            else:
                LOG.exception("A write to %s failed", self._lines.label)
                refuse(jobs, HirobaError(f"The write failed: {error!r}"))
        except BaseException as error:
            refuse(jobs, StoreUnavailable(f"The write was given up: {error!r}"))
            raise
        else:
            transaction.publish()
            if transaction.changes:
                self._teller.committed(transaction.changes)
                self._published(transaction.seq)
            answer(jobs)
        finally:
            self._teller.go_on()

    async def _written(self, jobs: list[Job[Connection]]) -> Transaction:
        """Return the transaction that holds the jobs, committed."""
        unwritable: set[int] = set()
        ids = [mutation.id for job in jobs for mutation in job.mutations]
        async with self._lines.lent(self._shared.id) as db:
            while True:
                try:
                    transaction = await begin(db, self._shared, ids, without=unwritable)
                    await self._carry_out(db, jobs, transaction)
                    await self._commit(db, jobs, transaction)
                except Unwritable as error:
                    LOG.exception("What is to become of %s cannot be written", error.mutation.id)
                    unwritable.add(id(error.mutation))
                    await self._abandon(db)
                except BaseException:
                    await self._abandon(db)
                    raise
                else:
                    return transaction

    async def _carry_out(self, db: Connection, jobs: list[Job[Connection]], transaction: Transaction) -> None:
        since = 0
        for job in jobs:
            if job.run is None:
                answers = []
                for mutation in job.mutations:
                    answers.append(transaction.apply(mutation))
                    since += 1
                    if since >= STRIDE:
                        since = 0
                        if transaction.batch.size >= FLUSH_AT:
                            await self._flush(db, transaction, {}, last=False)
                        await asyncio.sleep(0)
                job.answer = answers

    async def _flush(self, db: Connection, transaction: Transaction, cursors: dict[str, int], *, last: bool) -> str:
        seq, next_ref = transaction.seq, transaction.next_ref
        values = tables.values(transaction.batch, cursors, seq=seq, next_ref=next_ref, last=last)
        number: str = await db.fetchval(self._statement, self._shared.id, *values)
        transaction.batch.reset()
        return number

    async def _commit(self, db: Connection, jobs: list[Job[Connection]], transaction: Transaction) -> None:
        cursors = dict(self.cursors)
        runs = [job for job in jobs if job.run is not None]
        number = None
        if transaction.changes or cursors or runs:
            number = await self._flush(db, transaction, cursors, last=True)
        for job in runs:
            assert job.run is not None
            job.answer = await job.run(db)
        self._teller.hold()
        try:
            await db.execute("COMMIT")
        except LOST:
            if number is None or not await self._came_through(number):
                raise
        self.kept(cursors)

    async def _came_through(self, number: str) -> bool:
        """Find out whether a transaction was committed whose answer got lost with the connection."""
        for _ in range(_ASKED):
            try:
                async with self._lines.lent(self._shared.id) as db:
                    fate = await db.fetchval("SELECT pg_xact_status($1::text::xid8)", number)
            except asyncpg.DataError:
                return False  # the server came back without having heard of it
            except AWAY:
                fate = "in progress"
            if fate != "in progress":
                return bool(fate == "committed")
            await asyncio.sleep(_ASK_EVERY)
        return False

    async def _abandon(self, db: Connection) -> None:
        self._shared.names.settle(kept=False)
        if not db.is_closed() and db.is_in_transaction():
            with contextlib.suppress(*AWAY):
                await db.execute("ROLLBACK")


async def _nothing(db: Connection) -> None:
    """Write nothing of its own."""
