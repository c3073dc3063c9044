"""Changes are told alike, whether they are put into words late or came so."""

from __future__ import annotations

import pytest

from hiroba.host import told
from hiroba.host.told import Told
from hiroba.kernel.model.context import CORE
from hiroba.kernel.model.entity import DEFAULT_CONTEXT
from hiroba.kernel.store.port import AttributeChange, Change
from hiroba.sdk import Changed

LEVEL, NAME, GONE, SAME = (DEFAULT_CONTEXT + name for name in ("level", "name", "gone", "same"))


def change(op: str = "updated") -> Change:
    level, name, same = ({"type": "Property", "value": value} for value in (1.5, "春日川", 3))
    changes = (
        AttributeChange(LEVEL, None, "updated", None, level),
        AttributeChange(NAME, None, "created", None, name),
        AttributeChange(GONE, None, "deleted", level, None),
        AttributeChange(SAME, None, "touched", same, same),
    )
    kind = DEFAULT_CONTEXT + "RiverGauge"
    entity = {"id": "urn:x:1", "type": [kind], "attrs": {LEVEL: [level], NAME: [name], SAME: [same]}}
    return Change(7, 1_000_000, op, "urn:x:1", (kind,), changes, entity, 7)


def test_it_equals_what_came_in_words() -> None:
    attrs = {
        "level": {"type": "Property", "value": 1.5},
        "name": {"type": "Property", "value": "春日川"},
        "gone": None,
    }
    plain = Changed(7, "1970-01-01T00:00:01.000Z", "updated", "urn:x:1", ("RiverGauge",), attrs)
    late = Told(change(), CORE)
    assert late == plain
    assert plain == late
    assert set(late.names) == set(plain.names) == {"level", "name", "gone"}
    assert late.about({"name", "other"}) == plain.about({"name", "other"}) == {"name": attrs["name"]}
    assert Told(change("deleted"), CORE).attrs == {}
    assert late != Changed(8, plain.at, "updated", "urn:x:1", ("RiverGauge",), attrs)


def test_nothing_is_put_into_words_for_a_look_at_the_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(told, "compact_instance")
    late = Told(change(), CORE)
    assert (late.types, "level" in late.names, late.about({"other"})) == (("RiverGauge",), True, {})
    with pytest.raises(NameError):
        _ = late.attrs
