"""Finds the values that an attribute path leads to in an entity (GS CIM 009, 4.9)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import IntEnum
from typing import Any, Final, NamedTuple, TypeAlias

from hiroba.kernel.model.entity import VALUE_MEMBERS, Entity, Instance
from hiroba.kernel.model.linking import targets_of
from hiroba.kernel.query.tree import ENTITY_MEMBERS, INSTANCE_MEMBERS, Link, Path

MISSING: Final[Any] = object()
_NOTHING: Final[tuple[Any, ...]] = ()
_VALUE_NAMES: Final = frozenset(VALUE_MEMBERS.values())


class Kind(IntEnum):
    """How a value takes part in comparisons."""

    PLAIN = 0
    LINK = 1  # object(s) of a Relationship: only equal or unequal
    WORDS = 2  # texts of a LanguageProperty: any of them counts


class Found(NamedTuple):
    """One value at the end of a path."""

    kind: Kind
    value: Any


Reader: TypeAlias = Callable[[Entity], Sequence[Found]]
Lookup: TypeAlias = Callable[[str], Entity | None]


def path_reader(path: Path, lookup: Lookup | None = None) -> Reader:
    """Compile a path to a function that returns what it leads to, one item per instance that has it.

    A path into linked entities needs a `lookup` of entities by id; without one it leads nowhere.
    """
    if path.link is not None:
        return _linked_reader(path.attr, path.link, lookup)
    if path.attr in ENTITY_MEMBERS:
        return _member_reader(path)
    attr = path.attr
    core = path.sub[-1] if path.sub and path.sub[-1] in INSTANCE_MEMBERS else None
    steps = path.sub[:-1] if core else path.sub
    keys = tuple(zip(path.trail, path.keys or path.trail, strict=True))

    def take(instance: Instance) -> Any:
        return instance_value(instance, keys) if core is None else _core_value(instance, core, keys)

    def read(entity: Entity) -> Sequence[Found]:
        instances = entity.get("attrs", {}).get(attr)
        if not instances:
            return _NOTHING
        for step in steps:
            instances = [sub for instance in instances for sub in instance.get("attrs", {}).get(step, _NOTHING)]
        if len(instances) == 1:
            one = take(instances[0])
            return _NOTHING if one is MISSING else (one,)
        return [one for one in map(take, instances) if one is not MISSING]

    return read


def _linked_reader(attr: str, link: Link, lookup: Lookup | None) -> Reader:
    if lookup is None:
        return lambda entity: _NOTHING
    find, inner, types = lookup, path_reader(link.path, lookup), frozenset(link.types)

    def read(entity: Entity) -> Sequence[Found]:
        found: list[Found] = []
        for instance in entity.get("attrs", {}).get(attr, _NOTHING):
            for id in targets_of(instance):
                linked = find(id)
                if linked is not None and (not types or not types.isdisjoint(linked["type"])):
                    found.extend(inner(linked))
        return found

    return read


def _member_reader(path: Path) -> Reader:
    name = path.attr
    nothing = bool(path.sub or path.trail)

    def read(entity: Entity) -> Sequence[Found]:
        value = entity.get(name)
        return _NOTHING if nothing or value is None or value == [] else (Found(Kind.PLAIN, value),)

    return read


def instance_value(instance: Instance, keys: Sequence[tuple[str, str]] = ()) -> Any:
    """Return what an instance holds at the (expanded, written) keys inside its value, or MISSING."""
    kind = instance.get("type", "")
    value = instance.get(VALUE_MEMBERS.get(kind, "value"), MISSING)
    if value is MISSING:
        return MISSING
    if kind == "LanguageProperty":
        return _in_language(value, keys)
    if kind in ("Relationship", "ListRelationship"):
        return MISSING if keys else Found(Kind.LINK, _links(value))
    for expanded, written in keys:
        value = _step(value, written if kind in ("JsonProperty", "GeoProperty") else expanded, written)
        if value is MISSING:
            return MISSING
    return Found(Kind.PLAIN, value)


def _links(value: Any) -> Any:
    """Return the URI, or URIs, of a Relationship, also when each stands in an object of its own."""
    if isinstance(value, list):
        return [_links(item) for item in value]
    return value.get("object", value.get("@id")) if isinstance(value, dict) else value


def _core_value(instance: Instance, name: str, keys: Sequence[tuple[str, str]]) -> Any:
    if name in _VALUE_NAMES:
        same = VALUE_MEMBERS.get(instance.get("type", "")) == name
        return instance_value(instance, keys) if same else MISSING
    value = instance.get(name, MISSING)
    return MISSING if value is MISSING or keys else Found(Kind.PLAIN, value)


def _step(value: Any, expanded: str, written: str) -> Any:
    if not isinstance(value, dict):
        return MISSING
    if expanded in value:
        return value[expanded]
    if written in value:
        return value[written]
    return _step(value["@value"], expanded, written) if "@value" in value else MISSING


def _in_language(words: Any, keys: Sequence[tuple[str, str]]) -> Any:
    if not isinstance(words, dict) or len(keys) > 1:
        return MISSING
    if not keys or keys[0][1] == "*":
        return Found(Kind.WORDS, tuple(_flat(words.values())))
    wanted = keys[0][1].lower()  # language tags do not know case (RFC 5646, 2.1.1)
    mine = [value for tag, value in words.items() if tag.lower() == wanted]
    return Found(Kind.WORDS, tuple(_flat(mine))) if mine else MISSING


def _flat(values: Iterable[Any]) -> Iterable[Any]:
    for value in values:
        if isinstance(value, list):
            yield from value
        else:
            yield value


def plain(value: Any) -> Any:
    """Return the value inside a typed one (`{"@type": "DateTime", "@value": …}`), any other as it is."""
    return value["@value"] if isinstance(value, dict) and "@value" in value else value
