"""Reads dates, times and date-times as points that can be compared (GS CIM 009, 4.6.3)."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, NamedTuple

DATE: Final = r"\d{4}-\d{2}-\d{2}"
TIME: Final = r"\d{2}:\d{2}:\d{2}(?:[.,]\d{1,6})?"
ZONE: Final = r"(?:Z|[+-]\d{2}:\d{2})"
MOMENT: Final = re.compile(rf"(?a:{DATE}T{TIME}{ZONE}|{DATE}|{TIME}Z)")

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY: Final = 86_400_000_000
_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
_MICROSECOND: Final = timedelta(microseconds=1)


class Moment(NamedTuple):
    """A point in time: `daily` true for a time of day (µs since midnight), else µs since 1970 UTC."""

    daily: bool
    at: int


def read_moment(text: object) -> Moment | None:
    """Return the point that a date (its midnight UTC), time or date-time means; None for anything else."""
    if not isinstance(text, str) or MOMENT.fullmatch(text) is None:
        return None
    try:
        if len(text) == 10 and text[4] == "-":
            return Moment(daily=False, at=(date.fromisoformat(text).toordinal() - _EPOCH_DAY) * _DAY)
        if text[2] == ":":
            t = time.fromisoformat(text)
            return Moment(daily=True, at=((t.hour * 60 + t.minute) * 60 + t.second) * 1_000_000 + t.microsecond)
        return Moment(daily=False, at=(datetime.fromisoformat(text) - _EPOCH) // _MICROSECOND)
    except ValueError:  # a 13th month, a 25th hour
        return None
