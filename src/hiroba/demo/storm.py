"""The one incident: a cloudburst, the river rises, a road goes under water, shelters open, all is well again (pure).

Its times are minutes of the story, 0 to 10, and calm until the next begins; how long a minute of the story lasts is the
storm's own matter, so that a test can see it all in seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hiroba.demo.rhythm import curve

STORY: Final = 10.0
_RAIN: Final = ((0, 0), (1, 20), (2.5, 70), (4.5, 85), (6, 30), (7.5, 5), (8.5, 0))
_RISE: Final = (
    (0, 0), (1, 0.04), (2, 0.2), (3, 0.5), (4, 0.8), (5, 0.97), (5.5, 1), (6.5, 0.88), (8, 0.45), (9.5, 0.12), (11, 0),
)  # fmt: skip
_DEPTH: Final = ((4.2, 0), (5.2, 0.28), (6.2, 0.35), (7.4, 0.15), (8.2, 0))
_REFUGE: Final = ((3.6, 0), (5, 0.25), (6.5, 0.4), (8.2, 0.3), (9.6, 0))

STAGES: Final = ("normal", "standby", "warning", "evacuation", "danger")
"""How high a river stands: below all marks, and at or over 水防団待機, 氾濫注意, 避難判断, 氾濫危険水位."""


@dataclass(frozen=True, slots=True)
class Storm:
    """When it began, how often it comes and how long its ten minutes last (seconds)."""

    began: float
    every: float = 900.0
    length: float = 600.0

    def minute(self, t: float) -> float | None:
        """Return the minute of the story, up to where the next one begins; None before the first."""
        if t < self.began:
            return None
        return (t - self.began) % self.every / self.length * STORY

    def rain(self, t: float) -> float:
        """Return how hard it rains (mm/h)."""
        return self._at(_RAIN, t)

    def rise(self, t: float, *, lag: float = 0.0) -> float:
        """Return how much of its highest rise a river has, 0 to 1; `lag` minutes later downstream."""
        return self._at(_RISE, t, lag=lag)

    def depth(self, t: float) -> float:
        """Return how deep the water stands on the low road (m)."""
        return self._at(_DEPTH, t)

    def refuge(self, t: float) -> float:
        """Return how full the open shelters are, 0 to 1."""
        return self._at(_REFUGE, t)

    def opened(self, t: float) -> bool:
        """Tell whether the shelters are open."""
        minute = self.minute(t)
        return minute is not None and 3.4 <= minute < 9.8

    def _at(self, points: tuple[tuple[float, float], ...], t: float, *, lag: float = 0.0) -> float:
        minute = self.minute(t)
        if minute is None:
            return 0.0
        return curve(points, minute - lag)


@dataclass(frozen=True, slots=True)
class Marks:
    """A gauge's marks (m), and how its river answers: `gain` 1 reaches the danger mark, `lag` is minutes."""

    normal: float
    standby: float
    warning: float
    evacuation: float
    danger: float
    gain: float
    lag: float

    def level(self, storm: Storm, t: float) -> float:
        """Return the level (m) that the storm makes."""
        return self.normal + (self.danger - self.normal) * self.gain * storm.rise(t, lag=self.lag)

    def stage(self, level: float) -> int:
        """Return which of STAGES a level is."""
        return sum(level >= mark for mark in (self.standby, self.warning, self.evacuation, self.danger))
