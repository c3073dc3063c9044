"""The web console: hands out the files that `npm run build` in `console/` made."""

from hiroba.console.serving import GSI_TILES, STATIC, console_files

__all__ = ["GSI_TILES", "STATIC", "console_files"]
