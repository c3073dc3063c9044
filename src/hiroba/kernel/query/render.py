"""Writes a query tree as `q` text again (GS CIM 009, 4.9); `parse_q` reads it back into an equal tree."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, Final

from hiroba.kernel.query.tree import (
    ENTITY_MEMBERS,
    INSTANCE_MEMBERS,
    And,
    Beyond,
    Compare,
    Exists,
    Or,
    Path,
    Query,
    Range,
)

_UNSAFE: Final = re.compile(r"[\x00-\x20\x7f-\xa0\s!-#%-,./;-?\[-^`{-~＝；｜＜＞！＂“”]")
_DIGITS: Final = re.compile(r"[0-9-]+")


def render_q(query: Query, compact: Callable[[str], str] = str) -> str:
    """Return the text of a tree, names shortened by `compact` and escaped with `%XX` where they must be.

    Raises ValueError for a tree with a condition that NGSI-LD cannot say.
    """
    return _render(query, compact, inside=None)


def _render(query: Query, compact: Callable[[str], str], *, inside: type[And] | None) -> str:
    match query:
        case And(parts):
            return ";".join(_render(part, compact, inside=And) for part in parts)
        case Or(parts):
            text = "|".join(_render(part, compact, inside=None) for part in parts)
            return f"({text})" if inside is And else text
        case Exists(path):
            return render_path(path, compact)
        case Beyond(ask, path):
            raise ValueError(f"q has no words for what is asked of {render_path(path, compact)}: {ask}")
        case Compare(path, op, values, instant):
            return render_path(path, compact) + op + ",".join(_value(value, instant=instant) for value in values)


def render_path(path: Path, compact: Callable[[str], str] = str) -> str:
    """Return the text of a path, names shortened by `compact`."""
    if path.link is not None:
        hint = ",".join(_name(compact(one)) for one in path.link.types)
        inner = render_path(path.link.path, compact)
        return f"{_name(compact(path.attr))}{{{hint + ':' if hint else ''}{inner}}}"
    names = [path.attr if path.attr in ENTITY_MEMBERS else _name(compact(path.attr))]
    names += [name if name in INSTANCE_MEMBERS else _name(compact(name)) for name in path.sub]
    keys = path.keys or tuple(compact(key) for key in path.trail)
    return ".".join(names) + (f"[{'.'.join('*' if key == '*' else _name(key) for key in keys)}]" if keys else "")


def _name(name: str) -> str:
    return _escaped(name) if _DIGITS.fullmatch(name) else _UNSAFE.sub(lambda found: _escaped(found.group()), name)


def _escaped(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())


def _value(value: Any, *, instant: bool) -> str:
    if isinstance(value, Range):
        return f"{_value(value.low, instant=instant)}..{_value(value.high, instant=instant)}"
    return value if instant else json.dumps(value, ensure_ascii=False)
