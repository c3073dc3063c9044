"""Write entities in the representations of the standard, names compacted (GS CIM 009, 4.5 and 4.15 to 4.21)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from hiroba.kernel.model.context import Context
from hiroba.kernel.model.entity import LOCATION, VALUE_MEMBERS, Entity, Instance
from hiroba.kernel.model.geometry import is_geometry
from hiroba.kernel.model.languages import in_language

NORMALIZED: Final = "normalized"
CONCISE: Final = "concise"
SIMPLIFIED: Final = "simplified"

_HIDDEN: Final = frozenset(("createdAt", "modifiedAt", "deletedAt", "expiresAt", "instanceId"))
_SYSTEM: Final = ("createdAt", "modifiedAt", "deletedAt", "expiresAt")
_AMBIGUOUS: Final = frozenset(
    (*VALUE_MEMBERS.values(), "type", "@type", "observedAt", "unitCode", "datasetId", "dataset")
)


@dataclass(frozen=True, slots=True)
class View:
    """How entities are to be shown.

    `lang` is an Accept-Language text. `pick`, `omit` and `attrs` hold attribute IRIs, `pick` and `omit` also `id`,
    `type` and `scope`: only what is in `pick` is shown, nothing of what is in `omit`; `attrs` chooses attributes and
    leaves the rest. `datasets` holds the datasetIds to show, `@none` for the default instance.
    """

    format: str = NORMALIZED
    sys_attrs: bool = False
    lang: str | None = None
    pick: tuple[str, ...] | None = None
    omit: tuple[str, ...] | None = None
    attrs: tuple[str, ...] | None = None
    datasets: frozenset[str] | None = None
    whole: bool = field(init=False, compare=False, repr=False)
    """True when every attribute with all its instances is shown."""
    hashed: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        whole = self.pick is None and self.omit is None and self.attrs is None and self.datasets is None
        object.__setattr__(self, "whole", whole)
        key = (self.format, self.sys_attrs, self.lang, self.pick, self.omit, self.attrs, self.datasets)
        object.__setattr__(self, "hashed", hash(key))

    def __hash__(self) -> int:
        return self.hashed

    def shows(self, member: str) -> bool:
        """Tell whether an attribute (IRI), or `id`, `type` or `scope`, is to be shown."""
        if self.pick is not None and member not in self.pick:
            return False
        if self.omit is not None and member in self.omit:
            return False
        return self.attrs is None or member in self.attrs or member in ("id", "type", "scope")


def compact_entity(entity: Entity, context: Context, view: View) -> dict[str, Any]:
    """Return an entity as a view shows it, without @context. The answer shares values with the entity."""
    shown: dict[str, Any] = {}
    whole = view.whole
    if whole or view.shows("id"):
        shown["id"] = entity["id"]
    if whole or view.shows("type"):
        shown["type"] = _types(entity, context)
    _properties(shown, entity, context, view)
    return shown


def to_feature(entity: Entity, context: Context, view: View, geometry_property: str | None = None) -> dict[str, Any]:
    """Return an entity as a GeoJSON Feature (4.5.16, 4.5.17); its geometry is null when it has none.

    `geometry_property` is the IRI of a GeoProperty, `location` by default; of several instances the default one
    counts, or the one that the view's `datasets` chooses.
    """
    properties: dict[str, Any] = {}
    if view.shows("type"):
        properties["type"] = _types(entity, context)
    _properties(properties, entity, context, view)
    return {
        "id": entity["id"],
        "type": "Feature",
        "geometry": _geometry(entity, view, geometry_property or LOCATION),
        "properties": properties,
    }


def feature_collection(
    entities: Iterable[Entity], context: Context, view: View, geometry_property: str | None = None
) -> dict[str, Any]:
    """Return entities as a GeoJSON FeatureCollection."""
    features = [to_feature(entity, context, view, geometry_property) for entity in entities]
    return {"type": "FeatureCollection", "features": features}


def compact_attribute(instances: list[Instance], name: str, context: Context, view: View) -> Any:
    """Return all instances of an attribute as a view shows them: one value, an array, or a `dataset` map."""
    if view.format == SIMPLIFIED:
        if len(instances) == 1 and "datasetId" not in instances[0]:
            return _simplified(instances[0], context, view)
        return {"dataset": {one.get("datasetId", "@none"): _simplified(one, context, view) for one in instances}}
    if len(instances) == 1:
        return compact_instance(instances[0], context, view, name=name)
    return [compact_instance(one, context, view) for one in instances]


def compact_instance(
    instance: Instance, context: Context, view: View, *, name: str | None = None, instance_id: bool = False
) -> Any:
    """Return one instance as a view shows it; `instance_id` adds the id that the temporal representation shows.

    `name`, the attribute's compacted name, allows the concise representation to be a bare value; in an array, where
    that would be taken for part of a value, leave it out.
    """
    if view.lang is not None and "languageMap" in instance:
        instance = in_language(instance, view.lang)
    if view.format == SIMPLIFIED:
        return _simplified(instance, context, view)
    shown = _normalized(instance, context, view)
    if instance_id and "instanceId" in instance:
        shown["instanceId"] = instance["instanceId"]
    return _concise(shown, context, name) if view.format == CONCISE else shown


def compact_value(value: Any, context: Context) -> Any:
    """Return a Property's value with the keys of its objects compacted."""
    kind = type(value)
    if kind is dict:
        if "@value" in value or is_geometry(value):
            return value
        compact = context.compact_name
        return {
            compact(key): item if type(item) is not dict and type(item) is not list else compact_value(item, context)
            for key, item in value.items()
        }
    if kind is list:
        return [
            item if type(item) is not dict and type(item) is not list else compact_value(item, context)
            for item in value
        ]
    return value


