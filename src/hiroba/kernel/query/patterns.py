"""Compiles regular expressions that run in linear time whatever the pattern and the text (google-re2)."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

import re2

_OPTIONS: Final[Any] = re2.Options()
_OPTIONS.log_errors = False
_OPTIONS.max_mem = 1 << 22


LAST_CHARACTER: Final = "\U0010ffff"
"""A text with this behind it sorts after all that begin with the text."""
_BEGINNING: Final = re.compile(r"\^((?:[\w:%@!,~-]|\\[^\w\s])+)")


def literal_beginning(pattern: str) -> str:
    """Return the text that whatever a pattern matches begins with, as far as the pattern spells it out; else ""."""
    found = _BEGINNING.match(pattern)
    if found is None or "|" in pattern:
        return ""
    rest = pattern[found.end() :]
    spelled = found[1]
    if rest[:1] in ("*", "?", "{", "+"):
        # the last character may be missing, or come again
        spelled = spelled[:-2] if spelled[-2:-1] == "\\" else spelled[:-1]
    return re.sub(r"\\(.)", r"\1", spelled)


@lru_cache(maxsize=1024)
def compile_pattern(pattern: str) -> Callable[[str], bool]:
    """Return a test whether a pattern occurs anywhere in a text (`^` and `$` anchor it).

    Raises ValueError, with the reason, for a pattern that is none.
    """
    try:
        compiled: Any = re2.compile(pattern, options=_OPTIONS)
    except (re2.error, UnicodeEncodeError) as error:
        reason = error.args[0] if error.args else "not a pattern"
        raise ValueError(reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)) from error

    def found(text: str) -> bool:
        try:
            return compiled.search(text) is not None
        except UnicodeEncodeError:  # half a surrogate pair is no text
            return False

    return found
