"""Patience: pauses that grow between tries, and complaints that are logged once and not a thousand times."""

from __future__ import annotations

import asyncio
import logging
import random


class Backoff:
    """Wait longer after each failure: `first` seconds, doubled up to `longest`, spread by chance by a
    quarter."""

    def __init__(self, *, first: float = 0.2, longest: float = 30.0) -> None:
        self.first = first
        self.longest = longest
        self.tries = 0

    def reset(self) -> None:
        """Begin again with the shortest pause; called after a success."""
        self.tries = 0

    def next_pause(self) -> float:
        """Return the next pause in seconds and count the try."""
        pause = min(self.longest, self.first * float(1 << min(self.tries, 32)))
        self.tries += 1
        return pause * random.uniform(0.75, 1.0)

    async def wait(self) -> None:
        """Sleep for the next pause."""
        await asyncio.sleep(self.next_pause())


def told(error: Exception) -> str:
    """Return an error on one line; of several at once the first, which usually brought the others."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"


class LogOnce:
    """Log a problem when it begins or changes, and once when it is over; the many times between stay
    silent."""

    def __init__(self, log: logging.Logger, subject: str) -> None:
        self._log = log
        self._subject = subject
        self._last: str | None = None

    def problem(self, error: object) -> None:
        """Log the problem unless it is the one logged last."""
        text = told(error) if isinstance(error, Exception) else str(error)
        if text != self._last:
            self._last = text
            self._log.warning("%s: %s", self._subject, text)

    def fine(self) -> None:
        """Log that it works again, if it did not."""
        if self._last is not None:
            self._last = None
            self._log.info("%s: works again", self._subject)
