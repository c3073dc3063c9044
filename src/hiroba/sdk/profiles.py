"""Device profiles: YAML that says how a payload becomes an entity, so that a simple device is data and not
code.

title: {ja: 水位計, en: River gauge}
topic: "rivers/{gauge}/level"                    # a key of the agent's own: mqtt has `topic`
type: RiverGauge
id: "urn:ngsi-ld:RiverGauge:{gauge}"             # {names}: captures of the source, or of `captures`
captures: {gauge: device.serial}                 # name → path in the payload (optional)
tenant: ""                                       # optional
each: readings                                   # path of a list, one entity per item (optional)
observedAt: {path: time, format: iso, zone: Asia/Tokyo}
attributes:
  waterLevel: {path: level, type: number, unit: MTR, scale: 0.01, range: [-10, 50]}
  location: {kind: GeoProperty, lon: position.lon, lat: position.lat, optional: true}
static:
  name: 春日川
  refDevice: {kind: Relationship, object: "urn:ngsi-ld:Device:{gauge}"}
samples:                                         # recorded payloads; each is tried whenever profiles are
checked
  - source: rivers/kasuga-1/level
    payload: {level: 152, time: "2026-04-01T09:00:00"}
    entity: {id: "urn:ngsi-ld:RiverGauge:kasuga-1", waterLevel: 1.52}
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta, timezone, tzinfo
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml

from hiroba.sdk import jsonpath

# the loader in C, which PyYAML brings on most machines, reads eight times as fast
_YAML = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Kind = Literal["Property", "GeoProperty", "Relationship", "JsonProperty"]

_KINDS = ("Property", "GeoProperty", "Relationship", "JsonProperty")
_VALUE_TYPES = ("number", "integer", "text", "boolean", "any")
_PROFILE_KEYS = (
    "title", "about", "type", "id", "captures", "tenant", "each", "observedAt", "attributes", "static",
    "samples",
)  # fmt: skip
_ATTRIBUTE_KEYS = (
    "path", "kind", "type", "unit", "scale", "offset", "range", "values", "optional", "lon", "lat", "object",
    "observedAt", "datasetId",
)  # fmt: skip
_STATIC_KEYS = ("kind", "value", "unit", "object")
_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)")


class ProfileError(Exception):
    """Say which profile is wrong, where and why."""


class Misfit(Exception):
    """Say why a message, or the `part` of it given as bytes, does not fit its profile."""

    def __init__(self, reason: str, *, part: bytes | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.part = part


@dataclass(frozen=True, slots=True)
class Moment:
    """Where a reading's time is and how it is written; `path` None: the time of arrival."""

    path: jsonpath.Path | None = None
    format: str = "iso"
    zone: tzinfo | None = None
    optional: bool = False


@dataclass(frozen=True, slots=True)
class AttributeRule:
    """How one attribute is made from a payload."""

    name: str
    kind: Kind = "Property"
    path: jsonpath.Path = ()
    path_text: str = ""
    type: str = "any"
    unit: str | None = None
    scale: float | None = None
    offset: float = 0.0
    low: float | None = None
    high: float | None = None
    values: Mapping[Any, Any] | None = None
    optional: bool = False
    lon: jsonpath.Path | None = None
    lat: jsonpath.Path | None = None
    object: str | None = None
    moment: Moment | None = None
    dataset: str | None = None


@dataclass(frozen=True, slots=True)
class StaticRule:
    """An attribute that is the same for every reading; texts may hold {captures}."""

    name: str
    kind: Kind
    value: Any
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """A recorded payload and what has to become of it: `entity` with plain values, None if it must be a
    misfit."""

    source: str
    payload: Any
    entity: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Profile:
    """A checked profile; `keys` are those that belong to the agent itself."""

    id: str
    title: Mapping[str, str]
    type: str
    entity_id: str
    attributes: tuple[AttributeRule, ...]
    static: tuple[StaticRule, ...] = ()
    captures: Mapping[str, jsonpath.Path] = field(default_factory=dict)
    tenant: str = ""
    each: jsonpath.Path | None = None
    moment: Moment = Moment()
    samples: tuple[Sample, ...] = ()
    keys: Mapping[str, Any] = field(default_factory=dict)
    file: Path = Path()


