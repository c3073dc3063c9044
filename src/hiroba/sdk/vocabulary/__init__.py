"""Names of entity types and attributes for people, in Japanese and English, by field of the city; and units."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, Final

import yaml

# the loader in C, which PyYAML brings on most machines, reads eight times as fast
_YAML = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

FIELDS: Final = (
    "disaster",
    "welfare",
    "weather",
    "environment",
    "energy",
    "mobility",
    "parking",
    "facilities",
    "water",
    "tourism",
    "health",
    "education",
    "safety",
    "culture",
    "population",
    "finance",
    "other",
)
"""The fields of the city in the order in which people see them."""

LANGUAGES: Final = ("ja", "en")
_FOLDER = Path(__file__).parent


@functools.cache
def fields() -> list[dict[str, Any]]:
    """Return one document per field, in order: `field`, `title`, `types`, `attributes`.

    A type has `title`, `color`, `icon` and, where a shared word does not fit, its own `attributes`; an attribute has
    `title` and perhaps `unit` (UN/CEFACT). Titles are language → text. Raises ValueError naming a broken file.

    An attribute may also have `values`, value as text → title, for values that are words (`danger` → 氾濫危険, Danger);
    of a list, each item is looked up. And `keys`, member → title, for the members of a value that is an object
    (`telephone` → 電話番号, Telephone): those written in the file, and for every attribute `a.b` there its title as the
    key `b` of `a`. A member's own words are the `values` of the attribute `a.b`. A word is looked for, in this order,
    in the type's own attribute, in that of its field, in the one shared by all; one that is nowhere is shown as it is.
    """
    return [_checked(name, _read(f"{name}.yaml")) for name in FIELDS]


@functools.cache
def units() -> dict[str, str]:
    """Return the symbols of the units by UN/CEFACT code; counted things have an empty one."""
    return {str(code): str(symbol) for code, symbol in _read("units.yaml").items()}


def unit_symbol(code: str | None) -> str:
    """Return the symbol of a unit code, the code itself for an unknown one."""
    return units().get(code, code) if code else ""


def type_words(type: str) -> dict[str, Any] | None:
    """Return what is known of an entity type, or None."""
    return _types().get(type)


def type_title(type: str, lang: str = "en") -> str:
    """Return an entity type's name in a language, the type itself for an unknown one."""
    known = _types().get(type)
    return str(known["title"][lang]) if known else type


def attribute_words(type: str, attribute: str) -> dict[str, Any] | None:
    """Return what is known of an attribute (`contactPoint.telephone` for a member of one), or None.

    The type's own word goes before that of its field, and that before the words shared by all.
    """
    return next(iter(_words(type, attribute)), None)


def attribute_title(type: str, attribute: str, lang: str = "en") -> str:
    """Return an attribute's name in a language, the attribute itself for an unknown one."""
    known = attribute_words(type, attribute)
    return str(known["title"][lang]) if known else attribute


def value_title(type: str, attribute: str, value: Any, lang: str = "en") -> str:
    """Return a value that is a word in a language, the value itself as text for one that has no title."""
    text = str(value)
    return _listed("values", type, attribute, text, lang) or text


def key_title(type: str, attribute: str, key: str, lang: str = "en") -> str:
    """Return the name of a member of an attribute's value in a language, the key itself for an unknown one."""
    return _listed("keys", type, attribute, key, lang) or key


def _listed(part: str, type: str, attribute: str, name: str, lang: str) -> str | None:
    for words in _words(type, attribute):
        found = words.get(part, {}).get(name)
        if found:
            return str(found[lang])
    return None


def _words(type: str, attribute: str) -> list[dict[str, Any]]:
    """Return all that is known of an attribute, the narrowest first."""
    own = (_types().get(type) or {}).get("attributes", {}).get(attribute)
    return [
        words
        for words in (own, _attributes(_field_of().get(type, "")).get(attribute), _shared().get(attribute))
        if words
    ]


@functools.cache
def _types() -> dict[str, dict[str, Any]]:
    return {name: words for document in fields() for name, words in document["types"].items()}


@functools.cache
def _field_of() -> dict[str, str]:
    return {name: document["field"] for document in fields() for name in document["types"]}


def _attributes(field: str) -> dict[str, Any]:
    return next((document["attributes"] for document in fields() if document["field"] == field), {})


@functools.cache
def _shared() -> dict[str, Any]:
    """Return all attributes: a word of the field `other` goes before one of a single field."""
    merged: dict[str, Any] = {}
    for document in reversed(fields()):
        merged = {**document["attributes"], **merged}
    return merged


def _read(name: str) -> dict[str, Any]:
    document = yaml.load((_FOLDER / name).read_text(encoding="utf-8"), Loader=_YAML)
    if not isinstance(document, dict):
        raise ValueError(f"vocabulary {name}: not a YAML mapping")  # noqa: TRY004 - one kind of error per file
    return document


def _checked(name: str, document: dict[str, Any]) -> dict[str, Any]:
    """Return a field's document with every part there; raises ValueError naming the first that is not."""
    if document.get("field") != name:
        raise ValueError(f"vocabulary {name}.yaml: field must be {name}")
    document.setdefault("types", {})
    document.setdefault("attributes", {})
    for place, words in _titled(document):
        title = words.get("title") if isinstance(words, dict) else None
        if not isinstance(title, dict) or not all(isinstance(title.get(lang), str) for lang in LANGUAGES):
            raise ValueError(f"vocabulary {name}.yaml: {place} needs a title in {' and '.join(LANGUAGES)}")
    for attributes in (
        document["attributes"],
        *(words.get("attributes") or {} for words in document["types"].values()),
    ):
        for attribute, words in attributes.items():
            _check_listed(name, str(attribute), words)
        _add_keys(attributes)
    return document


def _check_listed(name: str, attribute: str, words: dict[str, Any]) -> None:
    for part in ("values", "keys"):
        for key, title in words.get(part, {}).items():
            if not isinstance(key, str):
                wrong = f"vocabulary {name}.yaml: {attribute}: put {key!r} among the {part} in quotes"
                raise ValueError(wrong)  # noqa: TRY004 - one kind of error per file
            if not isinstance(title, dict) or not all(isinstance(title.get(lang), str) for lang in LANGUAGES):
                raise ValueError(f"vocabulary {name}.yaml: {attribute}: {key} needs {' and '.join(LANGUAGES)}")


def _add_keys(attributes: dict[str, Any]) -> None:
    """Name the members of an object's value as the attributes `a.b` beside it are called."""
    for path, words in attributes.items():
        attribute, _, key = path.partition(".")
        if key and attribute in attributes:
            attributes[attribute].setdefault("keys", {}).setdefault(key, words["title"])


def _titled(document: dict[str, Any]) -> list[tuple[str, Any]]:
    """Return everything in a document that must have a title, with its place."""
    found: list[tuple[str, Any]] = [("the field", document)]
    for type, words in document["types"].items():
        found.append((str(type), words))
        if isinstance(words, dict):
            found.extend((f"{type}.{name}", own) for name, own in (words.get("attributes") or {}).items())
    found.extend((str(name), words) for name, words in document["attributes"].items())
    return found
