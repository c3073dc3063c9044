"""Offers the query languages of NGSI-LD: text to tree, tree to a function over entities."""

from hiroba.kernel.query.boxes import geo_bbox, geo_boxes
from hiroba.kernel.query.collation import parse_collation
from hiroba.kernel.query.geo import geo_matcher, parse_geo
from hiroba.kernel.query.matching import matcher
from hiroba.kernel.query.order import parse_order, sort_key
from hiroba.kernel.query.projection import Projection, parse_projection
from hiroba.kernel.query.q import parse_q
from hiroba.kernel.query.render import render_q
from hiroba.kernel.query.selection import parse_scope, parse_types, scope_matcher, types_matcher
from hiroba.kernel.query.temporal import parse_temporal, temporal_matcher
from hiroba.kernel.query.tree import attributes_of

__all__ = [
    "Projection",
    "attributes_of",
    "geo_bbox",
    "geo_boxes",
    "geo_matcher",
    "matcher",
    "parse_collation",
    "parse_geo",
    "parse_order",
    "parse_projection",
    "parse_q",
    "parse_scope",
    "parse_temporal",
    "parse_types",
    "render_q",
    "scope_matcher",
    "sort_key",
    "temporal_matcher",
    "types_matcher",
]
