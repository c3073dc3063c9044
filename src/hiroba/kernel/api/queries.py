"""Read a query for entities from URL parameters or from a Query document (GS CIM 009, 5.2.23, 6.4.3.2, 6.23)."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any, Final, TypeAlias

import orjson

from hiroba.kernel.api.http import Request
from hiroba.kernel.api.negotiation import MEMBERS, STAMPS, attribute_names, ids_of, join_level, page_of, projection_of
from hiroba.kernel.api.parameters import DIGITS
from hiroba.kernel.broker.broker import Broker
from hiroba.kernel.model.context import CORE, Context
from hiroba.kernel.model.entity import LOCATION
from hiroba.kernel.model.errors import BadRequestData, TooComplexQuery, shown
from hiroba.kernel.model.ids import check_uri
from hiroba.kernel.query import parse_collation, parse_geo, parse_order, parse_q, parse_scope, parse_types
from hiroba.kernel.query.tree import GeoQuery, OrderBy, Query, TypeOr, TypeQuery, links_of
from hiroba.kernel.store.port import EntityQuery

Selector: TypeAlias = tuple[tuple[str, ...] | None, str | None, TypeQuery | None]

TEXTS: Final = (
    "q",
    "scopeQ",
    "lang",
    "expandValues",
    "jsonKeys",
    "geometryProperty",
    "joinLevel",
    "join",
    "orderBy",
)


def types_of(query: dict[str, str], context: Context) -> TypeQuery | None:
    """Return the type selection of the `type` parameter, or None; `*` selects every type."""
    text = query.get("type")
    if text is None or text == "*":
        return None
    return _types(text, context) if context is CORE else parse_types(text, context.expand_name)


@lru_cache(maxsize=512)
def _types(text: str, context: Context) -> TypeQuery | None:
    return parse_types(text, context.expand_name)


def geo_of(query: dict[str, str], context: Context) -> GeoQuery | None:
    """Return the geo-query of the parameters, or None; its three parts come together (4.10)."""
    parts = [query.get(name) for name in ("georel", "geometry", "coordinates")]
    if parts == [None, None, None]:
        return None
    georel, geometry, coordinates = parts
    if georel is None or geometry is None or coordinates is None:
        lacking = ", ".join(
            name for name, part in zip(("georel", "geometry", "coordinates"), parts, strict=True) if part is None
        )
        raise BadRequestData(f"The geo-query lacks {lacking}; georel, geometry and coordinates belong together.")
    named = query.get("geoproperty")
    return parse_geo(georel, geometry, coordinates, context.expand_name(named) if named else LOCATION)


def entity_query(broker: Broker, query: dict[str, str], context: Context) -> EntityQuery:
    """Return the query that URL parameters describe; raises BadRequestData naming the parameter at fault."""
    limit, offset, count = page_of(broker, query)
    if "csf" in query:
        parse_q(query["csf"], context.expand_name)
    q, scope = query.get("q"), query.get("scopeQ")
    return EntityQuery(
        ids=ids_of(query),
        id_pattern=query.get("idPattern"),
        types=types_of(query, context),
        attrs=_held(query, context),
        q=_condition(query, q, context) if q is not None else None,
        scope=parse_scope(scope) if scope is not None else None,
        geo=geo_of(query, context),
        order=_order(query, context),
        limit=limit,
        offset=offset,
        count=count,
    )


def _condition(query: dict[str, str], text: str, context: Context) -> Query:
    """Return the q of the parameters; raises BadRequestData when it follows more links than they allow (5.7.2.4)."""
    found = parse_q(text, context.expand_name, expand_values=_words(query, "expandValues"))
    depth, allowed = links_of(found), join_level(query)
    if depth > allowed:
        raise BadRequestData(
            f"q follows {depth} links from entity to entity, but join and joinLevel ask for {allowed}."
        )
    return found


def _order(query: dict[str, str], context: Context) -> tuple[OrderBy, ...]:
    """Return the order that the parameters ask for (4.23); raises OperationNotSupported for an unknown collation."""
    named, text = query.get("collation"), query.get("orderBy")
    collation = parse_collation(named) if named is not None else None
    if not text:
        return ()
    geometry = query.get("orderGeometry", "Point")
    return parse_order(text, context.expand_name, origin=query.get("orderFrom"), geometry=geometry, collation=collation)


def _held(query: dict[str, str], context: Context) -> tuple[str, ...] | None:
    """Return the attributes of which an entity has to have one so that something of it can be shown, or None."""
    chosen = projection_of(query, "pick", context)
    held = attribute_names(query, context) or (chosen.names if chosen is not None else None)
    if held is None or not MEMBERS.isdisjoint(held):
        return None
    return tuple(name for name in held if name not in STAMPS)


def _words(query: dict[str, str], name: str) -> tuple[str, ...]:
    text = query.get(name)
    return tuple(word.strip() for word in text.split(",")) if text else ()


def is_local(query: dict[str, str]) -> bool:
    """Tell whether the query is for this broker alone, in which case it may be as wide as it likes.

    Raises BadRequestData for `local=false` beside `type=*`, which implies it (6.4.3.2).
    """
    local = query.get("local")
    if local not in (None, "true", "false"):
        raise BadRequestData(f"local is {local!r}; give true or false.")
    if query.get("type") == "*":
        if local == "false":
            raise BadRequestData("type=* is for this broker alone; local cannot be false beside it.")
        return True
    return local == "true"


def document_parameters(request: Request, body: dict[str, Any]) -> dict[str, str]:
    """Return a Query document (5.2.23) as the URL parameters that say the same; entity selectors stay aside.

    Raises BadRequestData for a member of the wrong type.
    """
    if body.get("type") != "Query":
        raise BadRequestData(f"type is {body.get('type')!r}; a query has the type 'Query'.")
    found = dict(request.query)
    for name in TEXTS:
        if name in body:
            found[name] = _text(body, name)
    for name in ("attrs", "pick", "omit", "datasetId", "containedBy"):
        if name in body:
            found[name] = _list(body, name)
    geo = body.get("geoQ")
    if geo is not None:
        if not isinstance(geo, dict):
            raise BadRequestData("geoQ is not an object.")
        for name in ("georel", "geometry", "geoproperty"):
            if name in geo:
                found[name] = _text(geo, name)
        coordinates = geo.get("coordinates")
        if coordinates is not None:
            found["coordinates"] = coordinates if isinstance(coordinates, str) else _json(coordinates)
    found |= _ordering(body.get("ordering"))
    temporal = body.get("temporalQ")
    if temporal is not None:
        if not isinstance(temporal, dict):
            raise BadRequestData("temporalQ is not an object.")
        for name in ("timerel", "timeAt", "endTimeAt", "timeproperty", "aggrPeriodDuration"):
            if name in temporal:
                found[name] = _text(temporal, name)
        if "lastN" in temporal:
            found["lastN"] = str(temporal["lastN"])
        if "aggrMethods" in temporal:
            found["aggrMethods"] = _list(temporal, "aggrMethods")
    return found


def _ordering(ordering: Any) -> dict[str, str]:
    """Return OrderingParams (5.2.43) as URL parameters."""
    if ordering is None:
        return {}
    if not isinstance(ordering, dict):
        raise BadRequestData("ordering is not an object.")
    found = {}
    if "orderBy" in ordering:
        found["orderBy"] = _list(ordering, "orderBy")
    if "coordinates" in ordering:
        if not isinstance(ordering["coordinates"], list):
            raise BadRequestData("ordering.coordinates is not an array.")
        found["orderFrom"] = _json(ordering["coordinates"])
    for name, parameter in (("geometry", "orderGeometry"), ("collation", "collation")):
        if name in ordering:
            if not isinstance(ordering[name], str):
                raise BadRequestData(f"ordering.{name} is not a text.")
            found[parameter] = ordering[name]
    return found


def selectors_of(body: dict[str, Any], context: Context) -> list[Selector]:
    """Return the entity selectors of a Query document: (ids, id pattern, types) each (5.2.33)."""
    selectors = body.get("entities")
    if selectors is None:
        return []
    if not isinstance(selectors, list) or not selectors:
        raise BadRequestData("entities is not an array with at least one entity selector.")
    found = []
    for selector in selectors:
        if not isinstance(selector, dict):
            raise BadRequestData("An item of entities is not an object.")
        types = selector.get("type")
        if not isinstance(types, str) or not types:
            raise BadRequestData("An entity selector has no type; give a type selection, or * for all.")
        found.append(
            (
                _selected_ids(selector),
                _text(selector, "idPattern") if "idPattern" in selector else None,
                parse_types(types, context.expand_name) if types != "*" else None,
            )
        )
    return found


def _selected_ids(selector: dict[str, Any]) -> tuple[str, ...] | None:
    ids = selector.get("id")
    if ids is None:
        return None
    listed = [ids] if isinstance(ids, str) else ids
    if not isinstance(listed, list) or not all(isinstance(id, str) for id in listed):
        raise BadRequestData("The id of an entity selector is neither a URI nor an array of URIs.")
    for id in listed:
        check_uri(id, "id")
    return tuple(listed)


def selected(query: EntityQuery, selectors: list[Selector]) -> EntityQuery:
    """Restrict a query to its entity selectors; those by type alone may be several, others stand alone."""
    if not selectors:
        return query
    if len(selectors) == 1:
        ids, pattern, types = selectors[0]
        return replace(query, ids=ids, id_pattern=None if ids else pattern, types=types)
    types = any_of([types for _, _, types in selectors])
    if any(ids or pattern for ids, pattern, _ in selectors):
        if all(ids for ids, _, _ in selectors):
            return replace(query, ids=tuple(id for ids, _, _ in selectors for id in ids or ()), types=types)
        raise TooComplexQuery("Several entity selectors with id patterns cannot be combined; send a query for each.")
    return replace(query, types=types)


def any_of(types: list[TypeQuery | None]) -> TypeQuery | None:
    """Return the selection of entities that one of these selections chooses; None chooses all."""
    if not types or any(one is None for one in types):
        return None
    parts = tuple(one for one in types if one is not None)
    return parts[0] if len(parts) == 1 else TypeOr(parts)


def _json(coordinates: Any) -> str:
    try:
        return orjson.dumps(coordinates).decode()
    except orjson.JSONEncodeError as error:
        raise BadRequestData(f"The coordinates cannot be read: {error}.") from error


def _text(body: dict[str, Any], name: str) -> str:
    value = body[name]
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise BadRequestData(f"{name} is not a text.")
    return str(value)


def _list(body: dict[str, Any], name: str) -> str:
    value = body[name]
    if isinstance(value, str):
        return value
    if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
        raise BadRequestData(f"{name} is not an array of texts.")
    return ",".join(value)


def positive(query: dict[str, str], name: str) -> int | None:
    """Return a parameter that is a positive whole number, or None; raises BadRequestData otherwise."""
    text = query.get(name)
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > DIGITS or int(text) < 1:
        raise BadRequestData(f"{name} is {shown(text)}; give a whole number of at least 1.")
    return int(text)
