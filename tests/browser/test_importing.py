"""A file imported from the console: checked, corrected, written, taken back; and what goes out again."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

HEADER = "名称,住所,緯度,経度,定員,備考\n"
ROWS = [
    "中央集会所,番町一丁目1,34.3401,134.0431,50,土足可\n",
    "東集会所,番町二丁目2,34.3402,134.0432,60,\n",
    "西集会所,番町三丁目3,34.3403,134.0433,70,\n",
]
WRONG = "北集会所,番町四丁目4,95.0,134.0434,80,\n"


@pytest.fixture
def tenant(server: Any, request: pytest.FixtureRequest) -> str:
    """Make an empty tenant of the test's own and return its name."""
    name = "imports_" + re.sub(r"\W", "_", request.node.name).lower()[-30:]
    first = {"id": "urn:ngsi-ld:Thing:1", "type": "Thing"}
    assert server.call("POST", "/ngsi-ld/v1/entities", first, NGSILD_Tenant=name).status == 201
    assert server.call("DELETE", "/ngsi-ld/v1/entities/urn:ngsi-ld:Thing:1", NGSILD_Tenant=name).status == 204
    return name


@pytest.fixture
def sheet(tmp_path: Path) -> Any:
    """Return a function that writes rows as a Shift_JIS file, as town halls do."""

    def written(*rows: str, name: str = "集会所一覧.csv") -> Path:
        path = tmp_path / name
        path.write_bytes((HEADER + "".join(rows)).encode("cp932"))
        return path

    return written


def halls(server: Any, tenant: str) -> list[str]:
    reply = server.call(
        "GET", "/ngsi-ld/v1/entities?type=MeetingHall&options=keyValues&limit=100", NGSILD_Tenant=tenant
    )
    if reply.status == 404:
        return []
    return sorted(entity["name"] for entity in reply.body)


def choose(page: Page, path: Path) -> None:
    page.locator("input[type=file]").set_input_files(path)


def name_type(page: Page, name: str = "MeetingHall") -> None:
    field = page.get_by_role("combobox", name="登録する種類")
    field.fill(name)
    field.press("Enter")


def bring_in(page: Page, path: Path) -> None:
    choose(page, path)
    name_type(page)
    start = page.get_by_role("button", name=re.compile(r"\d行を取り込む"))
    expect(page.get_by_role("heading", name=re.compile("登録される内容"))).to_be_visible()
    start.click()
    expect(page.get_by_role("heading", name="取り込みが終わりました")).to_be_visible()


def figure(page: Page, name: str) -> Any:
    return page.locator(".outcome .figures > div", has_text=name).locator("dd")


def test_a_file_is_checked_corrected_imported_and_taken_back(
    server: Any, open_page: Any, tenant: str, sheet: Any, axe: Callable[[Page], list[str]]
) -> None:
    page = open_page(f"{server.url}/import", tenant=tenant)
    choose(page, sheet(*ROWS, WRONG))
    expect(page.get_by_text("集会所一覧.csv")).to_be_visible()
    expect(page.locator(".summary")).to_contain_text(re.compile("cp932|shift_jis", re.IGNORECASE))
    name_type(page)
    expect(page.get_by_role("region", name=re.compile("登録される内容"))).to_contain_text("中央集会所")
    expect(page.get_by_role("region", name=re.compile("取り込めない行"))).to_contain_text("95.0")
    assert halls(server, tenant) == [], "a preview writes nothing"
    assert axe(page) == []
    note = page.get_by_role("combobox", name="備考を登録する項目")
    note.select_option(label="取り込まない")
    expect(page.get_by_role("region", name=re.compile("登録される内容"))).not_to_contain_text("土足可")
    page.get_by_role("button", name=re.compile("行を取り込む")).click()
    expect(page.get_by_role("heading", name="取り込みが終わりました")).to_be_visible()
    expect(figure(page, "書いた件数")).to_have_text("3")
    expect(figure(page, "取り込めない行")).to_have_text("1")
    rejects = page.get_by_role("region", name=re.compile("取り込めない行"))
    expect(rejects).to_contain_text("5行")
    assert halls(server, tenant) == ["中央集会所", "東集会所", "西集会所"]
    with page.expect_download() as report:
        page.get_by_role("link", name="取り込めない行のCSV").click()
    assert "95.0" in report.value.path().read_text(encoding="utf-8-sig")
    page.get_by_role("button", name="取り消す").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("集会所一覧.csv")
    assert axe(page) == []
    dialog.get_by_role("button", name="やめる").click()
    assert len(halls(server, tenant)) == 3, "asking is not doing"
    page.get_by_role("button", name="取り消す").click()
    page.get_by_role("dialog").get_by_role("button", name="実行する").click()
    expect(page.get_by_role("heading", name="取り込みを取り消しました")).to_be_visible()
    assert halls(server, tenant) == []


