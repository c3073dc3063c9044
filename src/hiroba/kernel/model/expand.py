"""Turn NGSI-LD payloads into entities: names expanded, everything checked (GS CIM 009, 4.5, 4.6, 5.2, 5.5.4).

Normalized, concise and simplified input may be mixed freely; what an attribute is follows from its shape.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Final

from hiroba.kernel.model.attributes import PROOF, Reader, is_null
from hiroba.kernel.model.context import Context
from hiroba.kernel.model.entity import LOCATION, NGSI_LD, NULL, VALUE_MEMBERS, Attributes, Entity, Instance
from hiroba.kernel.model.errors import BadRequestData, shown
from hiroba.kernel.model.geometry import is_geometry
from hiroba.kernel.model.ids import check_uri
from hiroba.kernel.model.instants import check_instant
from hiroba.kernel.model.names import ENTITY_MEMBERS
from hiroba.kernel.model.values import CHECKS, null_refused

_STAMPS: Final = frozenset(("createdAt", "modifiedAt", "deletedAt", "@context"))
_PLACES: Final = (LOCATION, NGSI_LD + "observationSpace", NGSI_LD + "operationSpace")


@dataclass(frozen=True, slots=True)
class Fragment:
    """Part of an entity, expanded: what an update or a merge is about.

    `scope` is None when it is not mentioned and empty when it is to be deleted. `expires_at` may be NGSI-LD Null.
    `deleted` holds the (attribute IRI, datasetId) given as NGSI-LD Null; they are not in `attrs`. `plain` holds those
    given as bare values, whose attribute type was only guessed: a merge keeps the type that is there (`fitted`).
    """

    id: str | None = None
    types: tuple[str, ...] = ()
    scope: tuple[str, ...] | None = None
    attrs: Attributes = field(default_factory=dict)
    expires_at: str | None = None
    deleted: frozenset[tuple[str, str | None]] = frozenset()
    plain: frozenset[tuple[str, str | None]] = frozenset()
    lang: str | None = None
    context: Context | None = None

    def without_scope(self) -> Fragment:
        """Return the same without its scope."""
        return replace(self, scope=None)

    def fitted(self, iri: str, instance: Instance, before: Instance) -> Instance:
        """Return an instance with its bare value dressed as the type that is there already (5.6.17.4).

        A text for a LanguageProperty becomes the text of the fragment's language. Raises BadRequestData when the
        value cannot be one of that type.
        """
        kind = before["type"]
        if kind == instance["type"] or (iri, instance.get("datasetId")) not in self.plain or self.context is None:
            return instance
        value = instance["object"] if instance["type"] == "Relationship" else instance.get("value")
        rest = {name: one for name, one in instance.items() if name not in ("type", "value", "object")}
        if kind == "LanguageProperty":
            if type(value) is not str:
                return instance
            value = {self.lang or "@none": value}
        elif kind == "ListProperty" and type(value) is list:
            return {"type": kind, "valueList": value, **rest}
        elif kind == "JsonProperty" or (kind == "Property" and instance["type"] == "GeoProperty"):
            return instance
        member = VALUE_MEMBERS[kind]
        checked = CHECKS[kind](value, self.context, self.context.compact_name(iri), True)
        return {"type": kind, member: checked, **rest}


def expand_entity(payload: Any, context: Context) -> Entity:
    """Return a whole entity, checked; createdAt, modifiedAt and instanceId in the payload are passed over.

    Raises BadRequestData naming the member.
    """
    reader = Reader(context)
    entity: Entity = {"id": None, "type": None}
    attrs: Attributes = {}
    known = context.attribute_names
    if type(payload) is not dict:
        raise BadRequestData("The entity is not a JSON object.")
    for name, value in payload.items():
        iri = known.get(name)
        if iri is None:
            if name in ENTITY_MEMBERS:
                _entity_member(entity, name, value, context)
                continue
            iri = context.attribute_name(name)
        if iri in attrs:
            raise _twice(name)
        attrs[iri] = reader.attribute(name, value)
    if entity["id"] is None:
        raise BadRequestData("The entity has no id; a URI is expected.")
    if entity["type"] is None:
        raise BadRequestData("The entity has no type.")
    _check_meanings(attrs)
    entity["attrs"] = attrs
    return entity


def _entity_member(entity: Entity, name: str, value: Any, context: Context) -> None:
    """Check a member of an entity that is no attribute and keep it."""
    if name == "id" or name == "@id":
        entity["id"] = expand_id(value)
    elif name == "type" or name == "@type":
        entity["type"] = list(expand_types(value, context))
    elif name == "scope":
        entity["scope"] = list(expand_scope(value))
    elif name == "expiresAt":
        entity["expiresAt"] = check_instant(value, "expiresAt")


def _check_meanings(attrs: Attributes) -> None:
    """Raise BadRequestData where an attribute that the standard itself defines is not what it says (4.5.2.2, 4.7.1)."""
    for iri in _PLACES:
        for instance in attrs.get(iri, ()):
            if instance["type"] != "GeoProperty" and not is_geometry(instance.get("value")):
                raise BadRequestData(f"{iri.removeprefix(NGSI_LD)} is no GeoProperty; a GeoJSON geometry is expected.")
    for instance in attrs.get(PROOF, ()):
        if type(instance.get("value")) is not dict:
            raise BadRequestData("ngsildproof.value is no object; a W3C data integrity proof is expected.")


def expand_fragment(
    payload: Any, context: Context, *, allow_null: bool = False, merging: bool = False, lang: str | None = None
) -> Fragment:
    """Return part of an entity, checked; with `allow_null`, NGSI-LD Null marks what is to be deleted.

    With `merging` that goes for keys inside values too. `lang` is the language of texts given for LanguageProperties.
    Raises BadRequestData naming the member.
    """
    if type(payload) is not dict:
        raise BadRequestData("The entity fragment is not a JSON object.")
    reader = Reader(context, allow_null=allow_null, merging=merging)
    members: dict[str, Any] = {}
    attrs: Attributes = {}
    deleted: set[tuple[str, str | None]] = set()
    plain: set[tuple[str, str | None]] = set()
    seen: set[str] = set()
    for name, value in payload.items():
        if name in ENTITY_MEMBERS:
            if name not in _STAMPS:
                members[name.lstrip("@")] = value
            continue
        iri = context.attribute_name(name)
        if iri in seen:
            raise _twice(name)
        seen.add(iri)
        reader.bare = False
        instances = reader.attribute(name, value)
        if allow_null:
            deleted.update((iri, one.get("datasetId")) for one in instances if is_null(one))
            instances = [one for one in instances if not is_null(one)]
        if reader.bare:
            plain.update((iri, one.get("datasetId")) for one in instances)
        if instances:
            attrs[iri] = instances
    _check_meanings(attrs)
    scope, expires_at = members.get("scope"), members.get("expiresAt")
    return Fragment(
        id=expand_id(members["id"]) if "id" in members else None,
        types=expand_types(members["type"], context) if "type" in members else (),
        scope=_fragment_scope(scope, allow_null=allow_null) if "scope" in members else None,
        attrs=attrs,
        expires_at=_fragment_expiry(expires_at, allow_null=allow_null) if "expiresAt" in members else None,
        deleted=frozenset(deleted),
        plain=frozenset(plain),
        lang=lang,
        context=context,
    )


def expand_attribute(
    payload: Any,
    context: Context,
    *,
    name_hint: str | None = None,
    partial: bool = False,
    allow_null: bool = False,
) -> list[Instance]:
    """Return the instances of one attribute: exactly one, unless the payload is an array of instances.

    With `partial` nothing is required, and `type` is in the answer only when it was given or follows from the value.
    An NGSI-LD Null as the value comes back as `{"type": …, "value": NULL}`. Raises BadRequestData naming the member.
    """
    reader = Reader(context, allow_null=allow_null)
    path = name_hint or "attribute"
    if partial and type(payload) is dict:
        return [reader.patch(path, payload)]
    instances = reader.attribute(path, payload)
    if len(instances) != 1 and type(payload) is not list:
        raise BadRequestData(f"{path} has several instances where one is expected.")
    return instances


def expand_id(value: Any) -> str:
    """Return an entity's id, checked."""
    if value == NULL:
        raise null_refused("id")
    return check_uri(value, "id")


