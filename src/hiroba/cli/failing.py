"""How a command fails: with one clear line and a code that is not zero."""

from __future__ import annotations


class CommandError(Exception):
    """Say in one line what failed and what to do; `code` is the exit code."""

    def __init__(self, line: str, *, code: int = 1) -> None:
        super().__init__(line)
        self.code = code
