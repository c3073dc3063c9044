"""The one writer of a tenant: whatever queued while the last commit was syncing forms the next transaction."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import Executor
from typing import Final

import apsw

from hiroba.kernel.model.errors import HirobaError, StoreUnavailable
from hiroba.kernel.store.deciding import Unwritable
from hiroba.kernel.store.group_commit import STRIDE, GroupCommit, Job, answer, refuse
from hiroba.kernel.store.sqlite.files import connect, unavailable
from hiroba.kernel.store.sqlite.readers import Readers
from hiroba.kernel.store.sqlite.shared import Shared
from hiroba.kernel.store.sqlite.transaction import Transaction

LOG = logging.getLogger(__name__)

FLUSH_AT: Final = 100
"""Entities after which their rows are written: more share pages, fewer let others run sooner."""


class Writer(GroupCommit[apsw.Connection]):
    """Carry out jobs in order, each transaction holding all that waited."""

    def __init__(self, shared: Shared, executor: Executor, *, db: apsw.Connection, readers: Readers) -> None:
        super().__init__()
        self._shared = shared
        self._executor = executor
        self._db = db
        self._apart = readers.apart
        self._readers = readers
        self._doubtful = False

    async def close(self) -> None:
        """Finish what waits and let go of the database."""
        await self.finish()
        if self.cursors:
            try:
                await self.run(lambda db: None)
            except StoreUnavailable:
                LOG.warning("Some readers' positions could not be kept; they will see some changes again.")
        self._db.close()

    async def transact(self, jobs: list[Job[apsw.Connection]]) -> None:
        try:
            transaction = await self._written(jobs)
        except (apsw.Error, OSError) as error:
            self._abandon()
            self._doubtful = not isinstance(error, (apsw.FullError, apsw.BusyError))
            problem = unavailable(error, self._shared.label)
            LOG.error("Nothing could be written: %s", problem.detail)  # noqa: TRY400  # the text says it all
            refuse(jobs, problem)
        except Exception as error:
            self._abandon()
            if len(jobs) > 1:
                # nobody knows whose fault it is: each for itself
                for job in jobs:
                    await self.transact([job])
                return
            LOG.exception("A write to %s failed", self._shared.label)
            refuse(jobs, HirobaError(f"The write failed: {error!r}"))
        except BaseException as error:
            self._abandon()
            refuse(jobs, StoreUnavailable(f"The write was given up: {error!r}"))
            raise
        else:
            transaction.publish()
            answer(jobs)

    async def _written(self, jobs: list[Job[apsw.Connection]]) -> Transaction:
        """Return the transaction that holds the jobs, committed."""
        unwritable: set[int] = set()
        while True:
            self._mend()
            transaction = Transaction(self._shared, self._db, without=unwritable)
            if self._apart:
                self._db.execute("BEGIN IMMEDIATE")
            try:
                await self._carry_out(jobs, transaction)
            except Unwritable as error:
                LOG.exception("What is to become of %s cannot be written", error.mutation.id)
                unwritable.add(id(error.mutation))
                self._abandon()
            else:
                await self._commit(jobs, transaction)
                return transaction

    async def _carry_out(self, jobs: list[Job[apsw.Connection]], transaction: Transaction) -> None:
        since = 0
        for job in jobs:
            if job.run is None:
                answers = []
                for mutation in job.mutations:
                    answers.append(transaction.apply(mutation))
                    since += 1
                    if since >= STRIDE:
                        since = 0
                        if self._apart and transaction.batch.size >= FLUSH_AT:
                            transaction.batch.flush(self._db)
                        await asyncio.sleep(0)
                job.answer = answers

    async def _commit(self, jobs: list[Job[apsw.Connection]], transaction: Transaction) -> None:
        db = self._db
        cursors = dict(self.cursors)
        if not self._apart:
            db.execute("BEGIN IMMEDIATE")
        transaction.batch.flush(db, last=True)

        def finish() -> None:
            if cursors:
                db.executemany("INSERT OR REPLACE INTO cursor(name, seq) VALUES(?, ?)", cursors.items())
            for job in jobs:
                if job.run is not None:
                    job.answer = job.run(db)
            db.execute("COMMIT")

        if self._apart:
            await asyncio.get_running_loop().run_in_executor(self._executor, finish)
        else:
            finish()
        self.kept(cursors)

    def _abandon(self) -> None:
        self._shared.names.settle(kept=False)
        try:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
        except apsw.Error as error:
            LOG.warning("The broken transaction could not be rolled back: %s", error)

    def _mend(self) -> None:
        """After a failure open the file anew, since a lasting error may sit in the connection, and read it again."""
        if not self._doubtful:
            return
        if self._apart:
            self._db.close()
            self._readers.close()
            try:
                self._db = connect(self._shared.path, writes=True)
            finally:
                self._readers.renew()
        self._shared.load(self._db)
        self._doubtful = False
