"""Group the entity types in use into the layers of the map (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

OTHER: Final = "other"
_OTHER_TITLE: Final = {"ja": "その他", "en": "Other"}
_COLOURS: Final = ("#5A6B7B", "#7A5C9E", "#3D7A77", "#85662F", "#5F7325", "#9C4F6A", "#3F6FA8", "#7D5B4A")
"""For types that no vocabulary knows: all of them at least 4.5 : 1 against white."""


def layers(
    vocabulary: Iterable[Mapping[str, Any]],
    counts: Mapping[str, int],
    shapes: Mapping[str, Mapping[str, int]],
) -> list[dict[str, Any]]:
    """Return the fields of the city that have entities, each with its layers, in the vocabulary's order.

    `vocabulary` are documents with `field`, `title`, `types`; `counts` is type → entities; `shapes` is type →
    shape → places. A layer's `shapes` are those it has on the map (`point`, `line`, `area`); none: not on it.
    """
    left = {kind: count for kind, count in counts.items() if count > 0}
    answer: list[dict[str, Any]] = []
    rest: dict[str, Any] = {"field": OTHER, "title": _OTHER_TITLE, "layers": []}
    for document in vocabulary:
        known = [
            _layer(kind, left.pop(kind), shapes.get(kind, {}), description)
            for kind, description in document["types"].items()
            if kind in left
        ]
        if document["field"] == OTHER:
            rest = {"field": OTHER, "title": document["title"], "layers": known}
        elif known:
            answer.append({"field": document["field"], "title": document["title"], "layers": known})
    rest["layers"] += [_layer(kind, left[kind], shapes.get(kind, {}), {}) for kind in sorted(left)]
    return [*answer, rest] if rest["layers"] else answer


def _layer(kind: str, count: int, shapes: Mapping[str, int], description: Mapping[str, Any]) -> dict[str, Any]:
    plain = kind.rstrip("/#").replace("#", "/").rsplit("/", 1)[-1]
    return {
        "type": kind,
        "title": description.get("title") or {"ja": plain, "en": plain},
        "count": count,
        "color": description.get("color") or _COLOURS[sum(kind.encode()) % len(_COLOURS)],
        "icon": description.get("icon") or "place",
        "shapes": [shape for shape in ("point", "line", "area") if shapes.get(shape)],
    }
