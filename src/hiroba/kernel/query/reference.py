"""Builds the reference geometry of a geographic query, prepared for many tests."""

from __future__ import annotations

from functools import lru_cache
from threading import get_ident
from typing import Any

import orjson
import shapely
from shapely.geometry.base import BaseGeometry

from hiroba.kernel.model.errors import BadRequestData
from hiroba.kernel.query.tree import GeoQuery


def reference_shape(query: GeoQuery) -> BaseGeometry:
    """Return the prepared reference geometry of a query, for use in the calling thread only.

    Raises BadRequestData when it cannot be built.
    """
    return _prepared(query.geometry, query.coordinates, get_ident())


@lru_cache(maxsize=512)
def _prepared(geometry: str, coordinates: Any, thread: int) -> BaseGeometry:
    """Return a prepared geometry; one per thread, as its index grows at the first use without a lock."""
    try:
        shape: BaseGeometry = shapely.from_geojson(orjson.dumps({"type": geometry, "coordinates": coordinates}))
    except shapely.errors.GEOSException as error:
        raise BadRequestData(f"coordinates: not a {geometry}: {error}") from error
    if not shape.is_valid:
        # as with the geometries of entities, which are drawn by hand too
        shape = shapely.make_valid(shape)
    shapely.prepare(shape)
    return shape
