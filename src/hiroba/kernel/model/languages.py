"""Choose one language of a LanguageProperty (GS CIM 009, 4.15)."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from hiroba.kernel.model.entity import Instance


def in_language(instance: Instance, lang: str) -> Instance:
    """Return a LanguageProperty as a Property in the language asked for, with `lang` saying which it is."""
    texts = instance["languageMap"]
    if type(texts) is not dict or not texts:
        return instance
    tag = choose_language(tuple(texts), lang)
    turned: dict[str, Any] = {}
    for member, value in instance.items():
        if member == "type":
            turned[member] = "Property"
        elif member == "languageMap":
            turned["value"] = texts[tag]
            turned["lang"] = tag
        elif member != "valueType":
            turned[member] = value
    return turned


@lru_cache(maxsize=512)
def choose_language(offered: tuple[str, ...], wanted: str) -> str:
    """Return the offered tag that suits best: by weight, then by order; any at all rather than none.

    A range matches its own tag, then narrower ones (`en` finds `en-GB`), then wider ones (`en-GB` finds `en`).
    """
    by_lower = {tag.lower(): tag for tag in offered}
    for language in _ranked(wanted):
        if language == "*":
            break
        if language in by_lower:
            return by_lower[language]
        narrower = [tag for tag in by_lower if tag.startswith(language + "-")]
        if narrower:
            return by_lower[narrower[0]]
        while "-" in language:
            language = language.rpartition("-")[0]
            if language in by_lower:
                return by_lower[language]
    return "@none" if "@none" in offered else offered[0]


def _ranked(wanted: str) -> list[str]:
    """Return the language ranges of an Accept-Language text, the most wanted first."""
    found: list[tuple[float, str]] = []
    for part in wanted.lower().split(","):
        language, *parameters = (piece.strip() for piece in part.split(";"))
        weight = 1.0
        for parameter in parameters:
            name, _, number = parameter.partition("=")
            if name.strip() == "q" and number.replace(".", "", 1).isdigit():
                weight = float(number)
        if language and weight > 0:
            found.append((weight, language))
    return [language for _, language in sorted(found, key=lambda one: -one[0])]
