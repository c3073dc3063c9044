"""Aggregates say what the values of each period come to (GS CIM 009, 4.5.19)."""

from __future__ import annotations

import math
import statistics
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hiroba.kernel.broker.temporal_aggregates import METHODS, Aggregates, parse_methods
from hiroba.kernel.broker.temporal_periods import parse_duration
from hiroba.kernel.model.errors import BadRequestData
from hiroba.kernel.model.instants import format_instant, parse_instant
from hiroba.kernel.store.port import Evolution

START = parse_instant("2026-01-01T00:00:00Z")
HOUR = 3_600_000_000
LEVEL = "urn:level"


def instance(value: Any, at: int, *, kind: str = "Property", member: str = "value", **more: Any) -> dict[str, Any]:
    when = format_instant(at)
    return {"type": kind, member: value, "observedAt": when, "createdAt": when, "modifiedAt": when, **more}


def aggregate(
    instances: list[dict[str, Any]],
    *,
    period: str = "PT0S",
    start: int | None = START,
    end: int | None = None,
    methods: tuple[str, ...] = METHODS,
    name: str = "observedAt",
) -> list[dict[str, Any]]:
    aggregates = Aggregates(parse_duration(period), start=start, end=end, timeproperty=name)
    aggregates.add(Evolution({}, {LEVEL: instances}))
    return aggregates.told(methods).get(LEVEL, [])


def values(told: dict[str, Any]) -> dict[str, list[Any]]:
    return {name: [row[0] for row in rows] for name, rows in told.items() if isinstance(rows, list)}


