"""Check subscription documents against the information model (GS CIM 009, 5.2.12 to 5.2.15, 5.2.33)."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection
from typing import Any, Final
from urllib.parse import urlsplit

from hiroba.kernel.model.entity import LOCATION
from hiroba.kernel.model.errors import BadRequestData, HirobaError
from hiroba.kernel.model.ids import check_uri
from hiroba.kernel.model.instants import parse_instant
from hiroba.kernel.query.geo import parse_geo
from hiroba.kernel.query.patterns import compile_pattern
from hiroba.kernel.query.projection import Projection, parse_projection
from hiroba.kernel.query.q import decoded_q, parse_q
from hiroba.kernel.query.selection import parse_scope, parse_types
from hiroba.kernel.query.tree import GeoQuery

Body = dict[str, Any]
Expand = Callable[[str], str]
Check = Callable[[Any, str, Expand], None]

TRIGGERS: Final = (
    "entityCreated",
    "entityUpdated",
    "entityDeleted",
    "attributeCreated",
    "attributeUpdated",
    "attributeDeleted",
)
DEFAULT_TRIGGERS: Final = ("attributeCreated", "attributeUpdated")
FORMATS: Final = ("normalized", "concise", "simplified", "keyValues")
ACCEPTS: Final = ("application/json", "application/ld+json", "application/geo+json")
DEEPEST: Final = 10
ENTITY_MEMBERS: Final = ("id", "type", "scope")
NOTIFICATION_READ_ONLY: Final = (
    "status",
    "timesSent",
    "timesFailed",
    "lastNotification",
    "lastSuccess",
    "lastFailure",
)
_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\U0010ffff]*")


def check_subscription(body: Body, naming: Callable[[str], Expand], *, schemes: Collection[str]) -> None:
    """Check a whole subscription, read-only members taken off; raises BadRequestData naming the member.

    `naming` gives for each member the function that expands its names; `schemes` are the URI schemes that
    notifications can go to. The text queries are parsed, so that what is kept can be compiled later.
    """
    if body.get("type") != "Subscription":
        raise BadRequestData(f"type is {body.get('type')!r}; a subscription has the type 'Subscription'.")
    for name, value in body.items():
        check = MEMBERS.get(name)
        if check is not None:
            check(value, name, naming(name))
    notification = body.get("notification")
    if notification is None:
        raise BadRequestData("notification is missing; it says where and how to notify.")
    _notification(notification, naming("notification"), schemes)
    _together(body)


def _together(body: Body) -> None:
    """Check what the members demand of and forbid to each other."""
    local = body.get("localOnly") is True
    if not local and "entities" not in body and "watchedAttributes" not in body:
        raise BadRequestData("entities and watchedAttributes are both missing; give at least one of them.")
    if "timeInterval" in body:
        for name in ("watchedAttributes", "throttling", "notificationTrigger"):
            if name in body:
                raise BadRequestData(f"{name} cannot be given together with timeInterval.")
        if not local and "entities" not in body:
            raise BadRequestData("entities is missing; a subscription with timeInterval needs it.")


def without_read_only(body: Body) -> Body:
    """Return a copy of a document without the members that only the broker writes, or that mean nothing."""
    clean = {name: value for name, value in body.items() if name in MEMBERS or name in ("type", "notification")}
    notification = clean.get("notification")
    if isinstance(notification, dict):
        clean["notification"] = {
            name: value for name, value in notification.items() if name not in NOTIFICATION_READ_ONLY
        }
    return clean


def check_expiry(body: Body, at: int) -> None:
    """Refuse an expiresAt that has passed at an instant (µs); raises BadRequestData."""
    if "expiresAt" in body and parse_instant(body["expiresAt"]) <= at:
        raise BadRequestData(f"expiresAt is {body['expiresAt']!r}, which has passed already.")


def geo_query(body: Body, expand: Expand, name: str = "geoQ") -> GeoQuery:
    """Return the geo-query of a GeoQuery document (5.2.13); raises BadRequestData."""
    for part in ("georel", "geometry", "coordinates"):
        if part not in body:
            raise BadRequestData(f"{name}.{part} is missing.")
    _text(body["georel"], f"{name}.georel", expand)
    _text(body["geometry"], f"{name}.geometry", expand)
    named = body.get("geoproperty")
    if named is not None:
        _text(named, f"{name}.geoproperty", expand)
    coordinates = body["coordinates"]
    if not isinstance(coordinates, str | list):
        raise BadRequestData(f"{name}.coordinates is neither an array nor its text.")
    return parse_geo(body["georel"], body["geometry"], coordinates, expand(named) if named else LOCATION)


def _text(value: Any, name: str, expand: Expand) -> None:
    if not isinstance(value, str) or not value:
        raise BadRequestData(f"{name} is not a text with at least one character.")


def _boolean(value: Any, name: str, expand: Expand) -> None:
    if not isinstance(value, bool):
        raise BadRequestData(f"{name} is {value!r}; give true or false.")


def _positive(value: Any, name: str, expand: Expand) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or value <= 0:
        raise BadRequestData(f"{name} is {value!r}; give a number greater than 0.")


def _uri(value: Any, name: str, expand: Expand) -> None:
    if not isinstance(value, str):
        raise BadRequestData(f"{name} is not a URI.")
    check_uri(value, name)


def _web_address(value: Any, name: str, expand: Expand) -> None:
    _uri(value, name, expand)
    if urlsplit(value).scheme not in ("http", "https"):
        raise BadRequestData(f"{name} is {value!r}; give an http or https address.")


def _instant(value: Any, name: str, expand: Expand) -> None:
    if not isinstance(value, str):
        raise BadRequestData(f"{name} is not a date-time.")
    try:
        parse_instant(value)
    except (ValueError, HirobaError) as error:
        raise BadRequestData(f"{name} is {value!r}; give a date-time such as 2030-01-01T00:00:00Z.") from error


def _texts(value: Any, name: str, expand: Expand) -> None:
    if not isinstance(value, list) or not value or not all(isinstance(one, str) and one for one in value):
        raise BadRequestData(f"{name} is not an array of at least one text.")


def _attributes(value: Any, name: str, expand: Expand) -> None:
    _texts(value, name, expand)
    for one in value:
        if one in ENTITY_MEMBERS:
            raise BadRequestData(f"{name} names {one!r}, which is no attribute.")
        _expands(one, name, expand)


def _members(value: Any, name: str, expand: Expand) -> None:
    _texts(value, name, expand)
    _projection(value, name, expand)


Projections = tuple[Projection | None, Projection | None]


def projections(notification: Body, expand: Expand) -> Projections:
    """Return what `pick` and `omit` of a notification choose, linked entities included (4.21)."""
    pick, omit = (
        _projection(notification[name], f"notification.{name}", expand) if name in notification else None
        for name in ("pick", "omit")
    )
    return pick, omit


def _projection(value: list[str], name: str, expand: Expand) -> Projection:
    def member(word: str) -> str:
        if word in ENTITY_MEMBERS:
            return word
        try:
            return expand(word)
        except HirobaError as error:
            raise BadRequestData(f"{name} has {word!r}: {error.detail}") from error

    return parse_projection(",".join(value), name, member)


def _expands(term: str, name: str, expand: Expand) -> None:
    try:
        expand(term)
    except HirobaError as error:
        raise BadRequestData(f"{name} has {term!r}: {error.detail}") from error


def _triggers(value: Any, name: str, expand: Expand) -> None:
    _texts(value, name, expand)
    for one in value:
        if one not in TRIGGERS:
            raise BadRequestData(f"{name} has {one!r}; the triggers are {', '.join(TRIGGERS)}.")


def _parsed(parse: Callable[[str, Expand], object]) -> Check:
    def check(value: Any, name: str, expand: Expand) -> None:
        _text(value, name, expand)
        try:
            parse(value, expand)
        except BadRequestData as error:
            raise BadRequestData(f"{name} cannot be read: {error.detail}") from error

    return check


def _geo(value: Any, name: str, expand: Expand) -> None:
    if not isinstance(value, dict):
        raise BadRequestData(f"{name} is not an object.")
    try:
        geo_query(value, expand, name)
    except BadRequestData as error:
        if error.detail.startswith(name):
            raise
        raise BadRequestData(f"{name} cannot be read: {error.detail}") from error


def _temporal(value: Any, name: str, expand: Expand) -> None:
    if not isinstance(value, dict):
        raise BadRequestData(f"{name} is not an object.")


def _entities(value: Any, name: str, expand: Expand) -> None:
    if not isinstance(value, list) or not value:
        raise BadRequestData(f"{name} is not an array of at least one entity selector.")
    for index, selector in enumerate(value):
        place = f"{name}[{index}]"
        if not isinstance(selector, dict):
            raise BadRequestData(f"{place} is not an object.")
        if "type" not in selector:
            raise BadRequestData(f"{place}.type is missing; give a type, a type selection or '*'.")
        _text(selector["type"], f"{place}.type", expand)
        _parsed(parse_types)(selector["type"], f"{place}.type", expand)
        if "id" in selector:
            ids = selector["id"] if isinstance(selector["id"], list) else [selector["id"]]
            if not ids:
                raise BadRequestData(f"{place}.id is an empty array.")
            for one in ids:
                _uri(one, f"{place}.id", expand)
        if "idPattern" in selector:
            _text(selector["idPattern"], f"{place}.idPattern", expand)
            try:
                compile_pattern(selector["idPattern"])
            except ValueError as error:
                raise BadRequestData(f"{place}.idPattern is no regular expression: {error}") from error


def _datasets(value: Any, name: str, expand: Expand) -> None:
    _texts(value, name, expand)
    for one in value:
        if one != "@none":
            _uri(one, name, expand)


def _notification(value: Any, expand: Expand, schemes: Collection[str]) -> None:
    if not isinstance(value, dict):
        raise BadRequestData("notification is not an object.")
    for name, member in value.items():
        check = NOTIFICATION_MEMBERS.get(name)
        if check is not None:
            check(member, f"notification.{name}", expand)
    if value.get("format", "normalized") not in FORMATS:
        raise BadRequestData(f"notification.format is {value['format']!r}; choose one of {', '.join(FORMATS)}.")
    if value.get("join", "@none") not in ("flat", "inline", "@none"):
        raise BadRequestData(f"notification.join is {value['join']!r}; choose flat, inline or @none.")
    if value.get("showChanges") and value.get("format") in ("simplified", "keyValues"):
        raise BadRequestData("notification.showChanges cannot be true with the simplified format.")
    _chosen(value, expand)
    if "endpoint" not in value:
        raise BadRequestData("notification.endpoint is missing; it says where to notify.")
    _endpoint(value["endpoint"], expand, schemes)


def _chosen(value: Body, expand: Expand) -> None:
    """Check how linked entities go along, and what is chosen of all (4.5.23, 4.21)."""
    level = value.get("joinLevel", 1)
    if level != int(level) or level > DEEPEST:
        raise BadRequestData(f"notification.joinLevel is {level!r}; give a whole number from 1 to {DEEPEST}.")
    level = int(level) if value.get("join", "@none") != "@none" else 0
    pick, omit = projections(value, expand)
    depth = max(one.depth if one is not None else 0 for one in (pick, omit))
    if depth > level:
        raise BadRequestData(
            f"notification.pick or omit follows {depth} links, but join and joinLevel ask for {level}."
        )
    if pick is not None and omit is not None and set(pick.names) & set(omit.plain):
        raise BadRequestData("notification.pick and notification.omit name the same member.")


def _endpoint(value: Any, expand: Expand, schemes: Collection[str]) -> None:
    place = "notification.endpoint"
    if not isinstance(value, dict):
        raise BadRequestData(f"{place} is not an object.")
    if "uri" not in value:
        raise BadRequestData(f"{place}.uri is missing.")
    _uri(value["uri"], f"{place}.uri", expand)
    try:
        parts = urlsplit(value["uri"])
        reachable = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError as error:
        raise BadRequestData(f"{place}.uri is {value['uri']!r}: {error}.") from error
    if not reachable:
        raise BadRequestData(
            f"{place}.uri is {value['uri']!r}; give an address with a host that starts with one of: "
            f"{', '.join(f'{scheme}://' for scheme in sorted(schemes))}."
        )
    if value.get("accept", ACCEPTS[0]) not in ACCEPTS:
        raise BadRequestData(f"{place}.accept is {value['accept']!r}; choose one of {', '.join(ACCEPTS)}.")
    for name in ("timeout", "cooldown"):
        if name in value:
            _positive(value[name], f"{place}.{name}", expand)
    for name in ("receiverInfo", "notifierInfo"):
        if name in value:
            _pairs(
                value[name],
                f"{place}.{name}",
                headers=name == "receiverInfo" and parts.scheme.startswith("http"),
            )


def _pairs(value: Any, place: str, *, headers: bool) -> None:
    if not isinstance(value, list):
        raise BadRequestData(f"{place} is not an array of key and value pairs.")
    for index, pair in enumerate(value):
        if not isinstance(pair, dict):
            raise BadRequestData(f"{place}[{index}] is not an object with key and value.")
        for part in ("key", "value"):
            if not isinstance(pair.get(part), str):
                raise BadRequestData(f"{place}[{index}].{part} is not a text.")
        if headers and not (_HEADER_NAME.fullmatch(pair["key"]) and _HEADER_VALUE.fullmatch(pair["value"])):
            raise BadRequestData(f"{place}[{index}] cannot be an HTTP header.")


MEMBERS: Final[dict[str, Check]] = {
    "id": _uri,
    "entities": _entities,
    "notificationTrigger": _triggers,
    "watchedAttributes": _attributes,
    "q": _parsed(lambda text, expand: parse_q(decoded_q(text), expand)),
    "geoQ": _geo,
    "scopeQ": _parsed(lambda text, expand: parse_scope(text)),
    "temporalQ": _temporal,
    "csf": _parsed(parse_q),
    "datasetId": _datasets,
    "description": _text,
    "expandValues": _text,
    "expiresAt": _instant,
    "isActive": _boolean,
    "jsonKeys": _text,
    "jsonldContext": _web_address,
    "lang": _text,
    "localOnly": _boolean,
    "ngsildConformance": _text,
    "splitEntities": _boolean,
    "subscriptionName": _text,
    "throttling": _positive,
    "timeInterval": _positive,
}
NOTIFICATION_MEMBERS: Final[dict[str, Check]] = {
    "attributes": _attributes,
    "pick": _members,
    "omit": _members,
    "format": _text,
    "join": _text,
    "joinLevel": _positive,
    "showChanges": _boolean,
    "sysAttrs": _boolean,
}
