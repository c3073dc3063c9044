"""Read one attribute in whatever representation it comes (GS CIM 009, 4.5.2 to 4.5.5, 4.5.18 to 4.5.24, 4.7.3)."""

from __future__ import annotations

from typing import Any, Final

from hiroba.kernel.model.context import Context
from hiroba.kernel.model.entity import NGSI_LD, NULL, VALUE_MEMBERS, Instance
from hiroba.kernel.model.errors import BadRequestData, shown
from hiroba.kernel.model.geometry import is_geometry
from hiroba.kernel.model.ids import check_uri, is_uri
from hiroba.kernel.model.instants import check_instant
from hiroba.kernel.model.values import CHECKS, NULLS, expand_value, null_refused

MAX_LEVELS: Final = 16

_CONCISE: Final = {member: kind for kind, member in VALUE_MEMBERS.items() if kind != "GeoProperty"}
_UNITLESS: Final = frozenset(("Relationship", "ListRelationship", "LanguageProperty", "VocabProperty", "JsonProperty"))
_IGNORED: Final = frozenset(
    (
        "createdAt",
        "modifiedAt",
        "deletedAt",
        "instanceId",
        "lang",
        "entity",
        "entityList",
    )
)
"""Members that only a broker writes; in input they are passed over (5.2.2)."""
_NOTIFIED: Final = frozenset("previous" + member[0].upper() + member[1:] for member in VALUE_MEMBERS.values())
"""Members that only a notification carries; in input they would be lost without a word (4.5.2.2 and its like)."""
_SEALED: Final = ("entityIdSealed", "entityTypeSealed")
PROOF: Final = NGSI_LD + "ngsildproof"
_LANG_STRING: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#langString"
_MISSING: Final = object()


def is_null(instance: Instance) -> bool:
    """Tell whether an expanded instance stands for a deletion."""
    return instance.get("value") == NULL


