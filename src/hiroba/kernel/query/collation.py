"""Sort texts as a language does: the collations of `orderBy` (GS CIM 009, 4.23; RFC 6067; Unicode TR 10 and 35).

The root collation is that of the Unicode Collation Algorithm. Known besides are the languages that sort as the root
does, German phone books (`de-u-co-phonebk`) and Japanese (`ja`: kana, then kanji in the order of JIS X 0208).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Final

from pyuca import Collator

from hiroba.kernel.model.errors import BadRequestData, OperationNotSupported

_TAG: Final = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*")
ROOTED: Final = frozenset(["und", "root", "de", "en", "fr", "ga", "id", "it", "lb", "ms", "nl", "pt", "sw", "zu"])
"""Languages whose standard order is that of the root."""
STRENGTHS: Final = {"level1": 1, "level2": 2, "level3": 3, "level4": 4, "identic": 4}
_PHONEBOOK: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"})
_LONG_VOWEL: Final = "ー"
_VOWELS: Final = dict(zip("AIUEO", "アイウエオ", strict=True))
_HAN: Final = 0x4E00
_OTHER_HAN: Final = 0x20000

Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Collation:
    """An order of texts; `strength` as in Unicode TR 35: 1 letters, 2 accents, 3 case, 4 every code point."""

    language: str = "und"
    variant: str = "standard"
    strength: int = 3

    def key(self) -> Callable[[str], Key]:
        """Return the function that gives a text its sort key."""
        prepare = _PREPARED.get((self.language, self.variant))

        @lru_cache(maxsize=16_384)
        def key(text: str) -> Key:
            levels = _levels(prepare(text) if prepare else text, min(self.strength, 3))
            if prepare is not None and self.strength > 1:
                # what a language takes for the same letter still differs in the root
                levels = (*levels, *_levels(text, min(self.strength, 3)))
            return (*levels, text) if self.strength > 3 else levels

        return key


def parse_collation(tag: str) -> Collation:
    """Return the collation that a language tag names.

    Raises BadRequestData for what is no such tag, OperationNotSupported for an order that is not known here.
    """
    if not _TAG.fullmatch(tag):
        raise BadRequestData(f"collation is {tag!r}; a language tag such as und or de-u-co-phonebk is expected.")
    parts = tag.lower().removesuffix("-x-icu").split("-")
    language, rest = parts[0], parts[1:]
    variant, strength = "standard", 3
    if rest and rest[0] != "u":
        # a script or a region; of those languages that are known none changes the order by it
        place = rest.index("u") if "u" in rest else len(rest)
        if (language, *rest[:place]) == ("fr", "ca"):
            raise _unknown(tag)
        rest = rest[place:]
    if rest:
        for key, value in _settings(tag, rest[1:]):
            if key == "ks" and value in STRENGTHS:
                strength = STRENGTHS[value]
            elif key == "co" and (value == "standard" or (language, value) in _PREPARED):
                variant = value
            else:
                raise _unknown(tag)
    if language not in ROOTED and (language, variant) not in _PREPARED:
        raise _unknown(tag)
    return Collation(language, variant, strength)


def _settings(tag: str, words: list[str]) -> list[tuple[str, str]]:
    if len(words) % 2 or any(len(word) != 2 for word in words[::2]) or not words:
        raise BadRequestData(f"collation is {tag!r}; after -u- come keys and values such as co-phonebk or ks-level2.")
    return list(zip(words[::2], words[1::2], strict=True))


def _unknown(tag: str) -> OperationNotSupported:
    return OperationNotSupported(
        f"collation is {tag!r}, an order that is not known here; known are und, {', '.join(sorted(ROOTED - {'und'}))}, "
        "de-u-co-phonebk and ja, each also with -u-ks- and a strength."
    )


@cache
def _root() -> Any:
    return Collator()


def _levels(text: str, strength: int) -> Key:
    """Return the sort key up to a strength; the levels are parted by zeros."""
    found: list[Key] = [()]
    for weight in _root().sort_key(text):
        if weight:
            found[-1] = (*found[-1], weight)
        elif len(found) == strength:
            break
        else:
            found.append(())
    return tuple(found)


def _phonebook(text: str) -> str:
    return unicodedata.normalize("NFC", text).translate(_PHONEBOOK)


def _japanese(text: str) -> str:
    """Return a text whose order in the root is the Japanese one: kanji stand for their places in JIS X 0208."""
    found: list[str] = []
    for char in unicodedata.normalize("NFC", text):
        if char == _LONG_VOWEL and found:
            found.append(_vowel_of(found[-1]) or char)
        else:
            found.append(_kanji(char) if char >= "\u3400" else char)
    return "".join(found)


@lru_cache(maxsize=16_384)
def _kanji(char: str) -> str:
    code = ord(char)
    if not _HAN <= code <= 0x9FFF:
        return char
    try:
        row, cell = char.encode("euc_jp")[-2:]
    except (UnicodeEncodeError, ValueError):
        return chr(_OTHER_HAN + code - _HAN)
    if len(char.encode("euc_jp")) != 2:  # the supplementary set comes after the two levels
        return chr(_OTHER_HAN + code - _HAN)
    return chr(_HAN + (row - 0xB0) * 94 + cell - 0xA1)


def _vowel_of(char: str) -> str | None:
    """Return the vowel that a long-vowel mark behind a kana stands for."""
    name = unicodedata.name(char, "")
    return _VOWELS.get(name[-1:]) if name.startswith(("HIRAGANA LETTER", "KATAKANA LETTER")) else None


_PREPARED: Final[dict[tuple[str, str], Callable[[str], str]]] = {
    ("de", "phonebk"): _phonebook,
    ("ja", "standard"): _japanese,
}
