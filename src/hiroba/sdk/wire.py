"""How requests to a broker are cut and written, and its answers read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from hiroba.sdk import errors
from hiroba.sdk.city import Area, Changed, Entity, Written

MOST_AT_ONCE: Final = 500


class Reply:
    """Hold a broker's answer; `body` is read JSON, None without one."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: Mapping[str, str], body: Any) -> None:
        self.status = status
        self.headers = headers
        self.body = body


def error_of(status: int, raw: bytes) -> errors.CityError:
    """Return the error that a status and its problem details name."""
    try:
        problem = orjson.loads(raw)
        return errors.error_for(str(problem["type"]), str(problem.get("detail", "")), status=status)
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return errors.error_for(
            "", f"the broker answered {status}: {raw[:200].decode(errors='replace')}", status=status
        )


def given(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that are not None."""
    return {name: value for name, value in values.items() if value is not None}


def view_words(simplified: bool, sys_attrs: bool) -> dict[str, str]:
    """Return the parameter for plain values and system attributes."""
    words = [word for word, asked in (("keyValues", simplified), ("sysAttrs", sys_attrs)) if asked]
    return {"options": ",".join(words)} if words else {}


def geo_query(area: Area) -> dict[str, Any]:
    """Return an area as a Query document's `geoQ`."""
    return {
        "georel": area.georel,
        "geometry": area.geometry["type"],
        "coordinates": area.geometry["coordinates"],
        "geoproperty": area.geoproperty,
    }


def parts_of(entities: Sequence[Entity]) -> list[list[Entity]]:
    """Cut a write into requests; of two entities with one id, which a request may not hold, the order is kept."""
    parts: list[list[Entity]] = [[]]
    held: set[str] = set()
    for entity in entities:
        id = str(entity.get("id"))
        if id in held or len(parts[-1]) >= MOST_AT_ONCE:
            parts.append([])
            held = set()
        held.add(id)
        parts[-1].append(entity)
    return [part for part in parts if part]


def count_in(written: Written, answer: Reply, ids: Sequence[str]) -> None:
    """Add what became of one request to a write's outcome."""
    if answer.status == 201:
        written.created.extend(answer.body)
        created = set(answer.body)
        written.updated.extend(id for id in ids if id not in created)
    elif answer.status == 207:
        written.updated.extend(answer.body["success"])
        for one in answer.body["errors"]:
            problem = one["error"]
            told = f"{problem.get('title', '')}: {problem.get('detail', '')}"
            written.refused[one["entityId"]] = told.strip(": ")
    else:
        written.updated.extend(ids)


def carries_context(body: Any) -> bool:
    """Tell whether a body names its own @context."""
    if isinstance(body, dict):
        return "@context" in body
    return isinstance(body, list) and any(isinstance(one, dict) and "@context" in one for one in body)


def with_context(body: Any, context: Any) -> Any:
    """Return a body, or each entity of it, with a @context of its own kept before the one given."""
    if isinstance(body, list):
        return [{"@context": context, **one} if isinstance(one, dict) else one for one in body]
    return {"@context": context, **body}


def change_of(data: Mapping[str, Any]) -> Changed:
    """Return an event of the stream as a change."""
    types = data["type"]
    names = (types,) if isinstance(types, str) else tuple(types)
    return Changed(data["seq"], data["at"], data["op"], data["id"], names, data["attrs"])
