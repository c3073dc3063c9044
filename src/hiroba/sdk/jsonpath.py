"""Paths into JSON as device profiles write them: `a.b[0]."key with.dot"`, an optional `$.` before it."""

from __future__ import annotations

import re
from typing import Any

Path = tuple[str | int, ...]

_STEP = re.compile(r'\.?(?:"((?:[^"\\]|\\.)*)"|([^.\[\]"]+))|\[(-?\d+)\]')

MISSING = object()


def parse(text: str) -> Path:
    """Return the steps of a path (keys and indices); raises ValueError naming the place where it ends to be
    one."""
    rest = text.removeprefix("$")
    steps: list[str | int] = []
    at = 0
    while at < len(rest):
        step = _STEP.match(rest, at)
        if step is None:
            raise ValueError(f"{text!r} is not a path: unexpected {rest[at:]!r}")
        quoted, plain, index = step.groups()
        if index is not None:
            steps.append(int(index))
        else:
            steps.append(plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted))
        at = step.end()
    return tuple(steps)


def find(path: Path, document: Any) -> Any:
    """Return what lies at a path, or MISSING."""
    for step in path:
        if isinstance(step, str):
            if not isinstance(document, dict) or step not in document:
                return MISSING
            document = document[step]
        else:
            if not isinstance(document, list) or not -len(document) <= step < len(document):
                return MISSING
            document = document[step]
    return document
