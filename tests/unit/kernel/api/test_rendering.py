"""Rendered entities are kept, within a budget, and never an old version."""

from __future__ import annotations

import orjson

from hiroba.kernel.api.rendering import OVERHEAD, Fragments
from hiroba.kernel.model.compact import View
from hiroba.kernel.model.context import CORE
from hiroba.kernel.model.entity import DEFAULT_CONTEXT
from hiroba.kernel.store.port import Stored

PLAIN = View()


def stored(ref: int, version: int, level: float) -> Stored:
    attrs = {DEFAULT_CONTEXT + "level": [{"type": "Property", "value": level}]}
    return Stored(ref, version, {"id": f"urn:x:{ref}", "type": [DEFAULT_CONTEXT + "Gauge"], "attrs": attrs})


def levels(text: bytes) -> list[float]:
    return [entity["level"]["value"] for entity in orjson.loads(text)]


def test_a_new_version_is_rendered_anew() -> None:
    fragments = Fragments()
    assert levels(fragments.many("", [stored(1, 1, 1.0), stored(2, 1, 2.0)], CORE, PLAIN)) == [1.0, 2.0]
    assert levels(fragments.many("", [stored(1, 2, 9.0), stored(2, 1, 7.0)], CORE, PLAIN)) == [9.0, 2.0]
    assert orjson.loads(fragments.one("", stored(1, 2, 5.0), CORE, PLAIN))["level"]["value"] == 9.0


def test_tenants_and_views_do_not_meet() -> None:
    fragments = Fragments()
    fragments.one("", stored(1, 1, 1.0), CORE, PLAIN)
    other = orjson.loads(fragments.one("kasuga", stored(1, 1, 3.0), CORE, PLAIN))
    simple = orjson.loads(fragments.one("", stored(1, 1, 3.0), CORE, View(format="simplified")))
    assert (other["level"]["value"], simple["level"]) == (3.0, 3.0)


def test_the_oldest_is_given_up() -> None:
    size = len(Fragments().one("", stored(1, 1, 1.0), CORE, PLAIN)) + OVERHEAD
    fragments = Fragments(budget=3 * size)
    for ref in range(1, 5):
        fragments.one("", stored(ref, 1, 1.0), CORE, PLAIN)
    fragments.one("", stored(4, 2, 2.0), CORE, PLAIN)
    shown = fragments.many("", [stored(ref, 2 if ref == 4 else 1, 8.0) for ref in (4, 2, 3, 1)], CORE, PLAIN)
    assert levels(shown) == [2.0, 1.0, 1.0, 8.0]
