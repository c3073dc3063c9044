"""Measures the shortest distance between geometries in metres on the WGS84 ellipsoid.

Two points are measured exactly (pyproj.Geod). Otherwise the closest pair of places is searched by branch
and bound: edges, straight in longitude and latitude, are cut into pieces; a piece's chord through the earth
bounds from below how close any of its places can be, and each place tried bounds it from above. Pairs of
pieces that cannot come within 0.1 % of the best are dropped, the others cut in half. The pair found is then
measured exactly. Chords and geodesics rank places alike up to the flattening of the earth, so the error
stays below 0.5 %, whatever the latitude and across the date line.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import shapely
from pyproj import Geod
from shapely.geometry.base import BaseGeometry

Floats = npt.NDArray[np.float64]

_GEOD: Final = Geod(ellps="WGS84")
_A: Final = 6_378_137.0
_E2: Final = 0.00669437999014131699614
_MEAN_RADIUS: Final = 6_371_008.8
_SPHERE_ERROR: Final = 0.007
_TOLERANCE: Final = 0.001
_SMALLEST: Final = 0.001
_LONGEST_PIECE: Final = 2.0
_BLOCK: Final = 1_000_000
_MOST_PAIRS: Final = 400_000
_ROUNDS: Final = 40


def points_within(x0: float, y0: float, x1: float, y1: float, *, metres: float) -> bool:
    """Tell whether two points (degrees) are at most so far apart; exact, quick unless close."""
    north, south = math.radians(y0), math.radians(y1)
    haversine = (
        math.sin((south - north) / 2) ** 2
        + math.cos(north) * math.cos(south) * math.sin(math.radians(x1 - x0) / 2) ** 2
    )
    about = 2 * _MEAN_RADIUS * math.asin(min(1.0, math.sqrt(max(0.0, haversine))))
    if about * (1 + _SPHERE_ERROR) <= metres:
        return True
    if about * (1 - _SPHERE_ERROR) > metres:
        return False
    return point_distance(x0, y0, x1, y1) <= metres


def point_distance(x0: float, y0: float, x1: float, y1: float) -> float:
    """Return the length of the geodesic between two points (degrees) in metres."""
    return float(_GEOD.inv(x0, y0, x1, y1)[2])


def metres_between(one: BaseGeometry, other: BaseGeometry) -> float:
    """Return the shortest distance of two geometries, 0 when they meet; within 0.5 %, exact for points."""
    if one.geom_type == other.geom_type == "Point":
        return point_distance(one.x, one.y, other.x, other.y)
    if shapely.intersects(one, other):
        return 0.0
    return _closest(_edges(one), _edges(other))


def _runs(shape: BaseGeometry) -> Iterator[Floats]:
    """Yield the places (n, lon lat) along every ring, line and point of a geometry."""
    for part in shapely.get_parts(shape):
        if part.geom_type == "Polygon":
            for ring in (part.exterior, *part.interiors):
                yield shapely.get_coordinates(ring)
        elif part.geom_type in ("Point", "LineString", "LinearRing"):
            yield shapely.get_coordinates(part)
        else:
            yield from _runs(part)


def _edges(shape: BaseGeometry) -> Floats:
    """Return the edges of a geometry as pieces (n, 2 ends, lon lat) no longer than two degrees."""
    edges = np.concatenate(
        [np.stack((run, run) if len(run) == 1 else (run[:-1], run[1:]), axis=1) for run in _runs(shape)]
    )
    span = edges[:, 1] - edges[:, 0]
    counts = np.maximum(1, np.ceil(np.abs(span).max(axis=1) / _LONGEST_PIECE)).astype(np.int64)
    start = np.repeat(edges[:, 0], counts, axis=0)
    step = np.repeat(span / counts[:, None], counts, axis=0)
    index = (np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts))[:, None]
    return np.stack((start + index * step, start + (index + 1) * step), axis=1)


def _in_space(places: Floats) -> Floats:
    """Return geocentric positions (…, x y z; metres) of places (…, lon lat; degrees)."""
    longitude, latitude = np.radians(places[..., 0]), np.radians(places[..., 1])
    sine = np.sin(latitude)
    normal = _A / np.sqrt(1 - _E2 * sine**2)
    across = normal * np.cos(latitude)
    return np.stack((across * np.cos(longitude), across * np.sin(longitude), normal * (1 - _E2) * sine), axis=-1)


def _closest(one: Floats, other: Floats) -> float:
    """Return the distance between two sets of pieces."""
    ours, theirs, best, pair = _candidates(one, other)
    for _ in range(_ROUNDS if len(ours) else 0):
        a, b = _in_space(ours), _in_space(theirs)
        bulge_a, bulge_b = _bulge(ours, a), _bulge(theirs, b)
        chord, s, t = _between_chords(a, b)
        on_ours = ours[:, 0] + s[:, None] * (ours[:, 1] - ours[:, 0])
        on_theirs = theirs[:, 0] + t[:, None] * (theirs[:, 1] - theirs[:, 0])
        tried = np.linalg.norm(_in_space(on_ours) - _in_space(on_theirs), axis=1)
        first = int(tried.argmin())
        if tried[first] < best:
            best, pair = float(tried[first]), (on_ours[first], on_theirs[first])
        kept = np.flatnonzero(chord - bulge_a - bulge_b < best * (1 - _TOLERANCE) - _SMALLEST)
        if not len(kept):
            break
        if len(kept) > _MOST_PAIRS:  # keep the most promising
            kept = kept[np.argpartition((chord - bulge_a - bulge_b)[kept], _MOST_PAIRS)[:_MOST_PAIRS]]
        ours, theirs = _halved(ours[kept], theirs[kept], bulge_a[kept] >= bulge_b[kept])
    (x0, y0), (x1, y1) = pair
    return point_distance(x0, y0, x1, y1)


def _candidates(one: Floats, other: Floats) -> tuple[Floats, Floats, float, tuple[Floats, Floats]]:
    """Return the pairs of pieces that may hold the closest places; the best chord so far and its places."""
    middles, radii = zip(*(_balls(pieces) for pieces in (one, other)), strict=True)
    rows = max(1, _BLOCK // len(other))
    best, pair = math.inf, (one[0, 0], other[0, 0])
    lows: list[tuple[Any, Any, Floats]] = []
    for begin in range(0, len(one), rows):
        block = slice(begin, begin + rows)
        apart = np.linalg.norm(_in_space(middles[0][block])[:, None] - _in_space(middles[1])[None], axis=2)
        i, j = np.unravel_index(int(apart.argmin()), apart.shape)
        if apart[i, j] < best:
            best, pair = float(apart[i, j]), (middles[0][begin + int(i)], middles[1][int(j)])
        low = apart - radii[0][block, None] - radii[1][None]
        rows_kept, columns_kept = np.nonzero(low < best)
        lows.append((rows_kept + begin, columns_kept, low[rows_kept, columns_kept]))
    low = np.concatenate([entry[2] for entry in lows])
    kept = low < best
    mine = np.concatenate([entry[0] for entry in lows])[kept]
    yours = np.concatenate([entry[1] for entry in lows])[kept]
    if len(mine) > _MOST_PAIRS:  # keep the most promising
        nearest = np.argpartition(low[kept], _MOST_PAIRS)[:_MOST_PAIRS]
        mine, yours = mine[nearest], yours[nearest]
    return one[mine], other[yours], best, pair


def _balls(pieces: Floats) -> tuple[Floats, Floats]:
    """Return each piece's middle (lon lat) and the radius (m) of a ball about it that holds the piece."""
    middles = pieces.mean(axis=1)
    ends = np.linalg.norm(_in_space(pieces) - _in_space(middles)[:, None], axis=2)
    return middles, ends.max(axis=1) * 1.01