def load_profiles(folders: Sequence[Path], *, own_keys: Collection[str] = ()) -> dict[str, Profile]:
    """Return the profiles of all `*.yaml` in the folders by id (the file's name); a later folder's wins.

    `own_keys` are the top-level keys that belong to the agent. Raises ProfileError.
    """
    profiles: dict[str, Profile] = {}
    for folder in folders:
        if not folder.is_dir():
            raise ProfileError(f"{folder} is not a folder of profiles")
        for file in sorted(folder.glob("*.yaml")):
            profiles[file.stem] = load_profile(file, own_keys=own_keys)
    return profiles


def load_profile(file: Path, *, own_keys: Collection[str] = ()) -> Profile:
    """Read and check one profile; raises ProfileError naming the file and the key."""
    try:
        document = yaml.load(file.read_text(encoding="utf-8"), Loader=_YAML)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ProfileError(f"{file}: cannot be read as YAML: {error}") from error
    return parse_profile(document, id=file.stem, file=file, own_keys=own_keys)


def parse_profile(document: Any, *, id: str, file: Path = Path(), own_keys: Collection[str] = ()) -> Profile:
    """Check a profile that is a document already; raises ProfileError."""
    try:
        return _profile(document, id, file, own_keys)
    except _Wrong as wrong:
        raise ProfileError(f"profile {file if file.name else id}: {wrong}") from wrong


class _Wrong(Exception):
    """Carry what is wrong up to where the file's name is known."""


