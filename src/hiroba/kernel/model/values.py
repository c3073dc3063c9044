"""Check and expand what attributes carry: one function per attribute type (GS CIM 009, 4.5 and 4.6).

Nesting is bounded, so that no payload can exhaust the stack or be accepted and then not be written out again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from hiroba.kernel.model.context import Context
from hiroba.kernel.model.entity import NULL
from hiroba.kernel.model.errors import BadRequestData, shown
from hiroba.kernel.model.geometry import check_geometry, is_geometry
from hiroba.kernel.model.ids import check_uri
from hiroba.kernel.model.names import is_language

MAX_DEPTH: Final = 64

NULLS: Final[dict[str, tuple[Any, ...]]] = {
    "value": (NULL,),
    "object": (NULL, [NULL]),
    "languageMap": (NULL, {"@none": NULL}),
    "vocab": (NULL, [NULL]),
    "json": (NULL,),
    "valueList": (NULL, [NULL]),
    "objectList": (NULL, [NULL], [{"object": NULL}]),
}
"""Value member → the forms that NGSI-LD Null takes there (4.5.0)."""


def expand_value(value: Any, context: Context, path: str, allow_null: bool, depth: int = 0) -> Any:
    """Return a Property's value with the keys of its objects expanded; GeoJSON and typed values stay as they are."""
    kind = type(value)
    if kind is dict:
        if depth >= MAX_DEPTH:
            raise _too_deep(path)
        if "@value" in value or is_geometry(value):
            check_raw(value, path, depth)
            return value
        return _expand_object(value, context, path, allow_null, depth)
    if kind is list:
        if depth >= MAX_DEPTH:
            raise _too_deep(path)
        expanded = []
        for item in value:
            inner = type(item)
            if inner is dict or inner is list:
                item = expand_value(item, context, path, allow_null, depth + 1)
            elif item == NULL and not allow_null:
                raise null_refused(path)
            expanded.append(item)
        return expanded
    if value is None:
        raise BadRequestData(f"{path} is null; leave the member out, or delete it with {NULL!r} in an update.")
    if value == NULL and not allow_null:
        raise null_refused(path)
    return value


def _expand_object(value: dict[str, Any], context: Context, path: str, allow_null: bool, depth: int) -> dict[str, Any]:
    expand = context.expand_name
    expanded: dict[str, Any] = {}
    for key, item in value.items():
        inner = type(item)
        if inner is dict or inner is list:
            item = expand_value(item, context, path, allow_null, depth + 1)
        elif item == NULL and not allow_null:
            raise null_refused(f"{path}[{key}]")
        expanded[expand(key)] = item
    if len(expanded) != len(value):
        raise BadRequestData(f"{path} has two keys that mean the same by the @context.")
    return expanded


def check_raw(value: Any, path: str, depth: int = 0) -> None:
    """Raise BadRequestData when JSON that is kept as it is nests too deep."""
    if depth >= MAX_DEPTH:
        raise _too_deep(path)
    for item in value.values() if type(value) is dict else value:
        inner = type(item)
        if inner is dict or inner is list:
            check_raw(item, path, depth + 1)


def _property(value: Any, context: Context, path: str, allow_null: bool) -> Any:
    return expand_value(value, context, path, allow_null)


def _geo(value: Any, context: Context, path: str, allow_null: bool) -> Any:
    return check_geometry(value, path)


def _relationship(value: Any, context: Context, path: str, allow_null: bool) -> Any:
    if type(value) is list:
        if not value:
            raise BadRequestData(f"{path} is empty; at least one URI is expected.")
        for item in value:
            _target(item, path)
        return value
    return _target(value, path)


def _target(value: Any, path: str) -> str:
    if value == NULL:
        raise null_refused(path)
    return check_uri(value, path)


def _language(value: Any, context: Context, path: str, allow_null: bool) -> Any:
    if type(value) is not dict or not value:
        raise BadRequestData(f"{path} is no map of languages; an object of language tags and texts is expected.")
    for tag, text in value.items():
        if not is_language(tag):
            raise BadRequestData(f"{path} has the key {shown(tag)}; language tags such as ja or en-GB are expected.")
        if type(text) is list:
            if not all(type(one) is str for one in text):
                raise BadRequestData(f"{path}[{tag}] contains something that is no text.")
        elif type(text) is not str:
            raise BadRequestData(f"{path}[{tag}] is no text.")
        elif text == NULL and not allow_null:
            raise null_refused(f"{path}[{tag}]")
    return value


def _vocab(value: Any, context: Context, path: str, allow_null: bool) -> Any:
    if type(value) is list and value and all(type(one) is str and one for one in value):
        return [context.expand_name(one) for one in value]
    if type(value) is str and value:
        return context.expand_name(value)
    raise BadRequestData(f"{path} is neither a name nor an array of names.")


def _json(value: Any, context: Context, path: str, allow_null: bool) -> Any:
    if type(value) is not dict and not (type(value) is list and all(type(one) is dict for one in value)):
        raise BadRequestData(f"{path} is neither a JSON object nor an array of objects.")
    check_raw(value, path)
    return value


def _value_list(value: Any, context: Context, path: str, allow_null: bool) -> Any:
    if type(value) is not list:
        raise BadRequestData(f"{path} is no array.")
    return expand_value(value, context, path, allow_null)


def _object_list(value: Any, context: Context, path: str, allow_null: bool) -> Any:
    if type(value) is not list:
        raise BadRequestData(f"{path} is no array.")
    targets = []
    for item in value:
        if type(item) is dict:
            if set(item) != {"object"}:
                raise BadRequestData(f"{path} contains an object with other members than `object`.")
            item = item["object"]
        targets.append({"object": _target(item, path)})
    return targets


CHECKS: Final[dict[str, Callable[[Any, Context, str, bool], Any]]] = {
    "Property": _property,
    "GeoProperty": _geo,
    "Relationship": _relationship,
    "LanguageProperty": _language,
    "VocabProperty": _vocab,
    "JsonProperty": _json,
    "ListProperty": _value_list,
    "ListRelationship": _object_list,
}
"""Attribute type → (value, context, path, allow_null) → the value as it is kept; raises BadRequestData."""


def null_refused(path: str) -> BadRequestData:
    """Return the error for an NGSI-LD Null where nothing can be deleted (5.5.4)."""
    return BadRequestData(f"{path} is {NULL!r}; that stands for a deletion and is only allowed in updates and merges.")


def _too_deep(path: str) -> BadRequestData:
    return BadRequestData(f"{path} is nested deeper than {MAX_DEPTH} levels.")
