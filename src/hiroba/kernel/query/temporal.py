"""Parses and evaluates temporal queries (GS CIM 009, 4.11)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from hiroba.kernel.model.entity import Instance
from hiroba.kernel.model.errors import BadRequestData
from hiroba.kernel.query.moments import read_moment
from hiroba.kernel.query.tree import TemporalQuery

TIME_PROPERTIES: Final = ("observedAt", "createdAt", "modifiedAt", "deletedAt")


def parse_temporal(
    timerel: str | None,
    time_at: str | None,
    *,
    end_time_at: str | None = None,
    timeproperty: str | None = None,
) -> TemporalQuery:
    """Return the query of these parameters, as they came; without `timerel` it spans all time.

    Raises BadRequestData naming the parameter.
    """
    timeproperty = "observedAt" if timeproperty is None else timeproperty
    if timeproperty not in TIME_PROPERTIES:
        raise BadRequestData(f"timeproperty: expected one of {', '.join(TIME_PROPERTIES)}, found '{timeproperty}'")
    if timerel is None:
        for name, given in (("timeAt", time_at), ("endTimeAt", end_time_at)):
            if given is not None:
                raise BadRequestData(f"{name}: expected together with timerel")
        return TemporalQuery(None, None, None, timeproperty)
    if timerel not in ("before", "after", "between"):
        raise BadRequestData(f"timerel: expected before, after or between, found '{timerel}'")
    start = _instant(time_at, "timeAt")
    if timerel != "between":
        if end_time_at is not None:
            raise BadRequestData("endTimeAt: expected only with timerel=between")
        return TemporalQuery(timerel, start, None, timeproperty)
    return TemporalQuery(timerel, start, _instant(end_time_at, "endTimeAt"), timeproperty)


def _instant(text: str | None, name: str) -> int:
    moment = read_moment(text)
    if moment is None or moment.daily or text is None or len(text) == 10:
        found = "nothing" if text is None else f"'{text}'"
        raise BadRequestData(f"{name}: expected a date-time such as 2026-04-01T09:00:00Z, found {found}")
    return moment.at


def temporal_matcher(query: TemporalQuery) -> Callable[[Instance], bool]:
    """Compile a temporal query to a function over instances; one without the time property never matches.

    `before` excludes its bound, `after` includes it, `between` includes the lower and excludes the upper one.
    """
    name = query.timeproperty
    low = query.start if query.timerel in ("after", "between") else None
    high = query.start if query.timerel == "before" else query.end

    def matches(instance: Instance) -> bool:
        moment = read_moment(instance.get(name))
        if moment is None:
            return False
        return (low is None or moment.at >= low) and (high is None or moment.at < high)

    return matches
