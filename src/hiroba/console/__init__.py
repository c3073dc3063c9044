"""Serves the built web console."""

from hiroba.console.files import STATIC, console_files

__all__ = ["STATIC", "console_files"]
