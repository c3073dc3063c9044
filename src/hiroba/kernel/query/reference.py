"""Builds the reference geometry of a geographic query, prepared for many tests."""

from __future__ import annotations

from functools import lru_cache

import orjson
import shapely
from shapely.geometry.base import BaseGeometry

from hiroba.kernel.model.errors import BadRequestData
from hiroba.kernel.query.tree import GeoQuery


@lru_cache(maxsize=512)
def reference_shape(query: GeoQuery) -> BaseGeometry:
    """Return the prepared reference geometry of a query; raises BadRequestData when it cannot be built."""
    geojson = {"type": query.geometry, "coordinates": query.coordinates}
    try:
        shape: BaseGeometry = shapely.from_geojson(orjson.dumps(geojson))
    except shapely.errors.GEOSException as error:
        raise BadRequestData(f"coordinates: not a {query.geometry}: {error}") from error
    shapely.prepare(shape)
    return shape
