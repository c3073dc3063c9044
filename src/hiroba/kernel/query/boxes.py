"""Finds boxes that hold every geometry a geographic query can match, for a spatial index."""

from __future__ import annotations

import math
from typing import Final

from hiroba.kernel.query.reference import reference_shape
from hiroba.kernel.query.tree import GeoQuery

Box = tuple[float, float, float, float]
"""West, south, east, north in degrees, west not above east."""

_LEAST_RADIUS: Final = 6_335_000.0
_MARGIN: Final = 1.01
_ROUNDING: Final = 1e-7


def geo_boxes(query: GeoQuery) -> tuple[Box, ...] | None:
    """Return boxes of which every match touches at least one (two boxes across the date line).

    None when matches may be anywhere. Boxes may be larger than needed, never smaller.
    """
    if query.georel == "disjoint" or (query.georel == "near" and query.max_distance is None):
        return None
    west, south, east, north = (float(bound) for bound in reference_shape(query).bounds)
    if query.georel == "near" and query.max_distance is not None:
        return _within_reach(west, south, east, north, metres=query.max_distance)
    return ((west - _ROUNDING, south - _ROUNDING, east + _ROUNDING, north + _ROUNDING),)


def geo_bbox(query: GeoQuery) -> Box | None:
    """Return one box that every match touches, None when matches may be anywhere."""
    boxes = geo_boxes(query)
    if boxes is None:
        return None
    wests, souths, easts, norths = zip(*boxes, strict=True)
    return min(wests), min(souths), max(easts), max(norths)


def _within_reach(west: float, south: float, east: float, north: float, *, metres: float) -> tuple[Box, ...] | None:
    angle = metres / _LEAST_RADIUS * _MARGIN + math.radians(_ROUNDING)
    low, high = south - math.degrees(angle), north + math.degrees(angle)
    if low <= -90 and high >= 90:
        return None
    widest = math.radians(max(abs(south), abs(north)))
    if low <= -90 or high >= 90 or angle + widest >= math.pi / 2:  # a pole is within reach: all longitudes
        return ((-180.0, max(low, -90.0), 180.0, min(high, 90.0)),)
    reach = math.degrees(math.asin(min(1.0, math.sin(angle) / math.cos(widest)))) * _MARGIN
    west, east = west - reach, east + reach
    if east - west >= 360 - _ROUNDING:
        return ((-180.0, low, 180.0, high),)
    if west <= -180:
        return ((-180.0, low, east, high), (west + 360, low, 180.0, high))
    if east >= 180:
        return ((west, low, 180.0, high), (-180.0, low, east - 360, high))
    return ((west, low, east, high),)
