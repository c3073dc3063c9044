"""Decode Geo3x3 cells (`E9138…`): each digit names one ninth of the cell before it; pure."""

from __future__ import annotations

from hiroba.apps.imports.reasons import Unfit


def decode(code: str) -> tuple[float, float]:
    """Return the middle of a cell as (lat, lon) in degrees, rounded to seven digits."""
    text = code.strip().upper()
    if len(text) < 2 or text[0] not in "EW" or not text[1:].isdigit() or "0" in text[1:]:
        raise Unfit("not_a_coordinate")
    west, south, size = (0.0 if text[0] == "E" else -180.0), -90.0, 180.0
    for digit in text[1:]:
        size /= 3
        number = int(digit) - 1
        west += number % 3 * size
        south += number // 3 * size
    return round(south + size / 2, 7), round(west + size / 2, 7)
