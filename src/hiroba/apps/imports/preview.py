"""Show what a file would become, for people to look at before anything is written; pure."""

from __future__ import annotations

from typing import Any

from hiroba.apps.imports.mapping import base
from hiroba.apps.imports.plan import make_plan
from hiroba.apps.imports.reasons import Reason, Reject, short
from hiroba.apps.imports.running import Survey
from hiroba.apps.imports.source import Dataset
from hiroba.apps.imports.table import idle, missing
from hiroba.sdk import vocabulary

_SAMPLES = 3
_MEMBERS = {"GeoProperty": "value", "Property": "value", "Relationship": "object"}


def preview(dataset: Dataset, found: Survey | None, *, lang: str) -> dict[str, Any]:
    """Return a data set as the console shows it; `found` is None as long as no entity type is known."""
    rejects = found.rejects if found else [Reject(0, Reason("unknown_dataset"))]
    return {
        "file": dataset.file,
        "format": dataset.sniffed.format,
        "encoding": dataset.sniffed.encoding or None,
        "dataset": {"id": dataset.mapping.id, "title": dataset.mapping.title} if dataset.mapping else None,
        "type": dataset.type or (next(iter(found.types), None) if found else None),
        "types": dict(found.types) if found else {},
        "columns": _columns(dataset),
        "attributes": _attributes(dataset),
        "key": _key(dataset),
        "rows": found.rows if found else sum(1 for _ in dataset.sample),
        "rejected": found.rejected if found else 0,
        "entities": [simplified(entity) for entity in found.first] if found else [],
        "rejects": [reject_answer(reject, lang=lang) for reject in rejects],
    }


def reject_answer(reject: Reject, *, lang: str) -> dict[str, Any]:
    """Return a reject with its reason in one language as `reason` and in all as `reasons`."""
    answer = reject.as_json()
    answer["reasons"] = answer["reason"]
    answer["reason"] = reject.reason.text(lang)
    return answer


def _columns(dataset: Dataset) -> list[dict[str, Any]]:
    table = dataset.table
    if table is None:
        return []
    plan = dataset.plan or make_plan(table, dataset.sample)
    choice = plan.choice()
    columns = []
    for index, header in enumerate(table.columns):
        if idle(header):
            continue
        cells = [row.cells[index] for row in dataset.sample if index < len(row.cells)]
        attribute = choice.get(header)
        columns.append(
            {
                "name": header,
                "sample": [short(cell) for cell in cells if not missing(cell)][:_SAMPLES],
                "attribute": attribute,
                "title": _title(plan.type, attribute, header) if attribute else None,
            }
        )
    return columns


def _attributes(dataset: Dataset) -> list[dict[str, Any]]:
    if dataset.table is None:
        return []
    fields = {**(dataset.mapping.fields if dataset.mapping else {}), **base().fields}
    chosen = [name for name in dataset.plan.choice().values() if name] if dataset.plan else []
    names = dict.fromkeys([*fields, *chosen])
    return [{"name": name, "title": _title(dataset.type, name, name)} for name in names]


def _title(type: str, attribute: str, fallback: str) -> dict[str, str]:
    words = vocabulary.attribute_words(type, attribute)
    return dict(words["title"]) if words else dict.fromkeys(vocabulary.LANGUAGES, fallback)


def _key(dataset: Dataset) -> list[str]:
    """Return the attributes of which an entity's id is made."""
    if dataset.plan is None:
        return []
    bound = set(dataset.plan.choice().values()) | ({"location"} if dataset.plan.attributes() else set())
    return ["id"] if "id" in bound else [name for name in dataset.plan.mapping.key if name in bound]


def simplified(entity: dict[str, Any]) -> dict[str, Any]:
    """Return a normalized entity with plain values."""
    return {name: _value(part) for name, part in entity.items()}


def _value(part: Any) -> Any:
    if isinstance(part, list) and part and all(isinstance(one, dict) and "type" in one for one in part):
        return [_value(one) for one in part]
    if not isinstance(part, dict) or "type" not in part:
        return part
    if (member := _MEMBERS.get(part["type"])) in part:
        return part[member]
    return next(
        (part[name] for name in ("languageMap", "vocab", "json", "valueList", "objectList") if name in part), part
    )
