"""Connections for reading: one for the event loop's quick reads, more in threads for whatever may take long."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

import apsw

from hiroba.kernel.model.errors import TooComplexQuery
from hiroba.kernel.store.sqlite.files import connect, unavailable

Answer = TypeVar("Answer")

STEPS: Final = 1000
"""Instructions of SQLite between two looks at the clock."""


class Readers:
    """Run reads; without a file everything runs at once, on the one connection there is.

    A long read is broken off after `seconds`.
    """

    def __init__(self, path: Path | None, executor: Executor, *, db: apsw.Connection, seconds: float) -> None:
        self.db = db
        self._path = path
        self._executor = executor
        self._seconds = seconds
        self._idle: list[apsw.Connection] = []
        self._generation = 0
        self._label = str(path) if path is not None else "the store in memory"

    @property
    def apart(self) -> bool:
        """Tell whether reads can leave the event loop."""
        return self._path is not None

    def now(self, read: Callable[[apsw.Connection], Answer]) -> Answer:
        """Run a quick read here; raises StoreUnavailable."""
        try:
            return read(self.db)
        except apsw.InterruptError:
            raise  # its time was over, which whoever set the time tells
        except (apsw.Error, OSError) as error:
            raise unavailable(error, self._label) from error

    async def apart_from_loop(self, read: Callable[[apsw.Connection], Answer]) -> Answer:
        """Run a long read in a thread, on one snapshot; raises StoreUnavailable, TooComplexQuery after its time."""
        if self._path is None:
            with self._timed(self.db):
                return self.now(read)
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._in_thread, read)

    def _in_thread(self, read: Callable[[apsw.Connection], Answer]) -> Answer:
        try:
            generation = self._generation
            db = self._take()
            try:
                with db, self._timed(db):
                    answer = read(db)
            finally:
                if generation == self._generation:
                    self._idle.append(db)
                else:
                    db.close()
        except (apsw.Error, OSError) as error:
            raise unavailable(error, self._label) from error
        return answer

    @contextmanager
    def _timed(self, db: apsw.Connection) -> Iterator[None]:
        """Break off what the connection does when its time is over; it looks at the clock between rows as well."""
        until = time.monotonic() + self._seconds

        def over() -> bool:
            return time.monotonic() > until

        db.set_progress_handler(over, STEPS, id=self)
        try:
            yield
        except apsw.InterruptError as error:
            raise TooComplexQuery(
                f"The answer took longer than {self._seconds:g} seconds to find; narrow the query, or ask for less."
            ) from error
        finally:
            db.set_progress_handler(None, id=self)

    def _take(self) -> apsw.Connection:
        try:
            return self._idle.pop()
        except IndexError:
            return connect(self._path, writes=False)

    def renew(self) -> None:
        """Close the connections and open them anew when they are needed; those that are reading go when they end."""
        self.close()
        if self._path is not None:
            self._generation += 1
            self.db = connect(self._path, writes=False)

    def close(self) -> None:
        """Close the connections that are not reading."""
        if self._path is not None:
            self.db.close()
        idle, self._idle = self._idle, []
        for db in idle:
            db.close()
