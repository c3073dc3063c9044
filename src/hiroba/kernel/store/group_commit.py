"""Gathers what is to be written: whatever queued while the last commit was syncing forms the next transaction."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from hiroba.kernel.model.errors import HirobaError
from hiroba.kernel.store.port import Mutation

LARGEST: Final = 2000
"""Mutations after which a transaction takes no further job."""
STRIDE: Final = 25
"""Mutations after which a larger job lets others run."""

Database = TypeVar("Database")


@dataclass(slots=True)
class Job(Generic[Database]):
    """Work that shares a transaction with what arrived beside it: mutations, or anything done to the database."""

    mutations: Sequence[Mutation]
    run: Callable[[Database], Any] | None
    done: asyncio.Future[Any]
    answer: Any = None


class GroupCommit(ABC, Generic[Database]):
    """Carry out jobs in order, each transaction holding all that waited."""

    def __init__(self) -> None:
        self._queue: list[Job[Database]] = []
        self._task: asyncio.Task[None] | None = None
        self.cursors: dict[str, int] = {}
        """Positions of readers that the next commit keeps."""

    async def mutate(self, mutations: Sequence[Mutation]) -> list[Any]:
        """Queue mutations and wait for the commit that holds them."""
        answers: list[Any] = await self._enqueue(mutations, None)
        return answers

    async def run(self, work: Callable[[Database], Any]) -> Any:
        """Queue statements to be run within a transaction, when it commits, and wait for the commit."""
        return await self._enqueue((), work)

    def _enqueue(self, mutations: Sequence[Mutation], work: Callable[[Database], Any] | None) -> asyncio.Future[Any]:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Any] = loop.create_future()
        self._queue.append(Job(mutations, work, done))
        if self._task is None or self._task.done():
            self._task = loop.create_task(self._drain())
        return done

    async def finish(self) -> None:
        """Wait for what is queued."""
        while self._task is not None and not self._task.done():
            await asyncio.shield(self._task)

    async def _drain(self) -> None:
        while self._queue:
            taken, size = 0, 0
            for job in self._queue:
                if taken and size + len(job.mutations) > LARGEST:
                    break
                taken += 1
                size += len(job.mutations)
            jobs, self._queue = self._queue[:taken], self._queue[taken:]
            await self.transact(jobs)

    @abstractmethod
    async def transact(self, jobs: list[Job[Database]]) -> None:
        """Carry out jobs in one transaction, and tell each its answer or the error."""

    def kept(self, cursors: dict[str, int]) -> None:
        """Forget the positions that are durable now, unless they went on meanwhile."""
        for name, seq in cursors.items():
            if self.cursors.get(name) == seq:
                del self.cursors[name]


def answer(jobs: Sequence[Job[Any]]) -> None:
    """Tell each job its answer."""
    for job in jobs:
        if not job.done.done():
            job.done.set_result(job.answer)


def refuse(jobs: Sequence[Job[Any]], error: HirobaError) -> None:
    """Tell all jobs the error."""
    for job in jobs:
        if not job.done.done():
            job.done.set_exception(error)
