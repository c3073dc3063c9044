"""Durations and the periods of time that they divide a span into (GS CIM 009, 4.5.19.1)."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from hiroba.kernel.model.errors import BadRequestData

SECOND: Final = 1_000_000
_FORM: Final = re.compile(
    r"P(?=.)(?:(\d+)W|(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)D)?(?:T(?=.)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:[.,]\d{1,6})?)S)?)?)"
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MONTH: Final = 2_629_746 * SECOND
LONGEST_YEARS: Final = 10_000
LAST: Final = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)
"""The last instant (µs) that can be written."""


@dataclass(slots=True, frozen=True)
class Duration:
    """A length of time: `months` as the calendar has them (UTC), and `rest` in µs; both 0 is the whole span."""

    months: int
    rest: int

    @property
    def whole(self) -> bool:
        """Tell whether it stands for the whole span of a query."""
        return not self.months and not self.rest

    def edge(self, origin: int, number: int) -> int:
        """Return where the period of a number begins, counted from an origin (µs); just beyond `LAST` at most."""
        start = _plus_months(origin, number * self.months) if self.months else origin
        return min(start + number * self.rest, LAST + 1)

    def number(self, origin: int, instant: int) -> int:
        """Return the number of the period that an instant not before the origin lies in."""
        if not self.months:
            return (instant - origin) // self.rest
        found = max(0, (instant - origin) // (self.months * _MONTH + self.rest))
        while self.edge(origin, found) > instant:
            found -= 1
        while self.edge(origin, found + 1) <= instant:
            found += 1
        return found


def parse_duration(text: str) -> Duration:
    """Return an ISO 8601 duration such as `PT15M`, `P1D`, `P2W` or `P1Y6M`; raises BadRequestData."""
    match = _FORM.fullmatch(text) if len(text) <= 64 else None
    if match is None or text == "P":
        raise BadRequestData(
            f"aggrPeriodDuration is {text[:64]!r}; give an ISO 8601 duration such as PT15M, P1D, P1M or PT0S."
        )
    weeks, years, months, days, hours, minutes = (int(part or 0) for part in match.groups()[:6])
    seconds = round(float((match[7] or "0").replace(",", ".")) * SECOND)
    length = timedelta(days=1) // timedelta(microseconds=1)
    rest = (weeks * 7 + days) * length + (hours * 3600 + minutes * 60) * SECOND + seconds
    if years * 12 + months > LONGEST_YEARS * 12 or rest > LONGEST_YEARS * 12 * _MONTH:
        raise BadRequestData(f"aggrPeriodDuration is {text!r}; that is longer than {LONGEST_YEARS} years.")
    return Duration(years * 12 + months, rest)


def _plus_months(instant: int, months: int) -> int:
    """Add calendar months; a day that the month does not have becomes its last day."""
    moment = _EPOCH + timedelta(microseconds=instant)
    index = moment.year * 12 + moment.month - 1 + months
    year, month = index // 12, index % 12 + 1
    if year > datetime.max.year:
        return LAST + 1
    day = min(moment.day, calendar.monthrange(year, month)[1])
    return (moment.replace(year=year, month=month, day=day) - _EPOCH) // timedelta(microseconds=1)
