"""Merge the crowds of a tile that would be drawn over one another, as large as the console draws them (pure)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import shapely

from hiroba.apps.map.tiles import EXTENT, TILE_PIXELS, Feature

RADII: Final = ((0.3, 9.0), (1.0, 12.0), (2.0, 16.0), (3.0, 20.0), (5.0, 32.0))
"""Radius of a circle (pixels) by the decimal logarithm of its count, the same as in the console's style."""
STROKE: Final = 2.0
"""Width of the line around a circle (pixels)."""

_PIXEL: Final = EXTENT / TILE_PIXELS
_LOGS: Final = [log for log, _ in RADII]
_PIXELS: Final = [pixels for _, pixels in RADII]
_PIN: Final = 6.0
"""How near the middle of a single one's pin (pixels) may come to a circle: it may overlap its edge, not its number."""


def radius(count: float) -> float:
    """Return the outer radius of a circle that stands for `count` entities (pixels)."""
    return float(np.interp(math.log10(count), _LOGS, _PIXELS)) + STROKE


def apart(features: Sequence[Feature]) -> list[Feature]:
    """Return a tile's features with the circles that would touch made one, which counts the same.

    The largest go first and take in what touches them, single ones too; a circle that would reach over the tile's edge
    is moved inwards. So circles overlap neither here nor across the edge, whatever the neighbouring tile holds, and
    the answer does not depend on the order of the features. Lines, areas and tiles without a circle stay as they are.
    """
    points = [feature for feature in features if feature[0].geom_type == "Point"]
    if all(properties["n"] == 1 for _, properties in points):
        return list(features)
    points.sort(key=lambda one: (-one[1]["n"], one[0].x, one[0].y, one[1].get("id", ""), one[1]["type"]))
    crowds = _Crowds(points)
    crowds.merge()
    others = [feature for feature in features if feature[0].geom_type != "Point"]
    return [*others, *crowds.features()]


class _Crowds:
    """Circles and single points of a tile as columns, in tile units; the largest first."""

    def __init__(self, points: Sequence[Feature]) -> None:
        self._points = points
        self._middle = np.array([(shape.x, shape.y) for shape, _ in points], dtype=float)
        self._count = np.array([properties["n"] for _, properties in points], dtype=float)
        self._left = np.ones(len(points), dtype=bool)
        outer = np.interp(np.log10(self._count), _LOGS, _PIXELS) + STROKE
        self._reach = np.where(self._count > 1, outer, _PIN) * _PIXEL
        room = np.where(self._count > 1, self._reach, 0.0)[:, None]
        self._drawn = np.clip(self._middle, room, EXTENT - 1 - room)

    def merge(self) -> None:
        """Merge until no circle touches anything any more."""
        circles = [at for at in range(len(self._points)) if self._count[at] > 1]
        while sum([self._take_in(at) for at in circles if self._left[at]]):
            pass

    def _take_in(self, at: int) -> int:
        """Let one circle take in what touches it, also after it has grown by that; return how often it did."""
        times = 0
        while True:
            away = self._drawn - self._drawn[at]
            reach = self._reach + self._reach[at]
            touching = self._left & ((away * away).sum(axis=1) < reach * reach)
            touching[at] = False
            if not touching.any():
                return times
            self._join(at, touching)
            times += 1

    def _join(self, at: int, touching: npt.NDArray[np.bool_]) -> None:
        self._left &= ~touching
        touching[at] = True
        counts = self._count[touching]
        total = counts.sum()
        self._middle[at] = (self._middle[touching] * counts[:, None]).sum(axis=0) / total
        self._count[at] = total
        self._reach[at] = room = radius(total) * _PIXEL
        self._drawn[at] = np.clip(self._middle[at], room, EXTENT - 1 - room)

    def features(self) -> list[Feature]:
        """Return what is left, the largest first."""
        return [self._feature(at) for at in np.flatnonzero(self._left).tolist()]

    def _feature(self, at: int) -> Feature:
        shape, properties = self._points[at]
        if self._count[at] == 1:
            return shape, properties
        x, y = self._drawn[at].tolist()
        return shapely.Point(math.floor(x), math.floor(y)), {"n": int(self._count[at]), "type": properties["type"]}
