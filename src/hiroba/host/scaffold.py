"""Makes the folder of a new app or agent that works and has its tests."""

from __future__ import annotations

import importlib.resources
import keyword
import re
import sys
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

from hiroba.host.manifests import Kind

NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
SUFFIX: Final = ".tmpl"
_TAKEN: Final = frozenset({"hiroba", "tests", "test"})


class ScaffoldError(Exception):
    """Say why no folder can be made."""


def scaffold(kind: Kind, name: str, *, into: Path) -> list[Path]:
    """Write the folder `into/name` and return its files; raises ScaffoldError without having written anything."""
    if not NAME.fullmatch(name):
        raise ScaffoldError(f"{name!r} cannot be an id: use small letters, digits and underscores, a letter first")
    if name in _TAKEN or keyword.iskeyword(name) or name in sys.stdlib_module_names:
        raise ScaffoldError(f"{name!r} is taken in Python; choose another name")
    folder = into / name
    if folder.exists():
        raise ScaffoldError(f"{folder} is there already")
    root = importlib.resources.files("hiroba.host.templates").joinpath(kind)
    written: list[Path] = []
    for parts, text in sorted(_templates(root, ())):
        file = folder.joinpath(*(part.replace("{{id}}", name) for part in parts)).with_suffix("")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.replace("{{id}}", name), encoding="utf-8")
        written.append(file)
    return written


def _templates(folder: Traversable, above: tuple[str, ...]) -> list[tuple[tuple[str, ...], str]]:
    found: list[tuple[tuple[str, ...], str]] = []
    for entry in folder.iterdir():
        if entry.is_dir():
            found.extend(_templates(entry, (*above, entry.name)))
        elif entry.name.endswith(SUFFIX):
            found.append(((*above, entry.name), entry.read_text(encoding="utf-8")))
    return found
