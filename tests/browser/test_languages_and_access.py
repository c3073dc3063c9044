"""For everyone: both languages complete, the keyboard enough, axe-core content, nothing from outside."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect
from screens import DESKTOP, PHONE

pytestmark = pytest.mark.browser

TENANT = "access"
GAUGE = "urn:ngsi-ld:RiverGauge:access"
SCREENS = ["/", f"/?entity={quote(GAUGE)}", "/entities", "/import", "/devices", "/reference", "/nowhere"]


@pytest.fixture(scope="module")
def town(server: Any) -> Any:
    """Fill a tenant with a gauge that has a history, and a place."""
    now = datetime.datetime.now(datetime.UTC)
    for level in (1.0, 2.0, 3.0):
        at = (now - datetime.timedelta(hours=9 - level)).isoformat(timespec="seconds").replace("+00:00", "Z")
        gauge = {
            "id": GAUGE,
            "type": "RiverGauge",
            "name": {"type": "LanguageProperty", "languageMap": {"ja": "春日川水位計", "en": "Kasuga River gauge"}},
            "waterLevel": {
                "type": "Property",
                "value": level,
                "unitCode": "MTR",
                "observedAt": at,
            },
            "batteryVoltage": {"type": "Property", "value": 3.6, "unitCode": "VLT", "observedAt": at},
            "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [134.07, 34.32]}},
        }
        reply = server.call("POST", "/ngsi-ld/v1/entityOperations/upsert", [gauge], NGSILD_Tenant=TENANT)
        assert reply.status in (201, 204)
    return server


def settled(page: Page) -> None:
    expect(page.locator("main").get_by_role("heading", level=1)).to_be_attached()
    expect(page.locator(".loading")).to_have_count(0)
    if "entity=" in page.url:
        expect(page.locator(".card .history")).to_be_visible()
        expect(page.locator(".loading")).to_have_count(0)


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("lang", ["ja-JP", "en-GB"])
def test_axe_finds_nothing_on_any_screen(
    town: Any, open_page: Any, axe: Callable[[Page], list[str]], lang: str, size: dict[str, int]
) -> None:
    page = open_page(town.url, lang=lang, size=size, tenant=TENANT)
    faults = []
    for screen in SCREENS:
        page.goto(f"{town.url}{screen}")
        settled(page)
        faults += [f"{screen}: {fault}" for fault in axe(page)]
    assert faults == []


def test_axe_finds_nothing_in_the_forms_and_lists_that_open(
    town: Any, open_page: Any, axe: Callable[[Page], list[str]]
) -> None:
    page = open_page(f"{town.url}/?entity={quote(GAUGE)}", tenant=TENANT)
    settled(page)
    page.get_by_role("button", name="水位を修正").click()
    page.get_by_role("button", name="保存").click()
    page.get_by_role("button", name="表", exact=True).click()
    page.get_by_role("combobox", name="名前・住所で探す").fill("春日")
    expect(page.get_by_role("listbox").get_by_role("option")).to_have_count(1)
    assert axe(page) == []


def test_the_language_is_the_browsers_and_can_be_switched_for_good(town: Any, open_page: Any) -> None:
    page = open_page(f"{town.url}/?entity={quote(GAUGE)}", lang="en-GB", tenant=TENANT)
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.get_by_role("heading", name="Kasuga River gauge")).to_be_visible()
    page.get_by_role("button", name="日本語").click()
    expect(page.locator("html")).to_have_attribute("lang", "ja")
    expect(page.get_by_role("heading", name="春日川水位計")).to_be_visible()
    page.reload()
    expect(page.locator("html")).to_have_attribute("lang", "ja")
    expect(page).to_have_title("地図 | Hiroba 都市OS")


def test_an_unknown_language_is_served_in_english(town: Any, open_page: Any) -> None:
    page = open_page(f"{town.url}/devices", lang="fr-FR")
    expect(page.get_by_role("heading", name="Devices", level=1)).to_be_visible()


def test_the_keyboard_reaches_the_content_at_once_and_everything_after(town: Any, open_page: Any) -> None:
    page = open_page(f"{town.url}/entities", tenant=TENANT)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="本文へ移動")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("combobox", name="種類")).to_be_focused()
    page.get_by_role("link", name="機器").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="機器", level=1)).to_be_visible()
    expect(page.locator("main")).to_be_focused()


def test_on_a_phone_nothing_is_wider_than_the_screen(town: Any, open_page: Any) -> None:
    page = open_page(town.url, size=PHONE, tenant=TENANT)
    for screen in SCREENS:
        page.goto(f"{town.url}{screen}")
        settled(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], screen
    page.goto(town.url)
    page.get_by_role("button", name="レイヤーを開く").click()
    page.get_by_role("checkbox", name="河川水位計").uncheck()
    page.get_by_role("button", name="レイヤーを閉じる").click()
    expect(page.get_by_role("checkbox", name="河川水位計")).not_to_be_visible()


def test_the_content_policy_is_kept_by_the_console_itself(town: Any, open_page: Any) -> None:
    page = open_page(town.url, tenant=TENANT)
    page.evaluate(
        "document.addEventListener('securitypolicyviolation', event => console.error(event.violatedDirective))"
    )
    page.goto(f"{town.url}/?entity={quote(GAUGE)}")
    settled(page)
    page.get_by_role("button", name="グラフ").click()
    expect(page.locator(".chart canvas")).to_be_visible()


def test_a_server_with_a_token_asks_for_it_once(
    start_server: Callable[..., Any], open_page: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HIROBA_TOKEN", "let-me-in-please-now")
    guarded = start_server("--store", ":memory:")
    page = open_page(f"{guarded.url}/devices")
    dialog = page.get_by_role("dialog", name="アクセストークンの入力")
    dialog.get_by_label("トークン").fill("wrong")
    dialog.get_by_role("button", name="入力する").click()
    expect(dialog.get_by_role("alert")).to_contain_text("このトークンは使えません")
    dialog.get_by_label("トークン").fill("let-me-in-please-now")
    dialog.get_by_role("button", name="入力する").click()
    expect(dialog).to_have_count(0)
    expect(page.locator(".agent").first).to_be_visible()
    expect(page.locator(".connection")).to_have_text("最新")
    page.reload()
    expect(page.locator(".agent").first).to_be_visible()
