"""Files that are broken, belie their name or would fill the machine: each is refused with what and where."""

from __future__ import annotations

import contextlib
import io
import zipfile
from collections.abc import Callable
from typing import Any

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hiroba.apps.imports import archive
from hiroba.apps.imports.reasons import Unreadable
from hiroba.apps.imports.source import open_source

HEADER = "名称,緯度,経度\n"
GOOD = "A,34.34,134.05\n"


def zipped(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in files.items():
            opened.writestr(name.replace("__", "."), content)
    return buffer.getvalue()


def workbook() -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["名称", "緯度", "経度"])
    sheet.append(["A", 34.34, 134.05])
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("a.csv", b"", "empty_file"),
        ("a.csv", b"\xef\xbb\xbf\r\n", "empty_file"),
        ("a.csv", b"%PDF-1.7 ...", "not_what_it_says"),
        ("a.csv", b"\x89PNG\r\n\x1a\n", "not_what_it_says"),
        ("a.csv", b"<!DOCTYPE html><html><body>404</body></html>", "not_what_it_says"),
        ("a.csv", b'{"type": "FeatureCollection", "features": []}', "not_what_it_says"),
        ("a.csv", b"a,b\x00\x01\x02", "not_what_it_says"),
        ("a.csv", workbook(), "not_what_it_says"),
        ("a.geojson", HEADER.encode(), "broken_json"),
        ("a.geojson", b'[{"a": 1}]', "not_what_it_says"),
        ("a.xlsx", HEADER.encode(), "not_what_it_says"),
        ("a.xlsx", zipped(readme__txt=b"x"), "not_what_it_says"),
        ("a.zip", workbook(), "not_what_it_says"),
        ("a.zip", zipped(readme__txt=b"x"), "empty_zip"),
        ("a.zip", b"PK\x03\x04 cut off", "broken_zip"),
        ("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "unknown_format"),
        ("a.shp", b"\x00\x00\x27\x0a" + b"\x00" * 50, "unknown_format"),
        ("a.json", b'{"a": ', "broken_json"),
        ("a.json", b'"text"', "not_a_table"),
        ("a.json", b"[1, 2]", "not_a_table"),
        ("a.json", b'{"type": "Topology", "objects": {}}', "topojson"),
        ("a.csv", b"1,2,3\n4,5,6\n", "no_header"),
        ("a.csv", "名称,緯度\nあ,1\n".encode("euc_jp")[:-3] + b"\xff\xfe\xfd\x80", "unknown_encoding"),
        ("a.csv", b"name,lat\n" + b"x" * 1_100_000, "line_too_long"),
        ("a.csv", ",".join(f"c{n}" for n in range(1001)).encode() + b"\n", "too_many_columns"),
    ],
)
def test_what_is_no_data_is_refused(write: Callable[..., Any], name: str, content: bytes, code: str) -> None:
    with pytest.raises(Unreadable) as error:
        list(open_source(write(name, content), name)[0].entities())
    assert error.value.reason.code == code
    assert set(error.value.reason.both()) == {"ja", "en"}


def test_the_line_where_json_breaks_is_named(write: Callable[..., Any]) -> None:
    with pytest.raises(Unreadable) as error:
        open_source(write("a.json", b'[\n{"a": 1},\n{"a": }\n]'), "a.json")
    assert error.value.line == 3


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932", "euc_jp", "utf-16"])
def test_encodings(write: Callable[..., Any], read: Callable[..., Any], encoding: str) -> None:
    text = "名称,緯度,経度,備考\n髙松の①公園～ｶﾅ,34.34,134.05,説明\n"
    if encoding == "euc_jp":
        text = text.replace("髙", "高").replace("①", "1").replace("～", "から")
    dataset, (made,), _ = read(write("a.csv", text.encode(encoding)))
    assert dataset.sniffed.encoding == encoding
    assert made.entity["name"]["value"] == text.split("\n")[1].split(",")[0]


def test_ragged_rows_are_rejects_with_their_line(write: Callable[..., Any], read: Callable[..., Any]) -> None:
    rows = GOOD + "B,34.35\n" + "C,34.36,134.06,zu viel\n" + "D,34.37,134.07,,,\n" + '"E\n2",34.38,134.08\n' + "F\n"
    _, made, rejects = read(write("a.csv", HEADER + rows))
    assert [item.entity["name"]["value"] for item in made] == ["A", "D", "E 2"]
    assert [item.line for item in made] == [2, 5, 6]
    assert [(reject.line, reject.reason.code) for reject in rejects] == [
        (3, "too_few_cells"),
        (4, "too_many_cells"),
        (8, "too_few_cells"),
    ]


def test_a_quote_that_never_ends_is_an_error_where_it_begins(write: Callable[..., Any]) -> None:
    with pytest.raises(Unreadable) as error:
        open_source(write("a.csv", HEADER + GOOD + '"B,34,134\n' + GOOD * 20_000), "a.csv")
    assert (error.value.reason.code, error.value.line) == ("broken_csv", 3)


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("A,134.05,34.34", "swapped_coordinates"),
        ("A,48.85,2.35", "outside"),
        ("A,34.34,", "half_coordinates"),
        ("A,34.34,0", "outside"),
    ],
)
def test_a_wrong_place_rejects_the_row(
    write: Callable[..., Any], read: Callable[..., Any], row: str, code: str
) -> None:
    _, made, (reject,) = read(write("a.csv", HEADER + row + "\n"))
    assert not made
    assert (reject.line, reject.column, reject.row, reject.reason.code) == (2, "緯度", True, code)


