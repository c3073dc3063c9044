"""Reads TOML as people write it, and says in plain words why a file cannot be read."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any


class TomlError(Exception):
    """Name the file and say what is wrong with it."""


def read_toml(file: Path) -> dict[str, Any]:
    """Return what a file says, with or without a byte order mark; raises TomlError."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise TomlError(f"{file}: there is no such file") from error
    except OSError as error:
        raise TomlError(f"{file}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise TomlError(f"{file}: is not UTF-8 text; save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise TomlError(f"{file}: is not TOML: {error}") from error