def test_rows_gone_from_a_newer_edition_are_deleted_only_when_ticked(
    server: Any, open_page: Any, tenant: str, sheet: Any
) -> None:
    page = open_page(f"{server.url}/import", tenant=tenant)
    bring_in(page, sheet(*ROWS))
    page.get_by_role("button", name="別のファイルを選ぶ").click()
    bring_in(page, sheet(ROWS[0]))
    expect(figure(page, "変わらない件数")).to_have_text("1")
    expect(page.get_by_role("heading", name="今回のファイルにないもの（2件）")).to_be_visible()
    delete = page.get_by_role("button", name=re.compile("件を削除する"))
    expect(delete).to_be_disabled()
    assert len(halls(server, tenant)) == 3
    page.get_by_role("checkbox", name="東集会所").check()
    delete.click()
    page.get_by_role("dialog").get_by_role("button", name="実行する").click()
    expect(page.get_by_text("1件を削除しました")).to_be_visible()
    expect(page.get_by_role("checkbox", name="東集会所")).to_have_count(0)
    expect(page.get_by_role("checkbox", name="西集会所")).not_to_be_checked()
    assert halls(server, tenant) == ["中央集会所", "西集会所"]


def test_a_file_that_is_not_what_its_name_says_is_refused_in_plain_words(
    server: Any, open_page: Any, tenant: str, tmp_path: Path
) -> None:
    path = tmp_path / "地図.xlsx"
    path.write_bytes(b"this is no workbook")
    page = open_page(f"{server.url}/import", tenant=tenant)
    choose(page, path)
    alert = page.get_by_role("alert")
    expect(alert).to_be_visible()
    expect(alert).not_to_contain_text("Traceback")
    expect(page.get_by_text("ここにファイルを置く")).to_be_visible()


def test_earlier_imports_are_listed_and_a_layer_goes_out_again(
    server: Any, open_page: Any, tenant: str, sheet: Any
) -> None:
    page = open_page(f"{server.url}/import", tenant=tenant)
    bring_in(page, sheet(*ROWS))
    page.get_by_role("button", name="別のファイルを選ぶ").click()
    expect(page.get_by_role("link", name="集会所一覧.csvの結果を見る")).to_be_visible()
    row = page.get_by_role("row").filter(has_text="MeetingHall")
    with page.expect_download() as csv:
        row.get_by_role("link", name="CSVで書き出す").click()
    assert "中央集会所" in csv.value.path().read_text(encoding="utf-8-sig")
    with page.expect_download() as geojson:
        row.get_by_role("link", name="GeoJSONで書き出す").click()
    features = json.loads(geojson.value.path().read_text(encoding="utf-8"))["features"]
    assert sorted(feature["geometry"]["coordinates"] for feature in features)[0] == [134.0431, 34.3401]
    with page.expect_download() as sheet_out:
        row.get_by_role("link", name="Excelで書き出す").click()
    assert sheet_out.value.path().read_bytes()[:2] == b"PK"


def test_a_file_may_be_dropped(server: Any, open_page: Any, tenant: str) -> None:
    page = open_page(f"{server.url}/import", tenant=tenant)
    content = HEADER + "".join(ROWS)
    transfer = page.evaluate_handle(
        """content => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([content], 'dropped.csv', {type: 'text/csv'}));
            return transfer;
        }""",
        content,
    )
    page.locator(".drop").dispatch_event("drop", {"dataTransfer": transfer})
    expect(page.locator(".summary")).to_contain_text("dropped.csv")