def test_zero_and_dashes_are_no_place(write: Callable[..., Any], read: Callable[..., Any]) -> None:
    _, made, rejects = read(write("a.csv", HEADER + "A,0,0\nB,－,－\nC,,\nD,0.0,--- \n"))
    assert len(made) == 4
    assert not rejects
    assert not any("location" in item.entity for item in made)


def test_the_same_row_twice_is_reported_and_a_like_one_kept_apart(
    write: Callable[..., Any], read: Callable[..., Any]
) -> None:
    header = "名称,緯度,経度,電話番号\n"
    rows = "A,34.34,134.05,087-111-1111\n" * 2 + "A,34.34,134.05,087-222-2222\n"
    _, made, (reject,) = read(write("a.csv", header + rows))
    assert (reject.line, reject.reason.code, reject.reason.words) == (3, "duplicate_row", {"line": 2})
    first, second = (item.entity["id"] for item in made)
    assert second == first + "-2"


def test_zip_bombs_are_refused_before_they_unpack(write: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = zipped(stops__txt=b"0" * 32_000_000)
    assert len(bomb) < 100_000
    with pytest.raises(Unreadable) as error:
        open_source(write("gtfs.zip", bomb), "gtfs.zip")
    assert error.value.reason.code == "zip_ratio"
    monkeypatch.setattr(archive, "MOST_BYTES", 1_000_000)
    with pytest.raises(Unreadable) as error:
        open_source(write("gtfs.zip", bomb), "gtfs.zip")
    assert error.value.reason.code == "zip_bomb"
    monkeypatch.setattr(archive, "MOST_ENTRIES", 0)
    with pytest.raises(Unreadable) as error:
        open_source(write("gtfs.zip", bomb), "gtfs.zip")
    assert error.value.reason.code == "zip_entries"


def test_a_workbook_is_a_zip_too(write: Callable[..., Any]) -> None:
    bomb = zipped(**{"xl/workbook.xml": b" " * 64_000_000})
    with pytest.raises(Unreadable) as error:
        open_source(write("a.xlsx", bomb), "a.xlsx")
    assert error.value.reason.code == "zip_ratio"


def test_a_broken_workbook_is_refused(write: Callable[..., Any]) -> None:
    for broken in (
        zipped(**{"xl/workbook.xml": b"<not xml"}),
        zipped(**{"xl/workbook.xml": b"<workbook/>", "[Content_Types].xml": b"<Types/>"}),
    ):
        with pytest.raises(Unreadable) as error:
            open_source(write("a.xlsx", broken), "a.xlsx")
        assert error.value.reason.code == "broken_workbook"


def test_a_huge_cell_is_cut_out_and_reported(write: Callable[..., Any], read: Callable[..., Any]) -> None:
    header = "名称,緯度,経度,備考\n"
    _, made, (reject,) = read(write("a.csv", header + "A,34.34,134.05," + "長" * 30_000 + "\n"))
    assert "note" not in made[0].entity
    assert (reject.column, reject.row, reject.reason.code) == ("備考", False, "text_too_long")
    assert len(reject.value) <= 200


def test_features_that_are_none_are_rejects(write: Callable[..., Any], read: Callable[..., Any]) -> None:
    good = '{"type":"Feature","properties":{"name":"A"},"geometry":{"type":"Point","coordinates":[134.05,34.34]}}'
    collection = '{"type":"GeometryCollection","geometries":[]}'
    odd = good.replace('{"type":"Point","coordinates":[134.05,34.34]}', collection)
    nowhere = good.replace('{"type":"Point","coordinates":[134.05,34.34]}', "null")
    swapped = good.replace("134.05,34.34", "34.34,134.05")
    text = f'{{"type":"FeatureCollection","features":[{good},7,{odd},{nowhere},{swapped}]}}'
    _, made, rejects = read(write("a.geojson", text))
    assert [(item.line, "location" in item.entity) for item in made] == [(1, True), (4, False)]
    assert [(reject.line, reject.reason.code) for reject in rejects] == [
        (2, "not_a_feature"),
        (3, "unknown_geometry"),
        (5, "swapped_coordinates"),
    ]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.binary(max_size=300), st.sampled_from(["a.csv", "a.json", "a.zip", "a.xlsx", "a.geojson", "a"]))
def test_no_bytes_break_the_reader(write: Callable[..., Any], content: bytes, name: str) -> None:
    path = write(name, content)
    with contextlib.suppress(Unreadable):
        for dataset in open_source(path, name, type="Thing"):
            assert all(item.line >= 0 for item in dataset.entities())


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.lists(st.text(max_size=8), max_size=5), max_size=6))
def test_no_table_breaks_the_reader(write: Callable[..., Any], rows: list[list[str]]) -> None:
    text = HEADER + "\n".join(",".join(row) for row in rows)
    path = write("a.csv", text.encode("utf-8", "replace"))
    with contextlib.suppress(Unreadable):
        for dataset in open_source(path, "a.csv"):
            assert all(item.line >= 0 for item in dataset.entities())
