"""The screens that the console is tried on."""

from __future__ import annotations

from typing import Final

DESKTOP: Final = {"width": 1440, "height": 900}
PHONE: Final = {"width": 390, "height": 844}
