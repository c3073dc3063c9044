"""The rhythm of a day in a town by the sea: sun, warmth, traffic, tide (pure; times are seconds since 1970 UTC)."""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

_DAY: Final = 86400.0
_JAPAN: Final = 9 * 3600.0
_LATITUDE: Final = math.radians(34.11)

_WEEKDAY_TRAFFIC: Final = (
    (0, 0.08), (4, 0.05), (6, 0.35), (7.7, 1.0), (9.5, 0.6), (12, 0.65), (15, 0.62),
    (17.8, 0.95), (19.5, 0.55), (22, 0.2), (24, 0.08),
)  # fmt: skip
_WEEKEND_TRAFFIC: Final = (
    (0, 0.1), (5, 0.05), (8, 0.3), (11, 0.75), (14, 0.8), (17, 0.72), (20, 0.35), (24, 0.1),
)  # fmt: skip
_OUT_AND_ABOUT: Final = (
    (0, 0.03), (6, 0.05), (8.5, 0.4), (11, 0.75), (13, 0.9), (16, 0.8), (18.5, 0.7), (21, 0.3), (24, 0.03),
)  # fmt: skip
_AT_WORK: Final = ((0, 0.2), (6, 0.25), (8.5, 0.85), (10, 1.0), (12.5, 0.9), (16, 1.0), (19, 0.5), (24, 0.2))


def curve(points: Sequence[tuple[float, float]], x: float) -> float:
    """Return the height of a broken line at x; before and behind it the height of its ends."""
    if x <= points[0][0]:
        return points[0][1]
    for (x1, y1), (x2, y2) in itertools.pairwise(points):
        if x <= x2:
            return y1 + (y2 - y1) * (x - x1) / (x2 - x1)
    return points[-1][1]


def hour(t: float) -> float:
    """Return the hour of the day in Japan, 0 to 24."""
    return (t + _JAPAN) % _DAY / 3600


def weekend(t: float) -> bool:
    """Tell whether it is Saturday or Sunday in Japan."""
    return int((t + _JAPAN) // _DAY) % 7 in (2, 3)


@lru_cache(maxsize=16384)
def _lot(key: str, slot: int) -> float:
    digest = hashlib.blake2b(f"{key}|{slot}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**63 - 1


def lot(key: str, slot: int = 0) -> float:
    """Return the number between -1 and 1 that this key always draws."""
    return _lot(key, slot)


def wander(key: str, t: float, period: float) -> float:
    """Return a number between -1 and 1 that wanders smoothly, a new aim every `period` seconds."""
    slot, part = divmod(t / period, 1.0)
    ease = part * part * (3 - 2 * part)
    return _lot(key, int(slot)) * (1 - ease) + _lot(key, int(slot) + 1) * ease


def sun(t: float) -> float:
    """Return the sine of the sun's height over Shiomi, 0 by night."""
    day = (t + _JAPAN) / _DAY % 365.25
    tilt = math.radians(-23.44) * math.cos(2 * math.pi * (day + 10) / 365.25)
    turn = math.radians(15 * (hour(t) - 12.1))
    height = math.sin(_LATITUDE) * math.sin(tilt) + math.cos(_LATITUDE) * math.cos(tilt) * math.cos(turn)
    return max(0.0, height)


def cloud(t: float) -> float:
    """Return how much of the sky is covered, 0 to 1."""
    return min(1.0, max(0.0, 0.35 + 0.45 * wander("cloud", t, 5400) + 0.15 * wander("puff", t, 600)))


def temperature(t: float) -> float:
    """Return the temperature by the sea (°C): the season, the hour behind the sun, the weather."""
    day = (t + _JAPAN) / _DAY % 365.25
    season = 16.5 - 11.0 * math.cos(2 * math.pi * (day - 28) / 365.25)
    swing = 4.2 * math.cos(2 * math.pi * (hour(t) - 14.5) / 24)
    return season + swing * (1 - 0.4 * cloud(t)) + 1.2 * wander("warmth", t, 10800)


def tide(t: float) -> float:
    """Return the height of the sea over its mean (m): the moon's two tides, the sun's, the daily one."""
    return (
        1.05 * math.cos(2 * math.pi * t / (12.4206 * 3600))
        + 0.42 * math.cos(2 * math.pi * t / (12.0 * 3600) + 0.8)
        + 0.30 * math.cos(2 * math.pi * t / (23.9345 * 3600) + 1.9)
    )


def traffic(t: float) -> float:
    """Return how busy the roads are, 0 to 1."""
    return curve(_WEEKEND_TRAFFIC if weekend(t) else _WEEKDAY_TRAFFIC, hour(t))


def about(t: float) -> float:
    """Return how many people are out in town, 0 to 1."""
    return curve(_OUT_AND_ABOUT, hour(t)) * (1.0 if weekend(t) else 0.75)


def work(t: float) -> float:
    """Return how busy offices and works are, 0 to 1."""
    return curve(_AT_WORK, hour(t)) * (0.45 if weekend(t) else 1.0)


def dark(t: float) -> bool:
    """Tell whether the street lights are on."""
    return sun(t) < 0.02