def _mapping(value: Any, place: str, *, keys: Collection[str] | None = None) -> dict[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise _Wrong(f"{place} must be a mapping, not {value!r}")
    for key in value:
        if keys is not None and key not in keys:
            near = difflib.get_close_matches(key, list(keys), 1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(sorted(keys))}"
            raise _Wrong(f"{place} has an unknown key {key!r}{hint}")
    return value


def _text(value: Any, place: str) -> str:
    if not isinstance(value, str) or not value:
        raise _Wrong(f"{place} must be a text, not {value!r}")
    return value


def _path(value: Any, place: str) -> jsonpath.Path:
    try:
        return jsonpath.parse(_text(value, place))
    except ValueError as error:
        raise _Wrong(f"{place}: {error}") from error


def _number(value: Any, place: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _Wrong(f"{place} must be a number, not {value!r}")
    return value


def _one_of(value: Any, choices: Sequence[str], place: str) -> Any:
    if value not in choices:
        raise _Wrong(f"{place} must be one of {', '.join(choices)}, not {value!r}")
    return value


def _profile(document: Any, id: str, file: Path, own_keys: Collection[str]) -> Profile:
    body = _mapping(document, "the profile", keys=[*_PROFILE_KEYS, *own_keys])
    for key in ("type", "id", "attributes"):
        if key not in body:
            raise _Wrong(f"{key!r} is missing")
    title = body.get("title", id)
    captures = _mapping(body.get("captures", {}), "captures")
    rules = _mapping(body["attributes"], "attributes")
    static = _mapping(body.get("static", {}), "static")
    samples = body.get("samples", [])
    if not isinstance(samples, list):
        raise _Wrong("samples must be a list")
    return Profile(
        id=id,
        title=title if isinstance(title, dict) else {"en": _text(title, "title")},
        type=_text(body["type"], "type"),
        entity_id=_text(body["id"], "id"),
        attributes=tuple(_attribute(name, rule) for name, rule in rules.items()),
        static=tuple(_static(name, rule) for name, rule in static.items()),
        captures={name: _path(path, f"captures.{name}") for name, path in captures.items()},
        tenant=body.get("tenant", ""),
        each=_path(body["each"], "each") if "each" in body else None,
        moment=_moment(body["observedAt"], "observedAt") if "observedAt" in body else Moment(),
        samples=tuple(_sample(sample, f"samples[{index}]") for index, sample in enumerate(samples)),
        keys={key: body[key] for key in own_keys if key in body},
        file=file,
    )


def _sample(value: Any, place: str) -> Sample:
    body = _mapping(value, place, keys=("source", "payload", "entity"))
    if "payload" not in body:
        raise _Wrong(f"{place} has no payload")
    return Sample(_text(body.get("source"), f"{place}.source"), body["payload"], body.get("entity"))


def _attribute(name: str, value: Any) -> AttributeRule:
    place = f"attributes.{name}"
    rule = _mapping({"path": value} if isinstance(value, str) else value or {}, place, keys=_ATTRIBUTE_KEYS)
    kind = _one_of(rule.get("kind", "Property"), _KINDS, f"{place}.kind")
    if ("lon" in rule) != ("lat" in rule):
        raise _Wrong(f"{place} needs both lon and lat")
    if "lon" in rule and kind != "GeoProperty":
        raise _Wrong(f"{place} has lon and lat: its kind must be GeoProperty")
    if kind == "Relationship" and "object" not in rule:
        raise _Wrong(f"{place} is a Relationship: it needs an object, say 'urn:ngsi-ld:Device:{{value}}'")
    low, high = _bounds(rule.get("range"), place)
    path_text = rule.get("path", f'"{name}"')
    values = rule.get("values")
    if values is not None and not isinstance(values, dict):
        raise _Wrong(f"{place}.values must be a mapping from what comes to what is written")
    return AttributeRule(
        name=name,
        kind=kind,
        path=_path(path_text, f"{place}.path"),
        path_text=path_text.strip('"'),
        type=_one_of(rule.get("type", "any"), _VALUE_TYPES, f"{place}.type"),
        unit=_text(rule["unit"], f"{place}.unit") if "unit" in rule else None,
        scale=_number(rule["scale"], f"{place}.scale") if "scale" in rule else None,
        offset=_number(rule.get("offset", 0.0), f"{place}.offset"),
        low=low,
        high=high,
        values=values,
        optional=bool(rule.get("optional", False)),
        lon=_path(rule["lon"], f"{place}.lon") if "lon" in rule else None,
        lat=_path(rule["lat"], f"{place}.lat") if "lat" in rule else None,
        object=_text(rule["object"], f"{place}.object") if "object" in rule else None,
        moment=_moment(rule["observedAt"], f"{place}.observedAt") if "observedAt" in rule else None,
        dataset=_text(rule["datasetId"], f"{place}.datasetId") if "datasetId" in rule else None,
    )


def _bounds(value: Any, place: str) -> tuple[float | None, float | None]:
    if value is None:
        return None, None
    if not isinstance(value, list) or len(value) != 2:
        raise _Wrong(f"{place}.range must be [lowest, highest], either may be null")
    low, high = (None if end is None else _number(end, f"{place}.range") for end in value)
    return low, high


def _static(name: str, value: Any) -> StaticRule:
    place = f"static.{name}"
    if not isinstance(value, dict):
        return StaticRule(name, "Property", value)
    rule = _mapping(value, place, keys=_STATIC_KEYS)
    kind = _one_of(rule.get("kind", "Property"), _KINDS, f"{place}.kind")
    member = "object" if kind == "Relationship" else "value"
    if member not in rule:
        raise _Wrong(f"{place} has no {member}")
    return StaticRule(name, kind, rule[member], rule.get("unit"))


def _moment(value: Any, place: str) -> Moment:
    rule = _mapping(
        {"path": value} if isinstance(value, str) else value,
        place,
        keys=("path", "format", "zone", "optional"),
    )
    if "path" not in rule:
        raise _Wrong(f"{place} has no path")
    return Moment(
        path=_path(rule["path"], f"{place}.path"),
        format=_text(rule.get("format", "iso"), f"{place}.format"),
        zone=_zone(rule["zone"], f"{place}.zone") if "zone" in rule else None,
        optional=bool(rule.get("optional", False)),
    )


def _zone(value: Any, place: str) -> tzinfo:
    text = _text(value, place)
    offset = _OFFSET.fullmatch(text)
    if offset is not None:
        sign, hours, minutes = offset.groups()
        return timezone((1 if sign == "+" else -1) * timedelta(hours=int(hours), minutes=int(minutes)))
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise _Wrong(f"{place}: no time zone {text!r} is known here; write an offset such as '+09:00'") from error
