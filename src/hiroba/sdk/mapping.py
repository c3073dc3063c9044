"""From a payload and its profile to entities: pure, so that every device can be tested with a recorded
payload."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from hiroba.sdk import jsonpath
from hiroba.sdk.city import Entity
from hiroba.sdk.profiles import AttributeRule, Misfit, Moment, Profile, StaticRule

_PLACE = re.compile(r"\{(\w+)\}")
_UNFIT_FOR_URI = re.compile(r"[\x00-\x20<>\"{}|\\^`\x7f]")
_EPOCH_END = 253_402_300_799


def decode(payload: bytes) -> Any:
    """Return a JSON payload as data; raises Misfit with the place where it is none."""
    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise Misfit(f"it is not JSON: {error}") from error


def entities_of(
    profile: Profile, document: Any, captures: Mapping[str, str], *, arrived: str
) -> Iterator[Entity | Misfit]:
    """Yield an entity, or a Misfit with its part, for each reading in a payload.

    A payload that is a list, or has one at the profile's `each`, holds a reading per item. `arrived` is the
    time used when the profile names none. Raises Misfit when nothing in the payload fits.
    """
    if profile.each is not None:
        document = jsonpath.find(profile.each, document)
        if not isinstance(document, list):
            raise Misfit("there is no list of readings where the profile's `each` says")
    if not isinstance(document, list):
        yield entity_of(profile, document, captures, arrived=arrived)
        return
    for item in document:
        try:
            yield entity_of(profile, item, captures, arrived=arrived)
        except Misfit as misfit:
            yield Misfit(misfit.reason, part=orjson.dumps(item))


def entity_of(profile: Profile, document: Any, captures: Mapping[str, str], *, arrived: str) -> Entity:
    """Return the entity that one reading becomes (normalized); raises Misfit naming the attribute and the
    path."""
    names = dict(captures)
    for name, path in profile.captures.items():
        found = jsonpath.find(path, document)
        if not isinstance(found, str | int) or isinstance(found, bool) or found == "":
            raise Misfit(f"{name}: there is nothing to name the entity by")
        names[name] = str(found)
    entity: Entity = {"id": _fill(profile.entity_id, names, quote=True), "type": profile.type}
    observed = _instant(profile.moment, document, arrived)
    for rule in profile.attributes:
        instance = _instance(rule, document, names, observed, arrived)
        if instance is not None:
            entity[rule.name] = instance
    if len(entity) == 2:
        raise Misfit("it holds none of the profile's attributes")
    for fixed in profile.static:
        entity[fixed.name] = _fixed(fixed, names)
    return entity


def _fill(template: str, names: Mapping[str, str], *, quote: bool) -> str:
    def value(place: re.Match[str]) -> str:
        try:
            text = names[place[1]]
        except KeyError:
            raise Misfit(f"nothing is known for {{{place[1]}}} in {template!r}") from None
        return _UNFIT_FOR_URI.sub(lambda char: f"%{ord(char[0]):02X}", text) if quote else text

    return _PLACE.sub(value, template)


def _instance(
    rule: AttributeRule, document: Any, names: Mapping[str, str], observed: str, arrived: str
) -> dict[str, Any] | None:
    value = _point(rule, document) if rule.lon is not None else _value(rule, document)
    if value is None:
        return None
    instance: dict[str, Any] = {"type": rule.kind}
    if rule.kind == "Relationship":
        instance["object"] = _fill(rule.object or "{value}", {**names, "value": str(value)}, quote=True)
    elif rule.kind == "JsonProperty":
        instance["json"] = value
    else:
        instance["value"] = value
    if rule.unit is not None:
        instance["unitCode"] = rule.unit
    instance["observedAt"] = observed if rule.moment is None else _instant(rule.moment, document, arrived)
    if rule.dataset is not None:
        instance["datasetId"] = _fill(rule.dataset, names, quote=True)
    return instance


def _fixed(rule: StaticRule, names: Mapping[str, str]) -> dict[str, Any]:
    value = rule.value
    if rule.kind == "Relationship":
        return {"type": rule.kind, "object": _fill(str(value), names, quote=True)}
    if isinstance(value, str):
        value = _fill(value, names, quote=False)
    member = "json" if rule.kind == "JsonProperty" else "value"
    return {"type": rule.kind, member: value, **({"unitCode": rule.unit} if rule.unit else {})}


def _value(rule: AttributeRule, document: Any) -> Any:
    found = jsonpath.find(rule.path, document)
    if found is jsonpath.MISSING or found is None:
        if rule.optional:
            return None
        raise Misfit(f"{rule.name}: there is nothing at {rule.path_text!r}")
    if rule.values is not None:
        if isinstance(found, dict | list) or found not in rule.values:
            raise Misfit(f"{rule.name}: {_shown(found)} is not among the values that the profile knows")
        return rule.values[found]
    value = _READERS[rule.type](found, rule.name)
    if rule.scale is not None or rule.offset:
        value = _scaled(rule, value)
    if rule.low is not None or rule.high is not None:
        _check_range(rule, value)
    return value


def _scaled(rule: AttributeRule, value: Any) -> float:
    number = _read_number(value, rule.name)
    return float(f"{number * (1 if rule.scale is None else rule.scale) + rule.offset:.12g}")


def _check_range(rule: AttributeRule, value: Any) -> None:
    number = _read_number(value, rule.name)
    if (rule.low is not None and number < rule.low) or (rule.high is not None and number > rule.high):
        raise Misfit(f"{rule.name}: {number} is outside of {rule.low} to {rule.high}")


def _point(rule: AttributeRule, document: Any) -> dict[str, Any] | None:
    ends = [jsonpath.find(path or (), document) for path in (rule.lon, rule.lat)]
    if any(end is jsonpath.MISSING or end is None for end in ends):
        if rule.optional:
            return None
        raise Misfit(f"{rule.name}: longitude or latitude is missing")
    lon, lat = (_read_number(end, rule.name) for end in ends)
    if not (-180 <= lon <= 180 and -90 <= lat <= 90):
        raise Misfit(f"{rule.name}: {lon}, {lat} is not a longitude and a latitude")
    return {"type": "Point", "coordinates": [lon, lat]}


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _read_number(value: Any, name: str) -> float:
    if isinstance(value, str):
        try:
            value = orjson.loads(value.strip())
        except orjson.JSONDecodeError as error:
            raise Misfit(f"{name}: {_shown(value)} is not a number") from error
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Misfit(f"{name}: {_shown(value)} is not a number")
    return value


def _read_integer(value: Any, name: str) -> int:
    number = _read_number(value, name)
    if number != int(number):
        raise Misfit(f"{name}: {_shown(value)} is not a whole number")
    return int(number)


def _read_text(value: Any, name: str) -> str:
    if isinstance(value, dict | list):
        raise Misfit(f"{name}: {_shown(value)} is not a text")
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _read_boolean(value: Any, name: str) -> bool:
    if value is True or value == "true" or (value == 1 and not isinstance(value, float)):
        return True
    if value is False or value == "false" or (value == 0 and not isinstance(value, float)):
        return False
    raise Misfit(f"{name}: {_shown(value)} is neither true nor false")


_READERS: dict[str, Callable[[Any, str], Any]] = {
    "number": _read_number,
    "integer": _read_integer,
    "text": _read_text,
    "boolean": _read_boolean,
    "any": lambda value, _name: value,
}


def _instant(moment: Moment, document: Any, arrived: str) -> str:
    if moment.path is None:
        return arrived
    found = jsonpath.find(moment.path, document)
    if found is jsonpath.MISSING or found is None:
        if moment.optional:
            return arrived
        raise Misfit("the reading has no time")
    at = _from_epoch(moment, found) if moment.format.startswith("epoch") else _from_text(moment, found)
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _from_epoch(moment: Moment, found: Any) -> datetime:
    seconds = _read_number(found, "time") / (1000 if moment.format == "epoch-ms" else 1)
    if not 0 <= seconds <= _EPOCH_END:
        raise Misfit(f"time: {_shown(found)} is not a time since 1970")
    return datetime.fromtimestamp(seconds, UTC)


def _from_text(moment: Moment, found: Any) -> datetime:
    if not isinstance(found, str):
        raise Misfit(f"time: {_shown(found)} is not a text")
    try:
        at = datetime.fromisoformat(found) if moment.format == "iso" else datetime.strptime(found, moment.format)
    except ValueError as error:
        raise Misfit(f"time: {_shown(found)} is not written as {moment.format!r}") from error
    if at.tzinfo is None:
        if moment.zone is None:
            raise Misfit(f"time: {_shown(found)} has no time zone; the profile's observedAt may name one")
        at = at.replace(tzinfo=moment.zone)
    return at
