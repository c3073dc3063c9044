"""Say why a file, a row or a cell was not taken, in Japanese and English."""

from __future__ import annotations

import functools
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LANGUAGES = ("ja", "en")
_FOLDER = Path(__file__).parent / "i18n"
_LONGEST_VALUE = 200


@functools.cache
def texts(lang: str) -> dict[str, str]:
    """Return the sentences of a language by code, from `i18n/<lang>.toml`."""
    with (_FOLDER / f"{lang}.toml").open("rb") as file:
        return dict(tomllib.load(file)["reasons"])


@dataclass(frozen=True, slots=True)
class Reason:
    """Name a reason by its code (a key of `[reasons]` in `i18n`) and the words that go into its sentence."""

    code: str
    words: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Keep exceptions and their like as text, so that a reason can be stored."""
        for key, word in self.words.items():
            if not isinstance(word, str | int | float):
                self.words[key] = short(word)

    def text(self, lang: str) -> str:
        """Return the sentence in a language."""
        return texts(lang)[self.code].format_map({key: short(word) for key, word in self.words.items()})

    def both(self) -> dict[str, str]:
        """Return the sentence in every language of the console."""
        return {lang: self.text(lang) for lang in LANGUAGES}


@dataclass(frozen=True, slots=True)
class Reject:
    """Point at what was not taken: a cell, or with `row` the whole row; `line` 0 means the whole file."""

    line: int
    reason: Reason
    column: str = ""
    value: str = ""
    row: bool = True

    def as_json(self) -> dict[str, Any]:
        """Return the reject as the console reads it."""
        return {
            "line": self.line,
            "column": self.column,
            "value": self.value,
            "reason": self.reason.both(),
            "row": self.row,
        }


class Unreadable(Exception):
    """Refuse a whole file, or what is left of it from `line` on."""

    def __init__(self, code: str, /, *, line: int = 0, **words: Any) -> None:
        self.reason = Reason(code, words)
        self.line = line
        super().__init__(self.reason.text("en"))


class Unfit(Exception):
    """Refuse one value."""

    def __init__(self, code: str, /, **words: Any) -> None:
        self.reason = Reason(code, words)
        super().__init__(code)


def short(value: Any) -> str:
    """Return a value as a text of bounded length on one line."""
    text = " ".join(str(value).split())
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"