class Reader:
    """Reads attributes under one context. `bare` becomes true when a type was guessed from a bare value.

    `allow_null` lets NGSI-LD Null delete attributes and members, `merging` also keys inside values (5.5.4).
    """

    __slots__ = ("allow_null", "bare", "context", "merging")

    def __init__(self, context: Context, *, allow_null: bool = False, merging: bool = False) -> None:
        self.context = context
        self.allow_null = allow_null
        self.merging = merging
        self.bare = False

    def attribute(self, name: str, value: Any, level: int = 0, path: str = "") -> list[Instance]:
        """Return the instances of an attribute, the default one first; raises BadRequestData naming the member."""
        kind = type(value)
        if kind is dict:
            if len(value) == 1 and "dataset" in value and _are_datasets(value["dataset"]):
                return self._datasets(name, value["dataset"], level, path or name)
            return [self._instance(name, value, level, path or name)]
        if kind is list and _are_instances(value, path or name):
            found = [self._instance(name, one, level, path or name) for one in value]
            return _in_order(found, path or name)
        return [self._bare(name, value, path or name)]

    def patch(self, path: str, raw: dict[str, Any]) -> Instance:
        """Return what a partial update gives of an instance: any members, none required (5.6.4)."""
        given = raw.get("type", raw.get("@type"))
        kind = _kind(given) if given is not None else self._inferred(raw, path)
        if given is not None and kind is None:
            raise _unknown_type(given, path)
        instance: Instance = {}
        if kind is not None:
            member = VALUE_MEMBERS[kind]
            instance["type"] = kind
            if member in raw and self._value(instance, kind, member, raw[member], path):
                instance = {"type": kind, "value": NULL}
        for name, value in raw.items():
            if name not in ("type", "@type") and (kind is None or name != VALUE_MEMBERS[kind]):
                self._member(instance, name, value, kind, 0, path)
        return instance

    def _instance(self, name: str, raw: dict[str, Any], level: int, path: str) -> Instance:
        """Return one instance from an object: normalized, concise, or a bare value that is an object."""
        given = raw.get("type")
        if type(given) is str and given in VALUE_MEMBERS:
            kind = given
        else:
            guessed = self._guess(raw, path)
            if guessed is None:
                return self._bare(name, raw, path)
            kind = guessed
        member = VALUE_MEMBERS[kind]
        value = raw.get(member, _MISSING)
        if value is _MISSING:
            raise BadRequestData(f"{path}.{member} is missing; a {kind} has it.")
        instance: Instance = {"type": kind}
        simple = type(value)
        if kind == "Property" and (simple is float or simple is int or simple is bool):
            instance["value"] = value
        elif self._value(instance, kind, member, value, path):
            return self._deletion(kind, raw, path)
        if len(raw) > 2 or given is None:
            for key, one in raw.items():
                if key == member or key == "type":
                    continue
                if key == "observedAt" and one != NULL:
                    instance[key] = check_instant(one, f"{path}.observedAt")
                else:
                    self._member(instance, key, one, kind, level, path)
        return instance

    def _value(self, instance: Instance, kind: str, member: str, value: Any, path: str) -> bool:
        """Check the value and put it into the instance; tell whether it is a deletion instead."""
        if value in NULLS[member]:
            if not self.allow_null:
                raise null_refused(f"{path}.{member}")
            return True
        instance[member] = CHECKS[kind](value, self.context, f"{path}.{member}", self.merging)
        return False

    def _deletion(self, kind: str, raw: dict[str, Any], path: str) -> Instance:
        instance: Instance = {"type": kind, "value": NULL}
        if "datasetId" in raw:
            self._member(instance, "datasetId", raw["datasetId"], kind, 0, path)
        return instance

    def _member(self, instance: Instance, name: str, value: Any, kind: str | None, level: int, path: str) -> None:
        """Check a member that is not the value and put it into the instance; unknown ones are sub-attributes."""
        if value == NULL and name != "datasetId" and self.allow_null and name in _NULLABLE:
            instance[name] = NULL
        elif name == "observedAt" or name == "expiresAt":
            instance[name] = check_instant(value, f"{path}.{name}")
        elif name == "unitCode":
            instance[name] = _unit(value, kind, path)
        elif name == "datasetId":
            if value != "@none":
                if value == NULL:
                    raise null_refused(f"{path}.datasetId")
                instance[name] = check_uri(value, f"{path}.datasetId")
        elif name == "objectType":
            instance[name] = self._object_types(value, kind, path)
        elif name == "valueType":
            instance[name] = self._value_type(value, kind, path)
        elif name in _CONCISE:
            raise BadRequestData(f"{path}.{name} does not belong to a {kind or 'fragment without a type'}.")
        elif name in _IGNORED or name == "@type" or name == "@id" or name == "id":
            return
        elif name == "@context":
            raise BadRequestData(f"{path} has an @context of its own; only the whole document can have one.")
        elif name in _NOTIFIED:
            raise BadRequestData(f"{path}.{name} is only for notifications; leave it out.")
        elif name in _SEALED:
            self._sealed(instance, name, value, path)
        else:
            self._sub_attribute(instance, name, value, level, path)

    def _sub_attribute(self, instance: Instance, name: str, value: Any, level: int, path: str) -> None:
        if level >= MAX_LEVELS:
            raise BadRequestData(f"{path} is nested deeper than {MAX_LEVELS} attributes.")
        iri = self.context.attribute_name(name)
        subs = instance.setdefault("attrs", {})
        if iri in subs:
            raise BadRequestData(f"{path}.{name} is given twice under different names.")
        bare = self.bare
        subs[iri] = self.attribute(name, value, level + 1, f"{path}.{name}")
        self.bare = bare

    def _sealed(self, instance: Instance, name: str, value: Any, path: str) -> None:
        """Keep the members that seal a proof to its entity, which only ngsildproof has (4.5.2.2)."""
        last = path.rpartition(".")[2]
        if self.context.expand_name(last) != PROOF or type(value) not in (str, list):
            raise BadRequestData(f"{path}.{name} belongs to ngsildproof alone, as a text or an array of texts.")
        instance[name] = value

    def _object_types(self, value: Any, kind: str | None, path: str) -> list[str]:
        if kind not in ("Relationship", "ListRelationship", None):
            raise BadRequestData(f"{path}.objectType does not belong to a {kind}.")
        names = value if type(value) is list and value else [value]
        return [self.context.type_name(name) for name in names]

    def _value_type(self, value: Any, kind: str | None, path: str) -> str:
        if type(value) is not str or not value:
            raise BadRequestData(f"{path}.valueType is no text.")
        if kind in ("Relationship", "ListRelationship"):
            raise BadRequestData(f"{path}.valueType does not belong to a {kind}.")
        iri = self.context.expand_name(value)
        if kind == "LanguageProperty" and iri != _LANG_STRING and value != "rdf:langString":
            raise BadRequestData(f"{path}.valueType is {shown(value)}; for a LanguageProperty it is langString.")
        return iri

    def _guess(self, raw: dict[str, Any], path: str) -> str | None:
        """Return the attribute type that an object without a plain `type` means, None for a bare value."""
        if "@value" in raw:
            return None
        given = raw.get("type", raw.get("@type"))
        if given is None:
            kind = self._inferred(raw, path)
            if kind is None and ("observedAt" in raw or "unitCode" in raw or "datasetId" in raw or not raw):
                raise BadRequestData(f"{path} has no value.")
            return kind
        kind = _kind(given)
        if kind is not None:
            return kind
        if given == "GeometryCollection" or any(one in raw for one in _CONCISE):
            raise _unknown_type(given, path)
        return None

    def _inferred(self, raw: dict[str, Any], path: str) -> str | None:
        """Return the attribute type that the value member implies (concise representation)."""
        found = [member for member in _CONCISE if member in raw]
        if not found:
            return None
        if len(found) > 1:
            raise BadRequestData(f"{path} has both {found[0]} and {found[1]}; an attribute has one value.")
        if found[0] == "value" and is_geometry(raw["value"]):
            return "GeoProperty"
        return _CONCISE[found[0]]

    def _bare(self, name: str, value: Any, path: str) -> Instance:
        """Return the instance that a bare value means (4.5.4): a GeoProperty, a link, else a Property."""
        self.bare = True
        if value == NULL:
            if not self.allow_null:
                raise null_refused(path)
            return {"type": "Property", "value": NULL}
        if is_geometry(value):
            return {"type": "GeoProperty", "value": CHECKS["GeoProperty"](value, self.context, path, False)}
        if name in self.context.links and _is_link(value):
            return {"type": "Relationship", "object": value}
        return {"type": "Property", "value": expand_value(value, self.context, path, self.merging)}

    def _datasets(self, name: str, values: dict[str, Any], level: int, path: str) -> list[Instance]:
        """Return the instances of a simplified attribute with several of them (4.5.4)."""
        found = []
        for dataset, value in values.items():
            one = self._instance(name, value, level, path) if type(value) is dict else self._bare(name, value, path)
            if "datasetId" in one:
                raise BadRequestData(f"{path}.dataset[{shown(dataset)}] has a datasetId of its own.")
            if dataset != "@none":
                one["datasetId"] = dataset
            found.append(one)
        return _in_order(found, path)


