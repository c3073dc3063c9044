"""Show entities as NGSIv2 does: normalized, keyValues, values or unique, with what is built in on demand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import orjson

from hiroba.kernel.model.entity import Entity, Instance
from hiroba.kernel.model.instants import parse_instant
from hiroba.kernel.model.ngsi_v2.attributes import EXPIRES
from hiroba.kernel.model.ngsi_v2.names import attribute_iri, name_of, path_of, shown_id
from hiroba.kernel.model.ngsi_v2.values import from_instance, moment_of

NORMALIZED: Final = "normalized"
KEY_VALUES: Final = "keyValues"
VALUES: Final = "values"
UNIQUE: Final = "unique"
ALL: Final = "*"
BUILTIN_ATTRIBUTES: Final = ("dateCreated", "dateModified", EXPIRES, "alterationType", "servicePath")
BUILTIN_METADATA: Final = ("dateCreated", "dateModified", "previousValue", "actionType")
_STAMPS: Final = {"dateCreated": "createdAt", "dateModified": "modifiedAt", EXPIRES: "expiresAt"}


@dataclass(slots=True, frozen=True)
class Shape:
    """What of an entity is shown and how: `attrs` and `metadata` are names, None for all that users wrote.

    `covered` shows named attributes that are not there as null; `hidden` are attributes never shown.
    """

    format: str = NORMALIZED
    attrs: tuple[str, ...] | None = None
    metadata: tuple[str, ...] | None = None
    covered: bool = False
    hidden: frozenset[str] = frozenset()


@dataclass(slots=True, frozen=True)
class Happening:
    """What a notification tells beyond the state: the alteration, and (action, previous instance) by attribute IRI."""

    alteration: str
    actions: dict[str, tuple[str, Instance | None]]


def show_entity(entity: Entity, shape: Shape, happening: Happening | None = None) -> Any:
    """Return an entity in a shape."""
    attrs = {name: one for name, one in _attributes(entity, shape, happening)}
    if shape.format == NORMALIZED:
        return {"id": shown_id(entity["id"]), "type": name_of(entity["type"][0]), **attrs}
    values = {name: one["value"] for name, one in attrs.items()}
    if shape.format == KEY_VALUES:
        return {"id": shown_id(entity["id"]), "type": name_of(entity["type"][0]), **values}
    listed = list(values.values())
    return distinct(listed) if shape.format == UNIQUE else listed


def distinct(values: list[Any]) -> list[Any]:
    """Return the values, each once."""
    seen = {orjson.dumps(one, option=orjson.OPT_SORT_KEYS): one for one in reversed(values)}
    return list(reversed(seen.values()))


def show_attribute(
    instance: Instance, metadata: tuple[str, ...] | None = None, action: tuple[str, Instance | None] | None = None
) -> dict[str, Any]:
    """Return an attribute with its type, value and metadata."""
    kind, value = from_instance(instance)
    return {"type": kind, "value": value, "metadata": _metadata(instance, metadata, action)}


def default_instance(instances: list[Instance]) -> Instance:
    """Return the one instance that NGSIv2 shows of an attribute: the default one, else the first."""
    return next((one for one in instances if "datasetId" not in one), instances[0])


def _attributes(entity: Entity, shape: Shape, happening: Happening | None) -> list[tuple[str, dict[str, Any]]]:
    names = shape.attrs if shape.attrs is not None else (ALL,)
    present = entity["attrs"]
    found: list[tuple[str, dict[str, Any]]] = []
    taken: set[str] = set()

    def add(iri: str) -> None:
        action = happening.actions.get(iri) if happening is not None else None
        name = name_of(iri)
        if name not in taken and name not in shape.hidden:
            taken.add(name)
            found.append((name, show_attribute(default_instance(present[iri]), shape.metadata, action)))

    for name in names:
        iri = attribute_iri(name)
        if name == ALL:
            for each in present:
                if ALL in names and name_of(each) in names:
                    continue
                add(each)
        elif iri in present:
            add(iri)
        elif name in BUILTIN_ATTRIBUTES:
            built = _built_in(entity, name, happening)
            if built is not None and name not in shape.hidden:
                found.append((name, built))
        elif shape.covered:
            found.append((name, {"type": "None", "value": None, "metadata": {}}))
    return found


def _built_in(entity: Entity, name: str, happening: Happening | None) -> dict[str, Any] | None:
    if name == "servicePath":
        return {"type": "Text", "value": path_of(entity), "metadata": {}}
    if name == "alterationType":
        return {"type": "Text", "value": happening.alteration, "metadata": {}} if happening is not None else None
    value = entity.get(_STAMPS[name])
    return {"type": "DateTime", "value": value, "metadata": {}} if value is not None else None


def _metadata(
    instance: Instance, names: tuple[str, ...] | None, action: tuple[str, Instance | None] | None
) -> dict[str, Any]:
    wanted = names if names is not None else (ALL,)
    own = user_metadata(instance)
    shown = own if ALL in wanted else {name: own[name] for name in wanted if name in own}
    for name in wanted:
        if name in BUILTIN_METADATA and name not in own:
            built = _built_in_metadata(instance, name, action)
            if built is not None:
                shown[name] = built
    return shown


def _built_in_metadata(
    instance: Instance, name: str, action: tuple[str, Instance | None] | None
) -> dict[str, Any] | None:
    if name == "actionType":
        return {"type": "Text", "value": action[0]} if action is not None else None
    if name == "previousValue":
        if action is None or action[1] is None:
            return None
        kind, value = from_instance(action[1])
        return {"type": kind, "value": value}
    value = instance.get(_STAMPS[name])
    return {"type": "DateTime", "value": value} if value is not None else None


def user_metadata(instance: Instance) -> dict[str, Any]:
    """Return the metadata that users wrote, by name: sub-attributes, and the members that NGSI-LD has for them."""
    found: dict[str, Any] = {}
    if "unitCode" in instance:
        found["unitCode"] = {"type": "Text", "value": instance["unitCode"]}
    for iri, subs in instance.get("attrs", {}).items():
        kind, value = from_instance(default_instance(subs))
        found.setdefault(name_of(iri), {"type": kind, "value": value})
    observed = instance.get("observedAt")
    if observed is not None and not _told_by(found.get("TimeInstant"), observed):
        found.setdefault("observedAt", {"type": "DateTime", "value": observed})
    return found


def _told_by(instant: dict[str, Any] | None, observed: str) -> bool:
    return instant is not None and moment_of(instant["value"]) == parse_instant(observed.replace(",", "."))