def expand_types(value: Any, context: Context) -> tuple[str, ...]:
    """Return the IRIs of an entity's types, each once."""
    if type(value) is str:
        return (context.type_name(value),)
    if type(value) is not list or not value:
        raise BadRequestData("type is neither a name nor an array of names.")
    return tuple(dict.fromkeys([context.type_name(one) for one in value]))


def expand_scope(value: Any) -> tuple[str, ...]:
    """Return an entity's scopes as they were written, each once (4.18)."""
    scopes = value if type(value) is list else [value]
    if not scopes:
        raise BadRequestData("scope is empty; leave it out when there is none.")
    for scope in scopes:
        if type(scope) is not str or not all(_is_level(level) for level in scope.removeprefix("/").split("/")):
            raise BadRequestData(f"scope {shown(scope)} is not a path of names such as /disaster/river.")
    return tuple(dict.fromkeys(scopes))


def _is_level(text: str) -> bool:
    return text[:1].isalpha() and text.replace("_", "a").isalnum()


def _fragment_scope(value: Any, *, allow_null: bool) -> tuple[str, ...]:
    if value in (NULL, [NULL]):
        if not allow_null:
            raise null_refused("scope")
        return ()
    return expand_scope(value)


def _fragment_expiry(value: Any, *, allow_null: bool) -> str:
    if value == NULL:
        if not allow_null:
            raise null_refused("expiresAt")
        return NULL
    return check_instant(value, "expiresAt")


def _twice(name: str) -> BadRequestData:
    return BadRequestData(f"{shown(name)} names an attribute that another member of the entity means too.")
