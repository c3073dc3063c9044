"""Parses the query languages of NGSIv2 (q, mq, georel and coords, orderBy, service paths) into the trees used here."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import orjson

from hiroba.kernel.model.context import CORE
from hiroba.kernel.model.errors import BadRequestData
from hiroba.kernel.model.instants import format_instant
from hiroba.kernel.model.ngsi_v2.errors import OrionError, bad_request
from hiroba.kernel.model.ngsi_v2.names import ServicePath, attribute_iri, check_identifier
from hiroba.kernel.model.ngsi_v2.places import position
from hiroba.kernel.model.ngsi_v2.values import moment_of
from hiroba.kernel.query.geo import parse_geo
from hiroba.kernel.query.patterns import compile_pattern
from hiroba.kernel.query.tree import (
    ANYWHERE,
    And,
    Beyond,
    Compare,
    Exists,
    GeoQuery,
    Or,
    OrderBy,
    Path,
    Query,
    Range,
    ScopeIs,
    ScopeOr,
    ScopeQuery,
)

MOST_BYTES: Final = 8192
MOST_TERMS: Final = 100
MOST_TOKENS: Final = 20
_OPERATOR: Final = re.compile(r"==|!=|>=|<=|~=|>|<|:|=")
_NUMBER: Final = re.compile(r"[+-]?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?", re.ASCII)
_LONGEST_NUMBER: Final = 100
_STAMPS: Final = {"dateCreated": "createdAt", "dateModified": "modifiedAt", "dateExpires": "expiresAt"}
_METADATA_STAMPS: Final = {"dateCreated": "createdAt", "dateModified": "modifiedAt"}
_SCOPE: Final = Path("scope")
_SHAPES: Final = {"point": "Point", "line": "LineString", "polygon": "Polygon", "box": "Polygon"}
_GEORELS: Final = ("near", "coveredBy", "intersects", "equals", "disjoint")
_DISTANCE: Final = re.compile(r"(maxDistance|minDistance):([0-9]{1,12}(?:\.[0-9]{1,12})?)", re.ASCII)


def parse_q(text: str, what: str = "q") -> Query:
    """Parse `q` (or, with `what` mq, `mq`): statements that must all hold; raises OrionError."""
    if len(text.encode("utf-8", "surrogatepass")) > MOST_BYTES:
        raise bad_request(f"{what} is longer than {MOST_BYTES} bytes")
    statements = _split(text, ";")
    if len(statements) > MOST_TERMS:
        raise bad_request(f"{what} has more than {MOST_TERMS} statements")
    parts = tuple(_statement(one.strip(), what) for one in statements)
    return parts[0] if len(parts) == 1 else And(parts)


def both(*queries: Query | None) -> Query | None:
    """Return the query that asks for all of these; None asks for nothing."""
    parts = tuple(one for one in queries if one is not None)
    return None if not parts else parts[0] if len(parts) == 1 else And(parts)


def _split(text: str, mark: str) -> list[str]:
    """Return the parts of a text between marks that stand outside of single quotes."""
    parts, start, quoted = [], 0, False
    for place, one in enumerate(text):
        if one == "'":
            quoted = not quoted
        elif one == mark and not quoted:
            parts.append(text[start:place])
            start = place + 1
    return [*parts, text[start:]]


def _statement(text: str, what: str) -> Query:
    if not text:
        raise bad_request(f"empty {what}-item")
    found = _operator(text)
    if found is None:
        absent = text.startswith("!")
        paths = _paths(text[1:].strip() if absent else text, what)
        parts: tuple[Query, ...] = tuple(Beyond("missing", one) if absent else Exists(one) for one in paths)
        return parts[0] if len(parts) == 1 else And(parts) if absent else Or(parts)
    left, right = text[: found.start()].strip(), text[found.end() :].strip()
    if not left:
        raise bad_request(f"empty left-hand-side in {what}-item")
    if not right:
        raise bad_request(f"empty right-hand-side in {what}-item")
    operator = "==" if found.group() == ":" else found.group()
    if operator == "=":
        raise bad_request(f"invalid {what}")
    if what == "q" and left == "servicePath":
        return _of_path(operator, right)
    each = tuple(_comparison(path, operator, right) for path in _paths(left, what))
    return each[0] if len(each) == 1 else Or(each)


def _operator(text: str) -> re.Match[str] | None:
    start = 0
    while (found := _OPERATOR.search(text, start)) is not None:
        if text.count("'", 0, found.start()) % 2 == 0:
            return found
        start = found.end()
    return None


def _tokens(text: str, what: str) -> list[str]:
    """Return the tokens of an attribute path; those in single quotes may have dots in them."""
    if not text:
        raise bad_request(f"empty left-hand-side in {what}-item")
    tokens = [one.strip().strip("'") for one in _split(text, ".")]
    if text.count("'") % 2 or not all(tokens) or len(tokens) > MOST_TOKENS:
        raise bad_request(f"invalid {what}")
    return tokens


def _paths(text: str, what: str) -> tuple[Path, ...]:
    """Return the places where the value of a path may be: several for metadata that may be kept in two ways."""
    first, *rest = _tokens(text, what)
    check_identifier(first, "attribute name")
    attr = attribute_iri(first)
    if what == "q":
        if first in _STAMPS and not rest:
            return (Path(_STAMPS[first]),)
        return (Path(attr, (), tuple(map(_inside, rest)), tuple(rest)),)
    if not rest:
        raise bad_request("invalid mq: a metadata has to be named after the attribute")
    name, *below = rest
    check_identifier(name, "metadata name")
    if name in _METADATA_STAMPS and not below:
        return (Path(attr, (_METADATA_STAMPS[name],)),)
    kept = Path(attr, (attribute_iri(name),), tuple(map(_inside, below)), tuple(below))
    if name in ("unitCode", "observedAt") and not below:
        return Path(attr, (name,)), kept
    return (kept,)


def _inside(key: str) -> str:
    return key if key.startswith(("*", "@")) else CORE.expand_name(key)


def _comparison(path: Path, operator: str, text: str) -> Query:
    if operator == "~=":
        return Compare(path, "~=", (check_pattern(_unquoted(text), "q"),))
    several = operator in ("==", "!=")
    words = _split(text, ",")
    if len(words) > 1 and not several:
        raise bad_request("lists only valid for equal and not equal ops")
    values: list[Any] = []
    for word in words:
        if not word.strip():
            raise bad_request(
                "invalid JSON value type in list" if len(words) > 1 else "empty right-hand-side in q-item"
            )
        values.append(_operand(word.strip(), several=several))
    if None in values:
        if len(values) > 1:
            raise bad_request("null cannot be in a list")
        if not several:
            raise bad_request("values of type /null/ not supported for operator")
        return Beyond("null" if operator == "==" else "valued", path)
    if not several and isinstance(values[0], bool):
        raise bad_request("values of type /Bool/ not supported for operator")
    return _compare(path, operator, values)


def _compare(path: Path, operator: str, values: list[Any]) -> Query:
    """Return the comparison; dates compare as moments, in a list with other texts as texts."""
    ends = [end for one in values for end in ((one.low, one.high) if isinstance(one, Range) else (one,))]
    moments = [moment_of(end) if isinstance(end, _Loose) else None for end in ends]
    instant = all(one is not None for one in moments)

    def read(end: Any) -> Any:
        at = moment_of(end) if instant else None
        return format_instant(at) if at is not None else str(end) if isinstance(end, str) else end

    read_values = [Range(read(one.low), read(one.high)) if isinstance(one, Range) else read(one) for one in values]
    return Compare(path, operator, tuple(read_values), instant)


class _Loose(str):
    """A text that was not quoted, and so may be a date."""

    __slots__ = ()


def _operand(word: str, *, several: bool) -> Any:
    ends = _ends(word)
    if len(ends) == 1:
        return _value(word)
    if not several:
        raise bad_request("ranges only valid for equal and not equal ops")
    if len(ends) > 2 or not all(ends):
        raise bad_request("invalid range")
    low, high = _value(ends[0]), _value(ends[1])
    kinds = {_kind(low), _kind(high)}
    if len(kinds) > 1 or not kinds <= {"number", "text", "date"}:
        raise bad_request("invalid range: types mixed")
    return Range(low, high)


def _ends(word: str) -> list[str]:
    """Return the two ends of a range, or the one word; dots within quotes do not count."""
    quoted = False
    for place, one in enumerate(word):
        if one == "'":
            quoted = not quoted
        elif not quoted and word.startswith("..", place):
            return [word[:place].strip(), *(part.strip() for part in word[place + 2 :].split("..", 1))]
    return [word]


def _kind(value: Any) -> str:
    if isinstance(value, _Loose):
        return "date" if moment_of(value) is not None else "text"
    if isinstance(value, bool) or value is None:
        return "other"
    return "text" if isinstance(value, str) else "number"


def _value(word: str) -> Any:
    if word[0] == "'":
        return _unquoted(word)
    if word in ("true", "false"):
        return word == "true"
    if word == "null":
        return None
    if len(word) <= _LONGEST_NUMBER and _NUMBER.fullmatch(word):
        try:
            number: int | float = orjson.loads(word.lstrip("+"))
        except orjson.JSONDecodeError:
            return _Loose(word)
        return float(number) if isinstance(number, int) and abs(number) >= 1 << 63 else number
    return _Loose(word)


def _unquoted(text: str) -> str:
    if text[:1] != "'":
        return text
    if len(text) < 2 or text[-1] != "'" or "'" in text[1:-1]:
        raise bad_request("forbidden characters in String Filter")
    return text[1:-1]


def _of_path(operator: str, text: str) -> Query:
    if operator != "==":
        raise bad_request("servicePath can only be compared with ==")
    paths = [one.strip() for one in text.split(",")]
    if not all(one.startswith("/") for one in paths):
        raise bad_request("Only /absolute/ Service Paths allowed [a service path must begin with /]")
    found = path_query([ServicePath(tuple(one.strip("/").split("/")) if one.strip("/") else ()) for one in paths])
    return found if found is not None else And(())


def check_pattern(pattern: str, what: str) -> str:
    """Return a pattern that can be one; raises OrionError."""
    try:
        compile_pattern(pattern)
    except ValueError as error:
        raise bad_request(f"Invalid regex for {what}") from error
    return pattern


def path_query(paths: Sequence[ServicePath]) -> Query | None:
    """Return what entities in one of these service paths meet, None when all do."""
    if any(path.everything for path in paths):
        return None
    below: list[ScopeQuery] = [ScopeIs(path.levels, path.below) for path in paths if path.levels]
    parts: list[Query] = []
    if below:
        parts.append(Beyond("scope", _SCOPE, below[0] if len(below) == 1 else ScopeOr(tuple(below))))
    if len(below) < len(paths):
        parts.append(Beyond("missing", _SCOPE))
    return parts[0] if len(parts) == 1 else Or(tuple(parts))


def path_scope(paths: Sequence[ServicePath]) -> ScopeQuery | None:
    """Return the same as a scope query, which an index answers, where the root itself is not among the paths."""
    if any(path.everything or not path.levels for path in paths):
        return None
    parts = tuple(ScopeIs(path.levels, path.below) for path in paths)
    return parts[0] if len(parts) == 1 else ScopeOr(parts)


def parse_places(georel: str | None, geometry: str | None, coords: str | None) -> GeoQuery | None:
    """Parse a geographical query, None when nothing of it is given; raises OrionError."""
    if georel is None and geometry is None and coords is None:
        return None
    if georel is None or geometry is None or coords is None:
        raise bad_request("partial geo expression: geometry, georel and coords have to be provided together")
    relation, low, high = _georel(georel)
    if geometry not in _SHAPES:
        raise _geo(f"unknown geometry {geometry[:40]}" if geometry else "empty geometry")
    if relation == "near" and geometry != "point":
        raise _geo("georel /near/ used with geometry different than point")
    if len(coords) > MOST_BYTES * 8:
        raise _geo("too many coordinates")
    try:
        points = [position(pair) for pair in coords.split(";")]
    except OrionError as error:
        raise _geo("invalid point in URI param /coords/") from error
    name, coordinates = _shape(geometry, points)
    try:
        query = parse_geo("intersects", name, coordinates, ANYWHERE)
    except BadRequestData as error:
        raise _geo("invalid coordinates") from error
    return GeoQuery(relation, query.geometry, query.coordinates, ANYWHERE, low, high)


def _georel(text: str) -> tuple[str, float | None, float | None]:
    relation, *modifiers = text.split(";")
    if relation not in _GEORELS:
        raise _geo("Invalid value for georel" if relation else "empty georel")
    if relation != "near":
        if modifiers:
            raise _geo("georel modifiers are for /near/ alone")
        return relation, None, None
    bounds: dict[str, float] = {}
    for modifier in modifiers:
        found = _DISTANCE.fullmatch(modifier)
        if found is None or found[1] in bounds:
            raise _geo("invalid modifier in georel parameter")
        bounds[found[1]] = float(found[2])
    if not bounds:
        raise _geo("No maxDistance nor minDistance modifier in georel near query")
    return relation, bounds.get("minDistance"), bounds.get("maxDistance")


def _shape(geometry: str, points: list[list[Any]]) -> tuple[str, Any]:
    if geometry == "point":
        if len(points) != 1:
            raise _geo("too many coordinates for point")
        return "Point", points[0]
    if geometry == "line":
        return "LineString", points
    if geometry == "polygon":
        if len(points) < 4:
            raise _geo("not enough coordinates for polygon")
        if points[0] != points[-1]:
            raise _geo("open polygon, it has to be closed")
        return "Polygon", [points]
    if len(points) != 2:
        raise _geo("invalid number of coordinates for box")
    (x0, y0), (x1, y1) = points
    if x0 == x1 or y0 == y1:
        raise _geo("box coordinates are not defining an actual box")
    return "Polygon", [[[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]]]


def _geo(reason: str) -> OrionError:
    return bad_request(f"Invalid query: {reason}")


def parse_order(text: str, places: GeoQuery | None) -> tuple[OrderBy, ...]:
    """Parse `orderBy`: names, each with `!` for backwards, or `geo:distance` from what `georel=near` is near to."""
    order: list[OrderBy] = []
    names: set[str] = set()
    for token in text.split(","):
        name = token.removeprefix("!")
        if name in names:
            raise bad_request("duplicate orderBy token detected")
        if len(names) >= MOST_TERMS:
            raise bad_request("too many tokens in orderBy")
        names.add(name)
        order.append(_ordered(name, places, descending=token.startswith("!")))
    return tuple(order)


def _ordered(name: str, places: GeoQuery | None, *, descending: bool) -> OrderBy:
    if name == "geo:distance":
        if places is None or places.georel != "near":
            raise bad_request("geo:distance in orderBy needs a georel=near query")
        return OrderBy(Path("geo:distance"), descending, places)
    check_identifier(name, "attribute name")
    if name in ("id", "type"):
        return OrderBy(Path(name), descending)
    if name == "servicePath":
        return OrderBy(_SCOPE, descending)
    return OrderBy(Path(_STAMPS.get(name) or attribute_iri(name)), descending)
