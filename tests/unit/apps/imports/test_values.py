"""Cells become values: numbers, dates, days, places, as Japanese offices write them."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hiroba.apps.imports import geo3x3, keys, places, values
from hiroba.apps.imports.dates import to_date, to_time
from hiroba.apps.imports.reasons import Reason, Unfit, texts
from hiroba.apps.imports.table import bare, missing, plain


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("238", 238),
        ("１，２３８", 1238),
        (" 400 ", 400),
        ("24,355,687,765 ", 24355687765),
        ("1.70", 1.7),
        ("-164", -164),
        ("△5", -5),
        ("約100人", 100),
        ("30台", 30),
        ("12.5㎡", 12.5),
        ("1e3", 1000),
    ],
)
def test_numbers(cell: str, value: float) -> None:
    assert values.to_number(cell) == value
    assert type(values.to_number(cell)) is type(value)


@pytest.mark.parametrize("cell", ["", "なし", "19（休床中）", "10～20", "1/2", "nan", "inf", "1e999", "--"])
def test_not_numbers(cell: str) -> None:
    with pytest.raises(Unfit):
        values.to_number(cell)


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("○", True),
        ("◯", True),
        ("〇", True),
        ("有", True),
        ("1", True),
        ("×", False),
        ("無", False),
        ("0", False),
        ("True", True),
    ],
)
def test_booleans(cell: str, value: bool) -> None:
    assert values.to_boolean(cell) is value


def test_grades() -> None:
    assert [values.to_grade(cell) for cell in "○△×1"] == ["suitable", "conditional", "unsuitable", "suitable"]
    with pytest.raises(Unfit):
        values.to_grade("多分")


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("2024-09-01", "2024-09-01"),
        ("2024/9/1", "2024-09-01"),
        ("２０２４年９月１日", "2024-09-01"),
        ("20240901", "2024-09-01"),
        ("令和6年9月1日", "2024-09-01"),
        ("R6.9.1", "2024-09-01"),
        ("令和元年5月1日", "2019-05-01"),
        ("昭53.10.30", "1978-10-30"),
        ("#昭50.4.1", "1975-04-01"),
        ("平15.1.1", "2003-01-01"),
        ("(昭50.5.20)昭52.12.23", "1977-12-23"),
        ("大正12年9月1日", "1923-09-01"),
        ("4/1/24", "2024-04-01"),
        ("4/1/2019", "2019-04-01"),
        ("24/4/1", "2024-04-01"),
        ("0014/3/2", "2014-03-02"),
        ("2024年9月", "2024-09"),
        ("令和4年度", "2022"),
        ("2015", "2015"),
        ("9999", "9999"),
        ("2024-09-01T00:00:00", "2024-09-01"),
        ("2024年9月1日（日）", "2024-09-01"),
    ],
)
def test_dates(cell: str, value: str) -> None:
    assert to_date(cell) == value


@pytest.mark.parametrize(
    "cell", ["", "9月7日(土)～", "2024-02-30", "令和6年13月1日", "未定", "0000", "2001-03-27、2001-03-28"]
)
def test_not_dates(cell: str) -> None:
    with pytest.raises(Unfit):
        to_date(cell)


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("9:00", "09:00"),
        ("１７：００", "17:00"),
        ("24:00:00", "24:00"),
        ("9時30分", "09:30"),
        ("午後5時", "17:00"),
        ("9時半", "09:30"),
        ("正午", "12:00"),
    ],
)
def test_times(cell: str, value: str) -> None:
    assert to_time(cell) == value


@pytest.mark.parametrize("cell", ["17:00（最終入館16:30まで）", "月・木：14:00", "99:00", "—"])
def test_not_times(cell: str) -> None:
    with pytest.raises(Unfit):
        to_time(cell)


@pytest.mark.parametrize(
    ("cell", "days"),
    [
        ("月火水木金", "Mon Tue Wed Thu Fri"),
        ("日月火水木金土", "Mon Tue Wed Thu Fri Sat Sun"),
        ("月・水・金曜日", "Mon Wed Fri"),
        ("月～金", "Mon Tue Wed Thu Fri"),
        ("金～月", "Mon Fri Sat Sun"),
        ("毎日", "Mon Tue Wed Thu Fri Sat Sun"),
        ("土日祝", "Sat Sun Pub"),
    ],
)
def test_days(cell: str, days: str) -> None:
    assert [day[:3] for day in values.to_days(cell)] == days.split()


def test_telephones_addresses_and_lists() -> None:
    assert values.to_phone("０８７－８３９－２０１１") == "087-839-2011"
    assert values.to_phone("087-833-2282\n（087-839-2292）") == "087-833-2282 (087-839-2292)"
    assert values.to_url("公式サイト\n\nhttps://example.jp/a?b=c、ほか") == "https://example.jp/a?b=c"
    assert values.to_list("内科、心療内科,歯科\n外科") == ["内科", "心療内科", "歯科", "外科"]
    for convert, cell in (
        (values.to_phone, "なし"),
        (values.to_url, "なし"),
        (values.to_email, "なし"),
        (values.to_days, "不定休"),
    ):
        with pytest.raises(Unfit):
            convert(cell)


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("37201", "372013"),
        ("372013", "372013"),
        ("1100", "011002"),
        ("011002", "011002"),
        ("37", "370002"),
        ("13101", "131016"),
    ],
)
def test_municipality_codes_get_their_check_digit(cell: str, code: str) -> None:
    assert values.to_area_code(cell) == code


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("12", 12),
        ("012", "012"),
        ("+81", "+81"),
        ("1,234", 1234),
        ("0.5", 0.5),
        ("090-1", "090-1"),
        ("1" * 20, "1" * 20),
    ],
)
def test_guesses_keep_codes(cell: str, value: Any) -> None:
    assert values.guess(cell) == value


@pytest.mark.parametrize("cell", ["", " ", "-", "－", "−", "--- ", "—", "null", "N/A", "***", None, [], {}])
def test_missing(cell: Any) -> None:
    assert missing(cell)


@pytest.mark.parametrize("cell", ["0", "なし", "無", 0, [0]])
def test_not_missing(cell: Any) -> None:
    assert not missing(cell)


def test_headers_are_compared_loosely() -> None:
    assert plain("名称_カナ") == plain("名称＿カナ ") == plain("名称カナ")
    assert plain("ＵＲＬ") == plain("url")
    assert bare("収容人数（人）") == plain("収容人数")


@pytest.mark.parametrize(
    ("cell", "degrees"),
    [
        ("34.34092056", 34.34092056),
        ("３４．５", 34.5),
        ("34度20分27.3秒", 34.340917),
        ("34°20′27.3″", 34.340917),
        ("N34/20/27.3", 34.340917),
        ([45, 31.2], 45.52),
        ("", None),
        ("－", None),
    ],
)
def test_degrees(cell: Any, degrees: float | None) -> None:
    assert places.to_degrees(cell) == (pytest.approx(degrees, abs=1e-6) if degrees is not None else None)


@pytest.mark.parametrize("cell", ["①34.3 ②34.4", "北緯", [1, 2, 3], ["a", "b"], "34.3.1"])
def test_not_degrees(cell: Any) -> None:
    with pytest.raises(Unfit):
        places.to_degrees(cell)


def test_points() -> None:
    assert places.point(34.3, 134.0) == {"type": "Point", "coordinates": [134.0, 34.3]}
    assert places.point(0.0, 0.0) is None
    assert places.point(None, None) is None
    for lat, lon, code in (
        (134.0, 34.3, "swapped_coordinates"),
        (48.8, 2.3, "outside"),
        (34.3, None, "half_coordinates"),
    ):
        with pytest.raises(Unfit) as error:
            places.point(lat, lon)
        assert error.value.reason.code == code


def test_geometries_are_checked_to_the_last_position() -> None:
    line = {"type": "LineString", "coordinates": [[134.0, 34.0], [134.1, 34.1, 7.0]]}
    assert places.geometry(line) == {"type": "LineString", "coordinates": [[134.0, 34.0], [134.1, 34.1]]}
    for coordinates in ([[134.0, 34.0], [34.1, 134.1]], [[134.0, 34.0], ["a", 1]], [[134.0]], 7):
        with pytest.raises(Unfit):
            places.geometry({"type": "LineString", "coordinates": coordinates})
    with pytest.raises(Unfit):
        places.geometry({"type": "GeometryCollection", "geometries": []})


def test_pairs_in_one_cell() -> None:
    assert places.pair("34.342286,134.055021") == places.pair("134.055021、 34.342286") == (34.342286, 134.055021)


def test_geo3x3() -> None:
    lat, lon = geo3x3.decode("E9139659937288")
    assert (lat, lon) == (pytest.approx(35.65863, abs=1e-4), pytest.approx(139.74546, abs=1e-4))
    for code in ("", "X12", "E120", "9139"):
        with pytest.raises(Unfit):
            geo3x3.decode(code)


def test_keys_do_not_depend_on_spacing_and_width() -> None:
    point = {"type": "Point", "coordinates": [134.05, 34.34]}
    assert keys.digest(["中央 公園", "番町１", point]) == keys.digest(["中央公園", "番町1", {**point}])
    assert keys.digest(["中央公園", None]) != keys.digest(["中央公園", "x"])
    assert (
        keys.urn("Park", "372013", "平日（月～金）")
        == "urn:ngsi-ld:Park:372013:" + "%E5%B9%B3%E6%97%A5%EF%BC%88%E6%9C%88%EF%BD%9E%E9%87%91%EF%BC%89"
    )


def test_reasons_are_complete_in_both_languages() -> None:
    assert texts("ja").keys() == texts("en").keys()
    assert Reason("outside", {"lat": 1, "lon": 2}).both().keys() == {"ja", "en"}


@given(st.text(max_size=40), st.sampled_from(sorted(values.KINDS)))
def test_no_cell_breaks_a_kind(cell: str, kind: str) -> None:
    with contextlib.suppress(Unfit):
        assert values.KINDS[kind](cell) is not None


@given(st.one_of(st.text(max_size=30), st.lists(st.one_of(st.floats(), st.text(max_size=3)), max_size=3)))
def test_no_cell_breaks_a_coordinate(cell: Any) -> None:
    try:
        degrees = places.to_degrees(cell)
    except Unfit:
        return
    assert degrees is None or isinstance(degrees, float)