def _bulge(pieces: Floats, ends: Floats) -> Floats:
    """Return how far (m) the places of each piece can be from its chord: a bit over the middle's distance."""
    depth: Floats = np.linalg.norm(_in_space(pieces.mean(axis=1)) - ends.mean(axis=1), axis=1)
    return 1.25 * depth


def _halved(ours: Floats, theirs: Floats, which: npt.NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Return the pairs with one piece cut in half: ours where `which`, else theirs."""
    ours_a, ours_b = _cut(ours)
    theirs_a, theirs_b = _cut(theirs)
    side = which[:, None, None]
    return (
        np.concatenate((np.where(side, ours_a, ours), np.where(side, ours_b, ours))),
        np.concatenate((np.where(side, theirs, theirs_a), np.where(side, theirs, theirs_b))),
    )


def _cut(pieces: Floats) -> tuple[Floats, Floats]:
    middle = pieces.mean(axis=1)
    return np.stack((pieces[:, 0], middle), axis=1), np.stack((middle, pieces[:, 1]), axis=1)


def _between_chords(a: Floats, b: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the distances (m) of chords (n, 2 ends, x y z) and where along each they are (0 to 1)."""
    d1, d2, r = a[:, 1] - a[:, 0], b[:, 1] - b[:, 0], a[:, 0] - b[:, 0]
    aa, ee, ff = _dot(d1, d1), _dot(d2, d2), _dot(d2, r)
    cc, bb = _dot(d1, r), _dot(d1, d2)
    across = aa * ee - bb * bb
    s = np.clip(_ratio(bb * ff - cc * ee, np.where(across > 1e-12 * aa * ee, across, 0)), 0, 1)
    t = np.clip(_ratio(bb * s + ff, ee), 0, 1)
    s = np.clip(_ratio(bb * t - cc, aa), 0, 1)
    gap = r + s[:, None] * d1 - t[:, None] * d2
    return np.linalg.norm(gap, axis=1), s, t


def _dot(a: Floats, b: Floats) -> Floats:
    product: Floats = np.einsum("ij,ij->i", a, b)
    return product


def _ratio(a: Floats, b: Floats) -> Floats:
    return np.divide(a, b, out=np.zeros_like(a), where=b > 0)
