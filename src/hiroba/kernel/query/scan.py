"""Walks over a query text and says, when it is wrong, what was expected at which character."""

from __future__ import annotations

import re
from typing import Final

from hiroba.kernel.model.errors import BadRequestData, TooComplexQuery

MAX_BYTES: Final = 8192
MAX_TERMS: Final = 100
MAX_DEPTH: Final = 20

_SPACE: Final = re.compile(r"\s*")


class Scanner:
    """A position in a text that is being parsed; `what` names the parameter in errors.

    Raises TooComplexQuery for a text over 8 KB, BadRequestData for one that is no Unicode text.
    """

    def __init__(self, text: str, what: str) -> None:
        if not isinstance(text, str):
            raise BadRequestData(f"{what}: expected a text, found {type(text).__name__}")
        try:
            size = len(text.encode())
        except UnicodeEncodeError as error:
            raise BadRequestData(f"{what}: character {error.start + 1} is not Unicode text") from error
        if size > MAX_BYTES:
            raise TooComplexQuery(f"{what}: {size} bytes are more than the {MAX_BYTES} that are read here")
        self.text = text
        self.what = what
        self.at = 0
        self._terms = 0
        self.skip()
        if self.done():
            raise BadRequestData(f"{what}: expected a query, found an empty text")

    def skip(self) -> None:
        """Go over white space."""
        self.at = _SPACE.match(self.text, self.at).end()  # type: ignore[union-attr]  # matches the empty text

    def done(self) -> bool:
        """Tell whether the end is reached."""
        return self.at >= len(self.text)

    def peek(self) -> str:
        """Return the next character, or the empty text at the end."""
        return self.text[self.at : self.at + 1]

    def take(self, token: str) -> bool:
        """Go over a token, and the white space after it, if it comes next."""
        if not self.text.startswith(token, self.at):
            return False
        self.at += len(token)
        self.skip()
        return True

    def match(self, pattern: re.Pattern[str]) -> str | None:
        """Go over what a pattern matches here and return it; the white space after it stays."""
        found = pattern.match(self.text, self.at)
        if found is None or not found.group():
            return None
        self.at = found.end()
        return found.group()

    def expect(self, token: str, expected: str) -> None:
        """Go over a token; raises BadRequestData when something else comes next."""
        if not self.take(token):
            raise self.error(expected)

    def finish(self, expected: str) -> None:
        """Raise BadRequestData unless the end is reached."""
        if not self.done():
            raise self.error(expected)

    def term(self, depth: int) -> None:
        """Count one more term at a depth; raises TooComplexQuery beyond 100 terms or depth 20."""
        self._terms += 1
        if self._terms > MAX_TERMS:
            raise TooComplexQuery(f"{self.what}: more than {MAX_TERMS} terms")
        self.nest(depth)

    def nest(self, depth: int) -> None:
        """Raise TooComplexQuery beyond a depth of 20."""
        if depth > MAX_DEPTH:
            raise TooComplexQuery(f"{self.what}: nested deeper than {MAX_DEPTH} at character {self.at + 1}")

    def error(self, expected: str, at: int | None = None) -> BadRequestData:
        """Return the error that names what was expected, where, and what stands there."""
        at = self.at if at is None else at
        rest = self.text[at : at + 20]
        found = f"'{rest}{'…' if len(self.text) > at + 20 else ''}'" if rest else "the end"
        return BadRequestData(f"{self.what}: expected {expected} at character {at + 1}, found {found}")
