"""Read and write DateTimes as points in time (GS CIM 009, 4.6.3)."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from hiroba.kernel.model.errors import BadRequestData, shown

_FORM: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,]\d{1,6})?Z", re.ASCII)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def is_instant(text: object) -> bool:
    """Tell whether a text is a DateTime: complete, in UTC with `Z`, at most six decimals."""
    if type(text) is not str or _FORM.fullmatch(text) is None:
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:  # a 13th month, a 25th hour
        return False
    return True


def check_instant(text: Any, member: str) -> str:
    """Return the text when it is a DateTime; raises BadRequestData naming the member otherwise."""
    if is_instant(text):
        checked: str = text
        return checked
    raise BadRequestData(f"{member} is {shown(text)}; a DateTime in UTC is expected, such as 2026-04-01T09:30:00Z.")


def parse_instant(text: str) -> int:
    """Return a DateTime as microseconds since 1970-01-01 UTC; raises BadRequestData."""
    check_instant(text, "The time")
    return (datetime.fromisoformat(text) - _EPOCH) // _MICROSECOND


def format_instant(instant: int) -> str:
    """Return microseconds since 1970-01-01 UTC as a DateTime with milliseconds and `Z`."""
    seconds, rest = divmod(instant, 1_000_000)
    return f"{_second(seconds)}.{rest // 1000:03d}Z"


def now() -> int:
    """Return the present moment in microseconds since 1970-01-01 UTC."""
    return time.time_ns() // 1000


@lru_cache(maxsize=64)
def _second(seconds: int) -> str:
    return (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0")