def test_numbers_by_the_hour_without_empty_periods() -> None:
    rows = [instance(v, START + at) for v, at in ((120, 0), (80, HOUR // 2), (100, HOUR), (1, 5 * HOUR))]
    (told,) = aggregate(rows, period="PT1H", methods=("max", "avg", "totalCount"))
    assert told == {
        "type": "Property",
        "max": [
            [120, "2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z"],
            [100, "2026-01-01T01:00:00Z", "2026-01-01T02:00:00Z"],
            [1, "2026-01-01T05:00:00Z", "2026-01-01T06:00:00Z"],
        ],
        "avg": [
            [100, "2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z"],
            [100, "2026-01-01T01:00:00Z", "2026-01-01T02:00:00Z"],
            [1, "2026-01-01T05:00:00Z", "2026-01-01T06:00:00Z"],
        ],
        "totalCount": [
            [2, "2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z"],
            [1, "2026-01-01T01:00:00Z", "2026-01-01T02:00:00Z"],
            [1, "2026-01-01T05:00:00Z", "2026-01-01T06:00:00Z"],
        ],
    }


def test_whole_span_has_the_bounds_of_the_query_or_of_the_data() -> None:
    rows = [instance(1, START + HOUR), instance(2, START + 2 * HOUR)]
    (bounded,) = aggregate(rows, end=START + 10 * HOUR, methods=("sum",))
    assert bounded["sum"] == [[3, "2026-01-01T00:00:00Z", "2026-01-01T10:00:00Z"]]
    (open_ended,) = aggregate(rows, start=None, methods=("sum",))
    assert open_ended["sum"] == [[3, "2026-01-01T01:00:00Z", "2026-01-01T02:00:00Z"]]


def test_kinds_of_values() -> None:
    def of(*found: Any) -> dict[str, list[Any]]:
        (told,) = aggregate([instance(value, START + number) for number, value in enumerate(found)])
        return values(told)

    assert of(1, 2, 2, 5) == {
        "totalCount": [4],
        "distinctCount": [3],
        "sum": [10],
        "avg": [2.5],
        "min": [1],
        "max": [5],
        "stddev": [1.5],
        "sumsq": [34],
    }
    assert of(True, False, True)["sum"] == [2]
    assert of(True, 1)["distinctCount"] == [2]
    texts = of("b", "a", "b")
    assert (texts["min"], texts["max"], texts["distinctCount"], texts["sum"]) == (["a"], ["b"], [2], [])
    lists = of([1], [1, 2, 3])
    assert (lists["min"], lists["max"], lists["sum"], lists["avg"], lists["stddev"]) == ([1], [3], [4], [2], [])
    objects = of({"a": 1, "b": 2}, {"b": 2, "a": 1}, {"a": 2})
    assert (objects["distinctCount"], objects["totalCount"], objects["max"]) == ([2], [3], [])
    dates = of({"@type": "Date", "@value": "2026-01-02"}, {"@type": "Date", "@value": "2026-01-01"})
    assert (dates["min"], dates["max"]) == (["2026-01-01"], ["2026-01-02"])


def test_relationships_are_only_counted() -> None:
    rows = [instance(f"urn:x:{n % 2}", START + n, kind="Relationship", member="object") for n in range(4)]
    (told,) = aggregate(rows)
    assert told["type"] == "Relationship"
    assert values(told) == {name: [] for name in METHODS} | {"totalCount": [4], "distinctCount": [2]}


def test_deletions_are_not_values() -> None:
    gone = {"type": "Property", "deletedAt": format_instant(START + 5)}
    (told,) = aggregate([instance(1, START), gone], methods=("totalCount",))
    assert values(told) == {"totalCount": [1]}
    assert aggregate([gone]) == []


def test_datasets_stay_apart() -> None:
    rows = [instance(1, START), instance(5, START, datasetId="urn:d:1")]
    first, second = aggregate(rows, methods=("sum",))
    assert values(first) == {"sum": [1]}
    assert (second["datasetId"], values(second)) == ("urn:d:1", {"sum": [5]})


def test_an_instance_without_the_time_property_counts_when_written() -> None:
    row = instance(1, START + HOUR)
    del row["observedAt"]
    (told,) = aggregate([row], period="PT1H", methods=("sum",))
    assert told["sum"] == [[1, "2026-01-01T01:00:00Z", "2026-01-01T02:00:00Z"]]


def test_sums_do_not_gather_errors() -> None:
    (told,) = aggregate([instance(0.1, START + n) for n in range(10)], methods=("sum", "avg"))
    assert values(told) == {"sum": [1.0], "avg": [0.1]}


def test_numbers_beyond_json_are_refused() -> None:
    for method in ("sum", "avg", "sumsq", "stddev"):
        with pytest.raises(BadRequestData, match="too large"):
            aggregate([instance(one * 1e308, START) for one in (1, 1, -1.5, -1)], methods=(method,))


numbers = st.one_of(st.integers(-1000, 1000), st.floats(-1e6, 1e6, allow_nan=False))
series = st.lists(st.tuples(st.integers(0, 40 * 24), numbers), min_size=1, max_size=40)


@given(series, st.sampled_from(["PT1H", "PT7H", "P1D", "P1W", "P1M", "PT0S"]), st.integers(1, 5))
def test_agrees_with_a_plain_reckoning_however_it_comes_in_parts(
    found: list[tuple[int, float]], period: str, parts: int
) -> None:
    rows = [instance(value, START + hours * HOUR) for hours, value in sorted(found, key=lambda one: one[0])]
    aggregates = Aggregates(parse_duration(period), start=START, end=None, timeproperty="observedAt")
    for part in range(parts):
        aggregates.add(Evolution({}, {LEVEL: rows[part * len(rows) // parts : (part + 1) * len(rows) // parts]}))
    (told,) = aggregates.told(METHODS)[LEVEL]
    seen = 0
    for place, (count, start, end) in enumerate(told["totalCount"]):
        low, high = parse_instant(start), parse_instant(end)
        inside = [value for hours, value in found if low <= START + hours * HOUR < high or period == "PT0S"]
        assert count == len(inside)
        assert told["distinctCount"][place][0] == len(set(inside))
        assert math.isclose(told["sum"][place][0], math.fsum(inside), abs_tol=1e-6)
        assert math.isclose(told["avg"][place][0], statistics.fmean(inside), abs_tol=1e-6)
        assert (told["min"][place][0], told["max"][place][0]) == (min(inside), max(inside))
        assert math.isclose(told["stddev"][place][0], statistics.pstdev(inside), rel_tol=1e-6, abs_tol=1e-6)
        assert math.isclose(told["sumsq"][place][0], math.fsum(v * v for v in inside), rel_tol=1e-9, abs_tol=1e-9)
        seen += count
    assert seen == len(found)


@pytest.mark.parametrize("text", [None, "", "median", "sum,,avg", "sum;avg"])
def test_unknown_methods(text: str | None) -> None:
    with pytest.raises(BadRequestData, match="aggrMethods"):
        parse_methods(text)


def test_methods_once_each_in_the_order_given() -> None:
    assert parse_methods("max, sum,max") == ("max", "sum")