_NULLABLE: Final = frozenset(("observedAt", "expiresAt", "unitCode", "objectType", "valueType"))


def _are_datasets(values: Any) -> bool:
    """Tell the `dataset` map of a simplified attribute from an object that merely has such a key."""
    return type(values) is dict and bool(values) and all(key == "@none" or is_uri(key) for key in values)


def _are_instances(values: list[Any], path: str) -> bool:
    """Tell an array of instances from an array that is a value; raises BadRequestData for a mixture."""
    objects = [one for one in values if type(one) is dict]
    if not any(_looks_like_instance(one) for one in objects):
        return False
    if len(objects) < len(values):
        raise BadRequestData(f"{path} is an array of attribute instances and of bare values; it can be one of them.")
    return True


def _looks_like_instance(value: dict[str, Any]) -> bool:
    given = value.get("type", value.get("@type"))
    if given is None:
        return any(member in value for member in _CONCISE)
    return _kind(given) is not None or "value" in value


def _kind(given: Any) -> str | None:
    """Return the attribute type that a `type` names, also as an IRI."""
    if type(given) is not str:
        return None
    short = given.removeprefix(NGSI_LD).removeprefix("ngsi-ld:")
    return short if short in VALUE_MEMBERS else None


def _unit(value: Any, kind: str | None, path: str) -> str:
    if kind in _UNITLESS:
        raise BadRequestData(f"{path}.unitCode does not belong to a {kind}.")
    if type(value) is not str or not value:
        raise BadRequestData(f"{path}.unitCode is no text; a UN/CEFACT code such as CEL or MTR is expected.")
    return value


def _is_link(value: Any) -> bool:
    if type(value) is list:
        return bool(value) and all(is_uri(one) for one in value)
    return is_uri(value)


def _in_order(instances: list[Instance], path: str) -> list[Instance]:
    """Return the instances with the default one first; raises BadRequestData unless each has its own datasetId."""
    seen: set[str | None] = set()
    for instance in instances:
        dataset = instance.get("datasetId")
        if dataset in seen:
            which = f"instances with the datasetId {dataset!r}" if dataset else "default instances"
            raise BadRequestData(f"{path} has several {which}; there can be one at most.")
        seen.add(dataset)
    return sorted(instances, key=lambda one: "datasetId" in one)


def _unknown_type(given: Any, path: str) -> BadRequestData:
    return BadRequestData(f"{path}.type is {shown(given)}; one of {', '.join(VALUE_MEMBERS)} is expected.")
