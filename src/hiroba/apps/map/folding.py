"""Fold texts so that spellings of one name meet: width, kana, case, punctuation (pure)."""

from __future__ import annotations

import unicodedata
from typing import Final

_HIRAGANA: Final = {katakana: katakana - 0x60 for katakana in range(0x30A1, 0x30F7)} | {
    0x30FD: 0x309D,
    0x30FE: 0x309E,
}


def fold(text: str) -> str:
    """Return the letters and digits of a text in one spelling: ﾎﾟｰﾄ, ポート and ぽーと are the same."""
    plain = unicodedata.normalize("NFKC", text).casefold().translate(_HIRAGANA)
    return plain if plain.isalnum() else "".join(filter(str.isalnum, plain))


def words(text: str) -> list[str]:
    """Return the folded words of what someone typed, without empty ones."""
    return [folded for word in unicodedata.normalize("NFKC", text).split() if (folded := fold(word))]


def grams(folded: str) -> str:
    """Return a folded text as its pairs of letters, and the last letter by itself, with blanks between."""
    return " ".join([folded[at : at + 2] for at in range(len(folded))])


def phrase(folded: str) -> str:
    """Return the full-text query that finds a folded text anywhere inside one kept as `grams`."""
    if len(folded) == 1:
        return f'"{folded}" *'
    pairs = [folded[at : at + 2] for at in range(len(folded) - 1)]
    return '"' + " ".join(pairs) + '"'