def _types(entity: Entity, context: Context) -> Any:
    types = entity["type"]
    if len(types) == 1:
        return context.compact_name(types[0])
    return [context.compact_name(one) for one in types]


def _properties(shown: dict[str, Any], entity: Entity, context: Context, view: View) -> None:
    """Add everything of an entity but its id and type."""
    scope = entity.get("scope")
    whole = view.whole
    if scope and (whole or view.shows("scope")):
        shown["scope"] = scope[0] if len(scope) == 1 else scope
    if view.sys_attrs:
        for member in _SYSTEM:
            if member in entity:
                shown[member] = entity[member]
    compact = context.compact_name
    plain = view.format == NORMALIZED and view.lang is None
    for iri, instances in entity["attrs"].items():
        if not whole:
            if not view.shows(iri):
                continue
            if view.datasets is not None:
                instances = [one for one in instances if one.get("datasetId", "@none") in view.datasets]
                if not instances:
                    continue
        name = compact(iri)
        if plain and len(instances) == 1:
            shown[name] = _normalized(instances[0], context, view)
        else:
            shown[name] = compact_attribute(instances, name, context, view)


def _normalized(instance: Instance, context: Context, view: View) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for member, value in instance.items():
        if member == "value":
            kind = type(value)
            shown[member] = compact_value(value, context) if kind is dict or kind is list else value
        elif member in _HIDDEN:
            if view.sys_attrs and member != "instanceId":
                shown[member] = value
        elif member in _NAMED:
            names = _names(value, context)
            shown[member] = names[0] if member == "objectType" and len(value) == 1 else names
        elif member == "valueList":
            shown[member] = compact_value(value, context)
        elif member == "attrs":
            for iri, instances in value.items():
                name = context.compact_name(iri)
                shown[name] = compact_attribute(instances, name, context, view)
        else:
            shown[member] = value
    return shown


_NAMED: Final = frozenset(("vocab", "objectType", "valueType", "previousVocab"))


def _names(value: Any, context: Context) -> Any:
    if type(value) is list:
        return [context.compact_name(one) for one in value]
    return context.compact_name(value)


def _concise(shown: dict[str, Any], context: Context, name: str | None) -> Any:
    """Take out of a normalized instance what its reader can tell without it (4.5.2.3)."""
    kind = shown["type"]
    member = VALUE_MEMBERS[kind]
    if member not in shown:
        return shown
    value = shown[member]
    if kind == "Property" and is_geometry(value):
        return shown
    if name is not None and member == "value" and len(shown) == 2:
        if kind == "GeoProperty" or not _misread(value, name, context):
            return value
    elif kind == "ListRelationship":
        shown[member] = [one["object"] if type(one) is dict and len(one) == 1 else one for one in value]
    del shown["type"]
    return shown


def _misread(value: Any, name: str, context: Context) -> bool:
    """Tell whether a bare Property value would be taken for something else."""
    if type(value) is dict:
        return not value or not _AMBIGUOUS.isdisjoint(value)
    if type(value) is list and any(type(one) is dict and not _AMBIGUOUS.isdisjoint(one) for one in value):
        return True
    return name in context.links


def _simplified(instance: Instance, context: Context, view: View) -> Any:
    if view.lang is not None and "languageMap" in instance:
        instance = in_language(instance, view.lang)
    kind = instance["type"]
    member = VALUE_MEMBERS[kind]
    if member not in instance:
        return instance.get("value")
    for carried in ("entity", "entityList"):
        if carried in instance:
            return instance[carried]
    value = instance[member]
    if member == "value" or member == "valueList":
        return compact_value(value, context)
    if member == "object":
        return value
    if member == "objectList":
        return [one["object"] if type(one) is dict else one for one in value]
    return {member: _names(value, context) if member == "vocab" else value}


def _geometry(entity: Entity, view: View, iri: str) -> Any:
    for instance in entity["attrs"].get(iri, ()):
        dataset = instance.get("datasetId", "@none")
        if dataset in (view.datasets if view.datasets is not None else ("@none",)):
            value = instance.get("value")
            return value if instance["type"] == "GeoProperty" and is_geometry(value) else None
    return None
