"""Read dates and times of day as Japanese offices write them; pure."""

from __future__ import annotations

import datetime
import re
import unicodedata

from hiroba.apps.imports.reasons import Unfit

_ERAS = {"明治": 1867, "大正": 1911, "昭和": 1925, "平成": 1988, "令和": 2018}
_ERA_LETTERS = {"明": "明治", "大": "大正", "昭": "昭和", "平": "平成", "令": "令和"}
_ERA_LATIN = {"m": "明治", "t": "大正", "s": "昭和", "h": "平成", "r": "令和"}
_ERA = re.compile(
    r"(明治|大正|昭和|平成|令和|明|大|昭|平|令|[mtshr])\.?(元|\d{1,2})(年度|年|[./\-])?"
    r"(?:(\d{1,2})(?:月|[./\-])?(?:(\d{1,2})日?)?)?"
)
_WESTERN = re.compile(r"(\d{4})(年度|年|[./\-])?(?:(\d{1,2})(?:月|[./\-])?(?:(\d{1,2})日?)?)?")
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})")
_SHORT_YEAR = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{1,2})")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")
_SPOKEN = re.compile(r"(午前|午後|am|pm)?(\d{1,2})時(?:(\d{1,2})分|(半))?")
_LONG_YEAR = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")
_TRAILING_TIME = re.compile(r"[t\s]\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?(z|[+\-]\d{2}:?\d{2})?$")
_BRACKETS = re.compile(r"^\([^)]*\)|\([^)]*\)$")


def to_date(cell: str) -> str:
    """Return an ISO 8601 date, a month (`2024-09`) or a year (`2024`), from Western and era dates alike.

    Read are 2024/9/1, 2024年9月1日, 20240901, 令和6年9月1日, R6.9.1, 昭53.10.30, 4/1/24 and 4/1/2024
    (month first).
    """
    text = unicodedata.normalize("NFKC", cell).strip().lstrip("#").lower()
    text = _BRACKETS.sub("", text).replace(" ", "") if not _TRAILING_TIME.search(text) else text
    text = _TRAILING_TIME.sub("", text)
    if match := _COMPACT.fullmatch(text):
        return _iso(*(int(part) for part in match.groups()))
    if match := _WESTERN.fullmatch(text):
        year = int(match.group(1))
        return _iso(2000 + year if 0 < year < 100 else year, _int(match.group(3)), _int(match.group(4)))
    if match := _SHORT_YEAR.fullmatch(text):
        first, second, third = (int(part) for part in match.groups())
        return _iso(2000 + first, second, third) if first > 12 else _iso(2000 + third, first, second)
    if match := _LONG_YEAR.fullmatch(text):
        first, second, year = (int(part) for part in match.groups())
        return _iso(year, first, second) if first <= 12 else _iso(year, second, first)
    if match := _ERA.fullmatch(text):
        name = match.group(1)
        era = _ERA_LETTERS.get(name) or _ERA_LATIN.get(name) or name
        year = _ERAS[era] + (1 if match.group(2) == "元" else int(match.group(2)))
        return _iso(year, _int(match.group(4)), _int(match.group(5)))
    raise Unfit("not_a_date")


def to_time(cell: str) -> str:
    """Return a time of day as `HH:MM`; `24:00` stays."""
    text = unicodedata.normalize("NFKC", cell).strip().lower().replace(" ", "")
    if match := _CLOCK.fullmatch(text):
        hour, minute, second = int(match.group(1)), int(match.group(2)), int(match.group(3) or 0)
    elif match := _SPOKEN.fullmatch(text):
        late = match.group(1) in ("午後", "pm")
        hour = int(match.group(2)) + (12 if late and int(match.group(2)) < 12 else 0)
        minute, second = 30 if match.group(4) else int(match.group(3) or 0), 0
    elif text in ("正午",):
        hour, minute, second = 12, 0, 0
    else:
        raise Unfit("not_a_time")
    if hour > 29 or minute > 59 or second > 59:
        raise Unfit("not_a_time")
    return f"{hour:02d}:{minute:02d}" + (f":{second:02d}" if second else "")


def _int(text: str | None) -> int | None:
    return int(text) if text else None


def _iso(year: int, month: int | None = None, day: int | None = None) -> str:
    try:
        checked = datetime.date(year, month or 1, day or 1)
    except ValueError as error:
        raise Unfit("not_a_date") from error
    if day:
        return checked.isoformat()
    return checked.isoformat()[:7] if month else f"{year:04d}"
