"""Names, ids and service paths of NGSIv2 and what they are inside: IRIs, URNs and scopes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, unquote

from hiroba.kernel.model.context import CORE
from hiroba.kernel.model.entity import DEFAULT_CONTEXT, NGSI_LD, Entity
from hiroba.kernel.model.ids import is_uri
from hiroba.kernel.model.names import ENTITY_MEMBERS
from hiroba.kernel.model.ngsi_v2.errors import OrionError, bad_request

FORBIDDEN: Final = frozenset("<>\"'=;()")
"""Characters that NGSIv2 allows nowhere, so that what is shown somewhere cannot be made to do something."""
URN: Final = "urn:ngsi-v2:"
LONGEST: Final = 256
LONGEST_TENANT: Final = 50
DEFAULT_TYPE: Final = "Thing"
ROOT: Final = "/"

_ODD: Final = re.compile(r"[\x00-\x20\x7f&?/#]")
_LEVELS: Final = 10
_LEVEL_LENGTH: Final = 50
_PATHS: Final = 10
# what NGSI-LD reserves for members of an attribute or entity; an NGSIv2 attribute of the name is another thing
_RESERVED: Final = frozenset(
    CORE.expand_name(name)
    for name in (
        *("observedAt", "createdAt", "modifiedAt", "deletedAt", "expiresAt", "unitCode", "datasetId", "instanceId"),
        *("scope", "previousValue", "previousObject", "previousLanguageMap", "previousVocab", "previousJson"),
        *("previousValueList", "previousObjectList", "valueType", "objectType"),
    )
) | {NGSI_LD + "scope"}


def check_identifier(text: Any, what: str) -> str:
    """Return a text that can be an id, a type or a name of NGSIv2; raises OrionError. URIs may have `/`, `#`, `?`."""
    if type(text) is not str:
        raise bad_request(f"Invalid JSON type for {what}")
    if not text:
        raise bad_request(f"{what} length: 0, min length supported: 1")
    if len(text) > LONGEST:
        raise bad_request(f"{what} length: {len(text)}, max length supported: {LONGEST}")
    odd = _ODD.search(text) is not None and not is_uri(text)
    if odd or not FORBIDDEN.isdisjoint(text) or any(one.isspace() for one in text):
        raise bad_request(f"Invalid characters in {what}")
    return text


def has_forbidden(value: Any) -> bool:
    """Tell whether a text, a key or anything inside a JSON value has a forbidden character."""
    kind = type(value)
    if kind is str:
        return not FORBIDDEN.isdisjoint(value)
    if kind is dict:
        return any(has_forbidden(key) or has_forbidden(one) for key, one in value.items())
    return kind is list and any(has_forbidden(one) for one in value)


def attribute_iri(name: str) -> str:
    """Return the IRI of an attribute or metadata; what NGSI-LD reserves a name for stays apart from it."""
    iri = CORE.expand_name(name)
    if iri in _RESERVED or iri[:1] == "@" or name in ENTITY_MEMBERS:
        return DEFAULT_CONTEXT + name
    return iri


type_iri: Final = attribute_iri


def name_of(iri: str) -> str:
    """Return the name that NGSIv2 shows for an IRI: that of the core context, else the IRI itself."""
    name = CORE.compact_name(iri)
    return name.removeprefix(DEFAULT_CONTEXT) if name is iri or name == iri else name


def entity_urn(id: str, type: str, path: str = ROOT) -> str:
    """Return the id inside: a URI stays what it is, any other id becomes a URN with its type and service path."""
    if is_uri(id) and not id.startswith(URN):
        return id
    below = "" if path == ROOT else ":" + _coded(path)
    return f"{urn_prefix(id)}{_coded(type)}{below}"


def urn_prefix(id: str) -> str:
    """Return how the id inside begins for an NGSIv2 id that is no URI."""
    return f"{URN}{_coded(id)}:"


def is_coded(id: str) -> bool:
    """Tell whether an NGSIv2 id stands in a URN inside."""
    return not is_uri(id) or id.startswith(URN)


def shown_id(urn: str) -> str:
    """Return the id that NGSIv2 shows."""
    if not urn.startswith(URN):
        return urn
    return unquote(urn[len(URN) :].partition(":")[0])


def _coded(text: str) -> str:
    return "".join(one if one.isalnum() or one in "-._~@!$*+," else quote(one, safe="") for one in text)


@dataclass(slots=True, frozen=True)
class ServicePath:
    """One service path: its levels, none for the root; `below` for all underneath too (`/#`)."""

    levels: tuple[str, ...] = ()
    below: bool = False

    @property
    def text(self) -> str:
        """Return the path without `#`."""
        return "/" + "/".join(self.levels)

    @property
    def everything(self) -> bool:
        """Tell whether every entity lies in it."""
        return self.below and not self.levels


EVERYWHERE: Final = (ServicePath((), True),)


def query_paths(header: str | None) -> tuple[ServicePath, ...]:
    """Return the service paths that a query is about, everywhere without the header; raises OrionError."""
    if not header:
        return EVERYWHERE
    parts = header.split(",")
    if len(parts) > _PATHS:
        raise bad_request("too many service paths - a maximum of ten service paths is allowed")
    return tuple(_path(part.strip()) for part in parts)


def update_path(header: str | None) -> str | None:
    """Return the service path that an update is about, None without the header; raises OrionError."""
    if not header:
        return None
    paths = query_paths(header)
    if len(paths) > 1:
        raise bad_request("more than one service path in context update request")
    if paths[0].below:
        raise bad_request("Bad Character")
    return paths[0].text


def _path(text: str) -> ServicePath:
    if not text.startswith("/"):
        raise bad_request("Only /absolute/ Service Paths allowed [a service path must begin with /]")
    levels = text[1:].rstrip("/").split("/") if text.strip("/") else []
    below = bool(levels) and levels[-1] == "#"
    if below:
        levels.pop()
    if len(levels) > _LEVELS:
        raise bad_request("too many components in ServicePath")
    for level in levels:
        if not level:
            raise bad_request("empty component in ServicePath")
        if len(level) > _LEVEL_LENGTH:
            raise bad_request("component-name too long in ServicePath")
        if not level.replace("_", "a").isalnum():
            raise bad_request("a component of ServicePath contains an illegal character")
    return ServicePath(tuple(levels), below)


def path_of(entity: Entity) -> str:
    """Return the service path that an entity is shown with: its first scope, else the root."""
    scopes = entity.get("scope")
    if not scopes:
        return ROOT
    first: str = scopes[0] if isinstance(scopes, list) else scopes
    return first if first.startswith("/") else "/" + first


def lies_in(entity: Entity, paths: tuple[ServicePath, ...]) -> bool:
    """Tell whether one of an entity's scopes, or the root without any, is in one of the service paths."""
    scopes = [scope.strip("/").split("/") for scope in entity.get("scope") or ()] or [[]]
    return any(
        path.everything
        or any(
            tuple(scope[: len(path.levels)]) == path.levels and (path.below or len(scope) == len(path.levels))
            for scope in scopes
        )
        for path in paths
    )


def tenant_of(header: str | None) -> str:
    """Return the tenant that `Fiware-Service` names, in lower case; raises OrionError."""
    name = (header or "").lower()
    if len(name) > LONGEST_TENANT:
        raise bad_request("bad length - a tenant name can be max 50 characters long")
    if not all(one.isalnum() or one == "_" for one in name) or name.startswith("_"):
        raise bad_request("bad character in tenant name - only underscore and alphanumeric characters are allowed")
    return name


def invalid_type(what: str) -> OrionError:
    """Return the error for a member whose JSON type is wrong."""
    return bad_request(f"Invalid JSON type for {what}")
