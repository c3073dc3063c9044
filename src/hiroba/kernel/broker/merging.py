"""Merge an attribute instance into the present one, to any depth (GS CIM 009, 5.5.12; RFC 7396)."""

from __future__ import annotations

from typing import Any, Final

from hiroba.kernel.model.attributes import is_null
from hiroba.kernel.model.entity import NULL, VALUE_MEMBERS, Attributes, Instance

_VALUES: Final = frozenset(VALUE_MEMBERS.values())
_DEEP: Final = ("value", "languageMap", "json")


def merge_instance(before: Instance, patch: Instance) -> Instance:
    """Return the present instance with the patch's members merged in and NGSI-LD Nulls taken out.

    A patch of another attribute type exchanges the value member; values that are objects are merged key by key.
    """
    merged = dict(before)
    if before and patch["type"] != before["type"]:
        for member in _VALUES:
            merged.pop(member, None)
    for member, value in patch.items():
        if member == "attrs":
            merged["attrs"] = _merge_attributes(before.get("attrs", {}), value)
        elif member in _DEEP:
            merged[member] = merge_value(merged.get(member), value)
        elif value == NULL:
            merged.pop(member, None)
        else:
            merged[member] = value
    if not merged.get("attrs"):
        merged.pop("attrs", None)
    return merged


def merge_value(before: Any, patch: Any) -> Any:
    """Return a JSON value merged as RFC 7396 has it, with the NGSI-LD Null in the place of null."""
    if not isinstance(patch, dict) or _is_geometry(patch):
        return patch
    merged = dict(before) if isinstance(before, dict) else {}
    for key, value in patch.items():
        if value == NULL or value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_value(merged.get(key), value)
    return merged


def _is_geometry(value: dict[str, Any]) -> bool:
    return "coordinates" in value and "type" in value


def _merge_attributes(before: Attributes, patch: Attributes) -> Attributes:
    merged = dict(before)
    for iri, instances in patch.items():
        present = {one.get("datasetId"): one for one in merged.get(iri, [])}
        for one in instances:
            dataset = one.get("datasetId")
            if is_null(one):
                present.pop(dataset, None)
            else:
                present[dataset] = merge_instance(present.get(dataset, {}), one)
        if present:
            merged[iri] = list(present.values())
        else:
            merged.pop(iri, None)
    return merged
