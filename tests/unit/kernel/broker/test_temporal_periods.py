"""Durations divide time as the calendar does (GS CIM 009, 4.5.19.1)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hiroba.kernel.broker.temporal_periods import Duration, parse_duration
from hiroba.kernel.model.errors import BadRequestData
from hiroba.kernel.model.instants import format_instant, parse_instant

DAY = 86_400_000_000


@pytest.mark.parametrize(
    ("text", "months", "rest"),
    [
        ("PT0S", 0, 0),
        ("P0D", 0, 0),
        ("PT15M", 0, 900_000_000),
        ("P1D", 0, DAY),
        ("P2W", 0, 14 * DAY),
        ("P1M", 1, 0),
        ("P1Y", 12, 0),
        ("PT1.5S", 0, 1_500_000),
        ("PT0,25S", 0, 250_000),
        ("P3Y6M4DT12H30M5S", 42, 4 * DAY + 45_005_000_000),
    ],
)
def test_reads(text: str, months: int, rest: int) -> None:
    assert parse_duration(text) == Duration(months, rest)


@pytest.mark.parametrize(
    "text", ["", "P", "PT", "1D", "P1H", "PT1D", "P1W2D", "P-1D", "-P1D", "p1d", "P1.5D", "P1DT", "P99999Y", "P9" * 40]
)
def test_refuses(text: str) -> None:
    with pytest.raises(BadRequestData, match="aggrPeriodDuration"):
        parse_duration(text)


def edges(duration: str, origin: str, count: int) -> list[str]:
    period = parse_duration(duration)
    return [format_instant(period.edge(parse_instant(origin), number))[:10] for number in range(count)]


def test_months_are_those_of_the_calendar() -> None:
    assert edges("P1M", "2023-12-31T00:00:00Z", 5) == [
        "2023-12-31",
        "2024-01-31",
        "2024-02-29",
        "2024-03-31",
        "2024-04-30",
    ]
    assert edges("P1Y", "2024-02-29T00:00:00Z", 5) == [
        "2024-02-29",
        "2025-02-28",
        "2026-02-28",
        "2027-02-28",
        "2028-02-29",
    ]
    assert edges("P1M1D", "2024-01-01T00:00:00Z", 3) == ["2024-01-01", "2024-02-02", "2024-03-03"]


instants = st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1)).map(
    lambda moment: int(moment.replace(tzinfo=UTC).timestamp() * 1_000_000)
)
durations = st.sampled_from(["PT1S", "PT4M", "PT1H", "P1D", "P1W", "P1M", "P3M", "P1Y", "P1M10D", "P1YT1H", "P100Y"])


@given(instants, instants, durations)
def test_every_instant_lies_in_the_period_of_its_number(one: int, other: int, text: str) -> None:
    origin, instant = min(one, other), max(one, other)
    period = parse_duration(text)
    number = period.number(origin, instant)
    assert number >= 0
    assert period.edge(origin, number) <= instant < period.edge(origin, number + 1)


@given(instants, st.integers(0, 50), durations.filter(lambda text: text != "P100Y"))
def test_an_edge_belongs_to_the_period_that_it_begins(origin: int, number: int, text: str) -> None:
    period = parse_duration(text)
    assert period.number(origin, period.edge(origin, number)) == number
    assert number == 0 or period.number(origin, period.edge(origin, number) - 1) == number - 1


def test_the_end_of_time_is_no_error() -> None:
    period = parse_duration("P9000Y")
    assert period.edge(parse_instant("2026-01-01T00:00:00Z"), 1) > parse_instant("9999-01-01T00:00:00Z")
