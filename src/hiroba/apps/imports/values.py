"""Turn the text of a cell into a value of a kind: number, date, list, telephone …; pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Any

from hiroba.apps.imports import dates
from hiroba.apps.imports.reasons import Unfit

LONGEST_TEXT = 20_000
_DASHES = str.maketrans("‐‑‒–—―−－ーｰ", "----------")
_NUMBER = re.compile(r"[+\-]?(\d+(\.\d*)?|\.\d+)(e[+\-]?\d+)?")
_LOOSE_NUMBER = re.compile(
    r"(約|およそ)?([+\-]?\d+(?:\.\d+)?)\s*"
    r"(人|名|世帯|台|床|件|回|円|個|本|棟|階|歳|年|か所|箇所|㎡|m2|m3|m|km2|km|cm|ha|a|%|kw|kwh|t|l)?(程度)?"
)
_SPLIT_WORDS = re.compile(r"[、，,;；\n]+")
_URL = re.compile(r"(?:https?|ftp)://[^\s\"'<>、。（）「」]+", re.IGNORECASE)
_BARE_URL = re.compile(r"www\.[^\s\"'<>、。（）「」]+", re.IGNORECASE)
_EMAIL = re.compile(r"[\w.+\-]+@[\w\-]+(\.[\w\-]+)+")
_YES = frozenset(
    {"○", "◯", "〇", "●", "◎", "1", "有", "有り", "あり", "はい", "可", "可能", "true", "yes", "y", "t", "on"}
)
_NO = frozenset({"×", "✕", "✖", "x", "0", "無", "無し", "なし", "いいえ", "不可", "否", "false", "no", "n", "f", "off"})
_PARTLY = frozenset({"△", "▲", "一部", "条件付"})
_DAYS = {
    "月": "Monday",
    "火": "Tuesday",
    "水": "Wednesday",
    "木": "Thursday",
    "金": "Friday",
    "土": "Saturday",
    "日": "Sunday",
    "祝": "PublicHolidays",
}
_WEEK = "月火水木金土日"
_DAY_RANGE = re.compile(r"([月火水木金土日])曜?日?[~〜～\-から]+([月火水木金土日])")

Value = Any
Convert = Callable[[str], Value]


def folded(text: str) -> str:
    """Return the text in compatibility form (full-width digits become ASCII) without surrounding space."""
    return unicodedata.normalize("NFKC", text).strip()


def to_text(cell: str) -> str:
    """Return the text as written, with one kind of line break and no space around lines."""
    if "\n" in cell or "\r" in cell:
        cell = "\n".join(line.strip() for line in cell.splitlines())
    text = cell.strip()
    if len(text) > LONGEST_TEXT:
        raise Unfit("text_too_long", count=len(text), most=LONGEST_TEXT)
    return text


def to_line(cell: str) -> str:
    """Return the text on one line; line breaks inside the cell become spaces."""
    return " ".join(to_text(cell).split("\n"))


def to_code(cell: str) -> str:
    """Return an identifier in ASCII form where it has one."""
    return folded(cell).translate(_DASHES)


def to_number(cell: str) -> int | float:
    """Return a number; thousands separators, a unit behind it and `約` before it are taken off."""
    text = folded(cell).replace(",", "").replace(" ", "").replace("−", "-").replace("△", "-").replace("▲", "-")
    if not _NUMBER.fullmatch(text.lower()):
        loose = _LOOSE_NUMBER.fullmatch(text.lower())
        if not loose:
            raise Unfit("not_a_number")
        text = loose.group(2)
    number = float(text)
    if number.is_integer() and "." not in text and abs(number) < 1e15:
        return int(number)
    if number in (float("inf"), float("-inf")):
        raise Unfit("not_a_number")
    return number


def to_integer(cell: str) -> int:
    """Return a whole number."""
    number = to_number(cell)
    if isinstance(number, float) and not number.is_integer():
        raise Unfit("not_whole")
    return int(number)


def to_boolean(cell: str) -> bool:
    """Return yes or no from ○×, 有無, 1 and 0 and their like."""
    text = folded(cell).lower()
    if text in _YES or cell.strip() in _YES:
        return True
    if text in _NO or cell.strip() in _NO:
        return False
    raise Unfit("not_yes_or_no")


def to_grade(cell: str) -> str:
    """Return `suitable`, `conditional` or `unsuitable` from ○△×."""
    if cell.strip() in _PARTLY:
        return "conditional"
    return "suitable" if to_boolean(cell) else "unsuitable"


def to_list(cell: str) -> list[str]:
    """Return the parts of an enumeration."""
    return [part.strip() for part in _SPLIT_WORDS.split(cell) if part.strip()]


def to_days(cell: str) -> list[str]:
    """Return the days of the week by their English names, Monday first; `祝` is PublicHolidays."""
    text = folded(cell)
    if text in ("毎日", "無休", "年中無休", "全日", "月~日"):
        text = _WEEK
    for first, last in _DAY_RANGE.findall(text):
        begin, end = _WEEK.index(first), _WEEK.index(last)
        days = _WEEK[begin : end + 1] if begin <= end else _WEEK[begin:] + _WEEK[: end + 1]
        text = _DAY_RANGE.sub(days, text, count=1)
    text = re.sub(r"曜日?|祝日|休日", lambda match: "祝" if "曜" not in match.group() else "", text)
    letters = [letter for letter in text if letter not in " 、,・/\n"]
    if not letters or any(letter not in _DAYS for letter in letters):
        raise Unfit("not_days")
    return [name for letter, name in _DAYS.items() if letter in letters]


def to_phone(cell: str) -> str:
    """Return a telephone number in ASCII digits; a second number or a note stays behind it."""
    text = " ".join(folded(cell).translate(_DASHES).split())
    if sum(letter.isdigit() for letter in text) < 3:
        raise Unfit("not_a_phone")
    return text


def to_url(cell: str) -> str:
    """Return the web address in a cell, also when a label stands around it."""
    found = _URL.search(cell) or _URL.search(unicodedata.normalize("NFKC", cell))
    if found:
        return found.group().rstrip(".,;")
    found = _BARE_URL.search(cell)
    if found:
        return "http://" + found.group().rstrip(".,;")
    raise Unfit("not_a_url")


def to_email(cell: str) -> str:
    """Return a mail address."""
    found = _EMAIL.search(folded(cell))
    if not found:
        raise Unfit("not_an_email")
    return found.group()


def to_area_code(cell: str) -> str:
    """Return a municipality's six-digit code; the check digit is added to a five-digit one."""
    text = folded(cell).replace(".0", "")
    if not text.isascii() or not text.isdigit():
        raise Unfit("not_an_area_code")
    if len(text) in (1, 2):
        text = text.zfill(2) + "000"
    if len(text) == 4:
        text = "0" + text
    if len(text) == 5:
        total = sum(int(digit) * weight for digit, weight in zip(text, (6, 5, 4, 3, 2), strict=True))
        text += str((11 - total % 11) % 10)
    if len(text) != 6:
        raise Unfit("not_an_area_code")
    return text


def guess(cell: str) -> Value:
    """Return a number when the cell is nothing but one, else its text; `012` stays text."""
    text = folded(cell).replace(",", "")
    if _NUMBER.fullmatch(text.lower()) and not re.match(r"[+\-]?0\d|\+", text) and len(text) < 16:
        return to_number(text)
    return to_text(cell)


KINDS: dict[str, Convert] = {
    "text": to_text,
    "line": to_line,
    "code": to_code,
    "number": to_number,
    "integer": to_integer,
    "boolean": to_boolean,
    "grade": to_grade,
    "list": to_list,
    "days": to_days,
    "phone": to_phone,
    "url": to_url,
    "email": to_email,
    "area": to_area_code,
    "date": dates.to_date,
    "time": dates.to_time,
    "guess": guess,
}
"""The kinds that a mapping can name → what makes a value of a cell, or raises Unfit."""
