"""A value corrected on the card: written with who and when, refused with a reason, shown in the history."""

from __future__ import annotations

import zlib
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

TENANT = "editing"


@pytest.fixture
def facility(server: Any, request: pytest.FixtureRequest) -> str:
    """Create a facility of the test's own and return its id."""
    id = f"urn:ngsi-ld:PublicFacility:{zlib.crc32(request.node.name.encode())}"
    body = {
        "id": id,
        "type": "PublicFacility",
        "name": {"type": "Property", "value": "生涯学習センター"},
        "capacity": {
            "type": "Property",
            "value": 80,
            "unitCode": "C62",
            "checked": {"type": "Property", "value": True},
        },
        "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [134.05, 34.34]}},
    }
    assert server.call("POST", "/ngsi-ld/v1/entities", body, NGSILD_Tenant=TENANT).status == 201
    return id


def capacity(server: Any, id: str) -> dict[str, Any]:
    reply = server.call("GET", f"/ngsi-ld/v1/entities/{id}", NGSILD_Tenant=TENANT)
    assert reply.status == 200
    found: dict[str, Any] = reply.body["capacity"]
    return found


def form(page: Page) -> Any:
    page.get_by_role("button", name="定員を修正").or_(page.get_by_role("button", name="収容人数を修正")).first.click()
    return page.locator("form.edit")


def test_a_corrected_value_says_who_and_when(server: Any, open_page: Any, facility: str) -> None:
    page = open_page(f"{server.url}/?entity={quote(facility)}", tenant=TENANT)
    edit = form(page)
    expect(edit.get_by_label("新しい値")).to_be_focused()
    edit.get_by_label("新しい値").fill("１２０")
    edit.get_by_label("あなたの名前").fill("山田 花子")
    edit.get_by_role("button", name="保存").click()
    expect(edit).to_have_count(0)
    expect(page.get_by_text("山田 花子が修正").first).to_be_visible()
    written = capacity(server, facility)
    assert written["value"] == 120
    assert written["editedBy"] == {"type": "Property", "value": "山田 花子"}
    assert written["observedAt"].endswith("Z")
    assert written["unitCode"] == "C62"
    assert written["checked"] == {"type": "Property", "value": True}
    page.locator(".history select").select_option("capacity")
    page.get_by_role("button", name="表", exact=True).click()
    rows = page.locator(".history__table tbody tr")
    expect(rows.first).to_contain_text("120")
    expect(rows.first).to_contain_text("山田 花子")
    expect(rows.nth(1)).to_contain_text("80")
    expect(rows.nth(1)).to_contain_text("自動")


def test_the_name_is_asked_for_once(server: Any, open_page: Any, facility: str) -> None:
    page = open_page(f"{server.url}/?entity={quote(facility)}", tenant=TENANT)
    edit = form(page)
    edit.get_by_label("新しい値").fill("90")
    edit.get_by_label("あなたの名前").fill("佐藤")
    edit.get_by_label("新しい値").press("Enter")
    expect(edit).to_have_count(0)
    expect(form(page).get_by_label("あなたの名前")).to_have_count(0)


@pytest.mark.parametrize(
    ("typed", "mistake"),
    [("たくさん", "数値を入力してください"), ("", "値を入力してください"), ("80", "値が変わっていません")],
)
def test_a_mistake_is_named_and_nothing_is_written(
    server: Any, open_page: Any, facility: str, typed: str, mistake: str
) -> None:
    before = capacity(server, facility)
    page = open_page(f"{server.url}/?entity={quote(facility)}", tenant=TENANT)
    edit = form(page)
    edit.get_by_label("新しい値").fill(typed)
    edit.get_by_label("あなたの名前").fill("山田")
    edit.get_by_role("button", name="保存").click()
    expect(edit.get_by_role("alert")).to_contain_text(mistake)
    expect(edit.get_by_label("新しい値")).to_have_attribute("aria-invalid", "true")
    assert capacity(server, facility) == before


def test_without_a_name_nothing_is_written(server: Any, open_page: Any, facility: str) -> None:
    page = open_page(f"{server.url}/?entity={quote(facility)}", tenant=TENANT)
    edit = form(page)
    edit.get_by_label("新しい値").fill("100")
    edit.get_by_role("button", name="保存").click()
    expect(edit.get_by_role("alert")).to_contain_text("名前を入力してください")
    assert capacity(server, facility)["value"] == 80


def test_escape_leaves_the_form_and_then_the_card(server: Any, open_page: Any, facility: str) -> None:
    page = open_page(f"{server.url}/?entity={quote(facility)}", tenant=TENANT)
    edit = form(page)
    edit.get_by_label("新しい値").fill("100")
    edit.get_by_label("新しい値").press("Escape")
    expect(edit).to_have_count(0)
    expect(page.locator(".card")).to_be_visible()
    page.locator(".card").press("Escape")
    expect(page.locator(".card")).to_have_count(0)
    assert capacity(server, facility)["value"] == 80


def test_what_the_server_refuses_is_told_with_a_remedy_and_the_form_stays(
    server: Any, open_page: Any, facility: str
) -> None:
    page = open_page(f"{server.url}/?entity={quote(facility)}", tenant=TENANT)
    edit = form(page)
    assert server.call("DELETE", f"/ngsi-ld/v1/entities/{facility}", NGSILD_Tenant=TENANT).status == 204
    edit.get_by_label("新しい値").fill("100")
    edit.get_by_label("あなたの名前").fill("山田")
    edit.get_by_role("button", name="保存").click()
    expect(edit.get_by_role("alert")).to_contain_text("見つかりません")
    expect(edit.get_by_label("新しい値")).to_have_value("100")
