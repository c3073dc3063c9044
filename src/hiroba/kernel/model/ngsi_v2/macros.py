"""Fill the templates of custom notifications: `${name}` stands for the entity's id, type, service or an attribute."""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import unquote

import orjson

MACRO: Final = re.compile(r"\$\{([^{}]*)\}")
_NAME: Final = re.compile(r"[^\s()\[\]{}|&!<>=+*/%^?,'\"`\\;]+")
_WHOLE: Final = re.compile(r"\$\{([^{}]*)\}\Z")

Values = dict[str, Any]


def is_plain(text: str) -> bool:
    """Tell whether all macros of a text are names, or paths into a value, rather than expressions."""
    return all(_NAME.fullmatch(found.strip()) for found in MACRO.findall(text))


def fill_text(template: str, values: Values, *, decoded: bool = False) -> str:
    """Return a text with its macros replaced; percent-encoded characters of the template are decoded on demand."""
    if decoded:
        parts = MACRO.split(template)
        return "".join(
            _written(look_up(part, values)) if place % 2 else unquote(part) for place, part in enumerate(parts)
        )
    return MACRO.sub(lambda found: _written(look_up(found[1], values)), template)


def fill_json(template: Any, values: Values) -> Any:
    """Return JSON with the macros in its texts replaced; a macro that is all of a text keeps the value's own type."""
    if isinstance(template, str):
        whole = _WHOLE.match(template)
        return look_up(whole[1], values) if whole else fill_text(template, values)
    if isinstance(template, dict):
        return {key: fill_json(one, values) for key, one in template.items()}
    return [fill_json(one, values) for one in template] if isinstance(template, list) else template


def look_up(name: str, values: Values) -> Any:
    """Return what a name, or a path of names, stands for, None for nothing."""
    name = name.strip()
    if name in values:
        return values[name]
    first, *rest = name.split(".")
    found = values.get(first)
    for key in rest:
        found = found.get(key) if isinstance(found, dict) else None
    return found if rest else None


def _written(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()
