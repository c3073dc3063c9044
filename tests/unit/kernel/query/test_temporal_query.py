"""Temporal queries (GS CIM 009, 4.11)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hiroba.kernel.model.errors import BadRequestData
from hiroba.kernel.query.moments import Moment, read_moment
from hiroba.kernel.query.temporal import parse_temporal, temporal_matcher
from hiroba.kernel.query.tree import TemporalQuery

NOON = "2026-04-01T12:00:00Z"
LATER = "2026-04-01T13:00:00Z"
AT = 1775044800_000_000


@pytest.mark.parametrize(
    ("timerel", "observed", "expected"),
    [
        ("before", "2026-04-01T11:59:59.999Z", True),
        ("before", "2026-04-01T12:00:00.000Z", False),
        ("after", "2026-04-01T12:00:00.000Z", True),
        ("after", "2026-04-01T11:59:59.999999Z", False),
        ("between", NOON, True),
        ("between", LATER, False),
        ("between", "2026-04-01T21:30:00+09:00", True),
        ("between", "yesterday", False),
        (None, "1999-01-01T00:00:00Z", True),
    ],
)
def test_bounds(timerel: str | None, observed: str, expected: bool) -> None:
    end = LATER if timerel == "between" else None
    query = parse_temporal(timerel, NOON if timerel else None, end_time_at=end)
    assert temporal_matcher(query)({"type": "Property", "value": 1, "observedAt": observed}) is expected
    assert not temporal_matcher(query)({"type": "Property", "value": 1, "modifiedAt": observed})


def test_parameters_become_microseconds() -> None:
    assert parse_temporal("between", NOON, end_time_at=LATER, timeproperty="modifiedAt") == TemporalQuery(
        "between", AT, AT + 3_600_000_000, "modifiedAt"
    )
    assert parse_temporal(None, None) == TemporalQuery(None, None, None)


@pytest.mark.parametrize(
    ("timerel", "at", "end", "timeproperty", "named"),
    [
        ("during", NOON, None, None, "timerel"),
        ("before", None, None, None, "timeAt"),
        ("before", "2026-04-01", None, None, "timeAt"),
        ("before", "12:00:00Z", None, None, "timeAt"),
        ("before", "2026-04-01T12:00:00", None, None, "timeAt"),
        ("between", NOON, None, None, "endTimeAt"),
        ("between", NOON, "never", None, "endTimeAt"),
        ("after", NOON, LATER, None, "endTimeAt"),
        (None, NOON, None, None, "timeAt"),
        ("after", NOON, None, "testedAt", "timeproperty"),
    ],
)
def test_the_wrong_parameter_is_named(
    timerel: str | None, at: str | None, end: str | None, timeproperty: str | None, named: str
) -> None:
    with pytest.raises(BadRequestData, match=f"^{named}: expected"):
        parse_temporal(timerel, at, end_time_at=end, timeproperty=timeproperty)


@given(st.datetimes())
def test_a_moment_is_its_microseconds(at: datetime) -> None:
    since = at - datetime(1970, 1, 1)
    expected = (since.days * 86400 + since.seconds) * 10**6 + since.microseconds
    assert read_moment(at.isoformat() + "Z") == Moment(daily=False, at=expected)
    assert read_moment(at.date().isoformat()) == Moment(daily=False, at=since.days * 86400 * 10**6)
    of_day = at.astimezone(UTC) if at.tzinfo else at
    assert read_moment(of_day.time().isoformat() + "Z") == Moment(daily=True, at=expected % (86400 * 10**6))


@pytest.mark.parametrize(
    "text",
    ["", "2026", "20260401", "2026-W01-1", "2026-13-01", "24:00:01Z", "12:00:00", "２０２６-04-01", 5, None],
)
def test_other_texts_are_no_moments(text: object) -> None:
    assert read_moment(text) is None
