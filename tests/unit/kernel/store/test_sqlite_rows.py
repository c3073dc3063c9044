"""How entities become index rows."""

from __future__ import annotations

import pytest

from hiroba.kernel.model.entity import LOCATION
from hiroba.kernel.query.moments import read_moment
from hiroba.kernel.store import rows


def prop(value: object) -> dict[str, object]:
    return {"type": "Property", "value": value}


@pytest.mark.parametrize(
    ("instance", "expected"),
    [
        (prop(5), {5}),
        (prop(2**64 - 1), {float(2**64 - 1)}),
        (prop(True), {b"\x01"}),
        (prop("長" * 300), {"長" * 200}),
        (prop({"inner": 1}), {rows.MARKER}),
        (prop([]), {rows.MARKER}),
        (prop(None), {rows.MARKER}),
        (prop([1, "a", {"x": 1}]), {1, "a", rows.MARKER}),
        ({"type": "Relationship", "object": ["urn:x:1", "urn:x:2"]}, {"urn:x:1", "urn:x:2"}),
        ({"type": "ListRelationship", "objectList": [{"object": "urn:x:1"}]}, {"urn:x:1"}),
        (
            {"type": "LanguageProperty", "languageMap": {"ja": "川", "en": ["river", "stream"]}},
            {"川", "river", "stream"},
        ),
        ({"type": "GeoProperty", "value": {"type": "Point", "coordinates": [1, 2]}}, {rows.MARKER}),
    ],
)
def test_index_values(instance: dict[str, object], expected: set[object]) -> None:
    assert rows.index_values([instance]) == expected


def test_moments_sort_as_they_pass() -> None:
    texts = ["1960-01-01", "2026-04-01T08:59:59+09:00", "2026-04-01", "2026-04-01T00:00:00.000001Z", "23:59:59Z"]
    keys = []
    for text in texts:
        moment = read_moment(text)
        assert moment is not None
        keys.append(rows.moment_key(moment))
    assert keys == sorted(keys)
    assert rows.index_values([prop(texts[1])]) == {texts[1], keys[1]}


def test_boxes() -> None:
    line = {"type": "LineString", "coordinates": [[1, 5], [3, 2, 100]]}
    assert rows.box_of(line) == (1, 3, 2, 5)
    assert rows.box_of({"type": "Point", "coordinates": [7, 8, 9]}) == (7, 7, 8, 8)
    both = {"type": "GeometryCollection", "geometries": [line, {"type": "Point", "coordinates": [-4, 9]}]}
    assert rows.box_of(both) == (-4, 3, 2, 9)
    assert rows.box_of({"type": "Point", "coordinates": []}) is None


def test_slot_zero_is_the_default_location() -> None:
    place = {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [1, 2]}}
    attrs = {f"urn:a:{n}": [place] for n in range(20)}
    attrs[LOCATION] = [place, {**place, "datasetId": "urn:x:1"}]
    names: dict[str, int] = {}
    found = rows.geo_rows(3, attrs, lambda iri: names.setdefault(iri, len(names) + 1))
    assert [row[0] - 3 * rows.SLOTS for row in found] == [*range(1, 15), 0, 15]
    assert [row[0] for row in found if row[5] == names[LOCATION]] == [3 * rows.SLOTS]
    assert found[-1][5] is None


def test_scopes_have_one_spelling() -> None:
    assert rows.scopes_of({"scope": ["a/b", "/c/"]}) == {"/a/b", "/c"}
    assert rows.scopes_of({"scope": "x"}) == {"/x"}
    assert rows.scopes_of(None) == set()
