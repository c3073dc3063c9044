"""The map screen: layers, search, the card, and the stream that keeps all of it up to date."""

from __future__ import annotations

import base64
import datetime
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from hiroba.console import GSI_TILES

pytestmark = pytest.mark.browser

GAUGE = "urn:ngsi-ld:RiverGauge:browser-1"
LON, LAT = 134.0466, 34.3428
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
OPEN = {"access-control-allow-origin": "*"}


def gauge(level: float = 1.25, *, lon: float = LON) -> dict[str, Any]:
    return {
        "id": GAUGE,
        "type": "RiverGauge",
        "name": {"type": "Property", "value": "香東川水位計"},
        "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [lon, LAT]}},
        "waterLevel": {"type": "Property", "value": level, "unitCode": "MTR", "observedAt": "2026-01-05T03:00:00Z"},
        "owner": {"type": "Property", "value": ["高松市", "香川県"]},
    }


def shelter(number: int, name: str, *, lon: float = LON, lat: float = LAT) -> dict[str, Any]:
    return {
        "id": f"urn:ngsi-ld:EvacuationSite:browser-{number}",
        "type": "EvacuationSite",
        "name": {"type": "Property", "value": name},
        "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [lon, lat]}},
        "capacity": {"type": "Property", "value": 120},
        "address": {"type": "Property", "value": {"addressLocality": "高松市", "streetAddress": "番町一丁目"}},
    }


def write(server: Any, tenant: str, *entities: dict[str, Any]) -> None:
    reply = server.call("POST", "/ngsi-ld/v1/entityOperations/upsert", list(entities), NGSILD_Tenant=tenant)
    assert reply.status in (201, 204), reply.body


def spot(page: Page, lon: float, lat: float) -> tuple[float, float]:
    """Return where a place is on the screen, from the view that the map writes into the address."""
    expect(page).to_have_url(re.compile("at="))
    found = re.search(r"at=([\d.]+)/(-?[\d.]+)/(-?[\d.]+)", page.url)
    assert found
    zoom, centre_lat, centre_lon = (float(part) for part in found.groups())
    world = 512 * 2**zoom

    def mercator(longitude: float, latitude: float) -> tuple[float, float]:
        y = math.log(math.tan(math.pi / 4 + math.radians(latitude) / 2))
        return (longitude + 180) / 360 * world, (1 - y / math.pi) / 2 * world

    box = page.locator(".map-canvas").bounding_box()
    assert box
    (x, y), (cx, cy) = mercator(lon, lat), mercator(centre_lon, centre_lat)
    return box["x"] + box["width"] / 2 + x - cx, box["y"] + box["height"] / 2 + y - cy


def still(page: Page) -> None:
    """Wait until the map has come to rest and drawn its tiles."""
    expect(page.locator(".map-canvas")).to_have_attribute("aria-busy", "false", timeout=15_000)
    expect(page.locator(".map-canvas")).to_have_attribute("data-state", "idle", timeout=15_000)


@pytest.fixture
def tenant(request: pytest.FixtureRequest) -> str:
    return re.sub(r"\W", "_", request.node.name).lower()[-40:].strip("_")


def test_layers_are_grouped_by_field_with_their_counts(server: Any, open_page: Any, tenant: str) -> None:
    write(server, tenant, gauge(), shelter(1, "番町公園"), shelter(2, "玉藻公園"))
    page = open_page(server.url, tenant=tenant)
    panel = page.locator("#layers")
    expect(panel.get_by_role("heading", name="防災")).to_be_visible()
    expect(panel.locator(".layer", has_text="避難場所").locator(".layer__count")).to_have_text("2")
    expect(panel.locator(".layer", has_text="河川水位計").locator(".layer__count")).to_have_text("1")
    expect(panel.get_by_text("全3件")).to_be_visible()
    write(server, tenant, shelter(3, "中央公園"))
    expect(panel.locator(".layer", has_text="避難場所").locator(".layer__count")).to_have_text("3")


def test_a_layer_switched_off_is_not_asked_for_and_stays_off(server: Any, open_page: Any, tenant: str) -> None:
    write(server, tenant, gauge(), shelter(1, "番町公園"))
    page = open_page(server.url, tenant=tenant)
    with page.expect_request(lambda request: "/apps/map/tiles/RiverGauge/" in request.url):
        page.get_by_role("checkbox", name="避難場所").uncheck()
    page.reload()
    expect(page.get_by_role("checkbox", name="避難場所")).not_to_be_checked()
    expect(page.get_by_role("checkbox", name="河川水位計")).to_be_checked()


def test_search_finds_a_place_by_the_keyboard_and_the_map_shows_it(server: Any, open_page: Any, tenant: str) -> None:
    write(server, tenant, gauge(lon=134.2), shelter(1, "番町公園"), shelter(2, "玉藻公園", lon=134.05, lat=34.35))
    page = open_page(server.url, tenant=tenant)
    box = page.get_by_role("combobox", name="名前・住所で探す")
    box.fill("玉藻")
    expect(page.get_by_role("listbox").get_by_role("option")).to_have_count(1)
    expect(page.get_by_role("option", name="玉藻公園")).to_contain_text("避難場所")
    box.press("ArrowDown")
    expect(page.get_by_role("option", name="玉藻公園")).to_have_attribute("aria-selected", "true")
    box.press("Enter")
    card = page.get_by_role("complementary", name="選んだ場所の情報")
    expect(card.get_by_role("heading", name="玉藻公園")).to_be_visible()
    expect(card).to_contain_text("高松市番町一丁目")
    expect(card).to_contain_text("120")
    card.press("Escape")
    expect(card).to_have_count(0)
    still(page)
    page.mouse.click(*spot(page, 134.05, 34.35))
    expect(card.get_by_role("heading", name="玉藻公園")).to_be_visible()


def test_a_search_without_a_hit_says_so_and_how_to_go_on(server: Any, open_page: Any, tenant: str) -> None:
    write(server, tenant, shelter(1, "番町公園"))
    page = open_page(server.url, tenant=tenant)
    page.get_by_role("combobox", name="名前・住所で探す").fill("存在しない場所")
    expect(page.get_by_text("「存在しない場所」に当てはまる場所はありません")).to_be_visible()


def test_the_card_tells_value_unit_and_age_and_marks_an_old_value(server: Any, open_page: Any, tenant: str) -> None:
    write(server, tenant, gauge())
    page = open_page(f"{server.url}/?entity={quote(GAUGE)}", tenant=tenant)
    reading = page.locator(".reading", has_text="水位")
    expect(reading.locator(".reading__value")).to_have_text("1.25m")
    expect(reading.get_by_text("古い値")).to_be_visible()
    expect(reading.locator("time")).to_have_text(re.compile("前"))
    expect(page.locator(".attribute", has_text="高松市、香川県")).to_be_visible()


def test_the_card_follows_the_stream(server: Any, open_page: Any, tenant: str) -> None:
    write(server, tenant, gauge())
    page = open_page(f"{server.url}/?entity={quote(GAUGE)}", tenant=tenant)
    value = page.locator(".reading__value")
    expect(value).to_have_text("1.25m")
    expect(page.locator(".connection")).to_have_text("最新")
    write(server, tenant, gauge(3.5))
    expect(value).to_have_text("3.5m")
    assert server.call("DELETE", f"/ngsi-ld/v1/entities/{GAUGE}", NGSILD_Tenant=tenant).status == 204
    expect(page.get_by_role("alert").filter(has_text="この場所は削除されました")).to_be_visible()


def test_a_place_that_moves_is_drawn_where_it_is_now(server: Any, open_page: Any, tenant: str) -> None:
    write(server, tenant, gauge(), shelter(1, "番町公園", lon=LON - 0.004), shelter(2, "東公園", lon=LON + 0.006))
    page = open_page(server.url, tenant=tenant)
    expect(page.locator(".connection")).to_have_text("最新")
    still(page)
    with page.expect_response(lambda answer: "/apps/map/tiles/" in answer.url and answer.status == 200):
        write(server, tenant, gauge(lon=LON + 0.003))
    still(page)
    page.mouse.click(*spot(page, LON + 0.003, LAT))
    expect(page.get_by_role("heading", name="香東川水位計")).to_be_visible()


def test_places_on_one_spot_are_listed_to_choose_from(server: Any, open_page: Any, tenant: str) -> None:
    write(server, tenant, gauge(), shelter(1, "番町公園"), shelter(2, "遠い公園", lon=LON + 0.01))
    page = open_page(f"{server.url}/#at=17/{LAT}/{LON}", tenant=tenant)
    still(page)
    page.mouse.click(*spot(page, LON, LAT))
    expect(page.get_by_role("heading", name="この場所に2件あります")).to_be_visible()
    page.get_by_role("button", name="番町公園").click()
    expect(page.get_by_role("heading", name="番町公園")).to_be_visible()
    page.get_by_role("button", name="候補に戻る").click()
    expect(page.get_by_role("button", name="香東川水位計")).to_be_visible()


def test_enter_on_the_map_opens_the_place_in_the_middle(server: Any, open_page: Any, tenant: str) -> None:
    write(server, tenant, gauge())
    page = open_page(f"{server.url}/#at=16/{LAT}/{LON}", tenant=tenant)
    still(page)
    page.locator("canvas.maplibregl-canvas").focus()
    page.keyboard.press("Enter")
    card = page.get_by_role("complementary", name="選んだ場所の情報")
    expect(card.get_by_role("heading", name="香東川水位計")).to_be_visible()
    page.keyboard.press("Escape")
    expect(card).to_have_count(0)
    expect(page.locator("canvas.maplibregl-canvas")).to_be_focused()


def test_the_history_has_a_chart_and_a_table(server: Any, open_page: Any, tenant: str) -> None:
    write(server, tenant, gauge())
    for number, level in enumerate((1.5, 2.5, 2.0)):
        body = {
            "waterLevel": {"type": "Property", "value": level, "unitCode": "MTR", "observedAt": recent(30 - number)}
        }
        reply = server.call("POST", f"/ngsi-ld/v1/entities/{GAUGE}/attrs", body, NGSILD_Tenant=tenant)
        assert reply.status == 204
    page = open_page(f"{server.url}/?entity={quote(GAUGE)}", tenant=tenant)
    chart = page.get_by_role("img", name=re.compile("水位：3件、最小 1.5m、最大 2.5m、最新 2m"))
    expect(chart.locator("canvas")).to_be_visible()
    with page.expect_response(lambda answer: "aggrPeriodDuration=PT30M" in answer.url):
        page.get_by_role("button", name="7日").click()
    expect(chart.locator("canvas")).to_be_visible()
    page.get_by_role("button", name="表", exact=True).click()
    rows = page.locator(".history__table tbody tr")
    expect(rows).to_have_count(3)
    expect(rows.first).to_contain_text("2m")
    expect(rows.first).to_contain_text("自動")


def recent(minutes: int) -> str:
    at = datetime.datetime.now(datetime.UTC) - datetime.timedelta(minutes=minutes)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def test_a_browser_that_was_away_misses_nothing(
    start_server: Callable[..., Any], tmp_path: Path, open_page: Any
) -> None:
    store = str(tmp_path / "store")
    first = start_server("--store", store)
    write(first, "", gauge())
    page = open_page(f"{first.url}/?entity={quote(GAUGE)}")
    expect(page.locator(".reading__value")).to_have_text("1.25m")
    expect(page.locator(".connection")).to_have_text("最新")
    still(page)
    first.stop()
    expect(page.locator(".connection")).to_have_text("切断")
    expect(page.get_by_role("alert").filter(has_text="自動でつなぎ直します")).to_be_visible()
    second = start_server("--store", store, port=first.port)
    write(second, "", gauge(4.75))
    expect(page.locator(".connection")).to_have_text("最新", timeout=40_000)
    expect(page.locator(".reading__value")).to_have_text("4.75m")
    expect(page.get_by_role("alert")).to_have_count(0)


def test_a_tenant_shows_its_own_city_alone(server: Any, open_page: Any, tenant: str) -> None:
    write(server, tenant, gauge())
    write(server, f"{tenant}_2", shelter(1, "番町公園"))
    page = open_page(server.url, tenant=tenant)
    expect(page.get_by_role("checkbox", name="河川水位計")).to_be_visible()
    page.get_by_label("テナント").select_option(f"{tenant}_2")
    expect(page.get_by_role("checkbox", name="避難場所")).to_be_visible()
    expect(page.get_by_role("checkbox", name="河川水位計")).to_have_count(0)
    page.reload()
    expect(page.get_by_role("checkbox", name="避難場所")).to_be_visible()


def test_tenants_changed_in_a_hurry_leave_no_error_behind(server: Any, open_page: Any, tenant: str) -> None:
    write(server, tenant, gauge())
    write(server, f"{tenant}_2", shelter(1, "番町公園"))
    page = open_page(server.url, tenant=tenant)
    expect(page.get_by_role("checkbox", name="河川水位計")).to_be_visible()
    for turn in range(9):
        page.get_by_label("テナント").select_option(tenant if turn % 2 else f"{tenant}_2")
        page.wait_for_timeout(20 * turn)
    expect(page.get_by_role("checkbox", name="避難場所")).to_be_visible()
    still(page)


def test_an_empty_city_says_how_to_begin(server: Any, open_page: Any, tenant: str) -> None:
    write(server, tenant, gauge())
    assert server.call("DELETE", f"/ngsi-ld/v1/entities/{GAUGE}", NGSILD_Tenant=tenant).status == 204
    page = open_page(server.url, tenant=tenant)
    expect(page.get_by_role("heading", name="まだデータがありません")).to_be_visible()
    page.get_by_role("link", name="データを取り込む").click()
    expect(page.get_by_role("heading", name="取り込み", level=1)).to_be_visible()


def test_what_is_not_there_is_told_in_the_users_language_with_a_remedy(
    server: Any, open_page: Any, tenant: str
) -> None:
    write(server, tenant, gauge())
    page = open_page(f"{server.url}/?entity=urn:ngsi-ld:RiverGauge:none", tenant=tenant)
    alert = page.locator(".card").get_by_role("alert")
    expect(alert).to_contain_text("見つかりません")
    expect(alert).to_contain_text("削除されたか、別のテナントにあるかもしれません")


def test_the_background_map_is_shown_with_its_source_when_it_can_be_reached(
    server: Any, open_page: Any, tenant: str
) -> None:
    write(server, tenant, gauge(), shelter(1, "番町公園"))
    page = open_page(server.url, tenant=tenant)
    background = page.get_by_label("背景地図")
    expect(background).to_have_value("none")
    expect(page.get_by_text("背景地図に接続できない")).to_have_count(0)
    background.select_option(label="標準地図")
    expect(page.get_by_text("背景地図に接続できない")).to_be_visible()
    page.context.unroute_all()
    page.context.route(
        f"{GSI_TILES}/**", lambda route: route.fulfill(body=PIXEL, content_type="image/png", headers=OPEN)
    )
    with page.expect_request(f"{GSI_TILES}/xyz/seamlessphoto/**"):
        background.select_option(label="写真")
    expect(page.get_by_role("link", name="国土地理院")).to_be_visible()
    expect(background).to_have_value("photo")
    background.select_option(label="背景なし")
    expect(page.get_by_role("link", name="国土地理院")).to_have_count(0)


def test_words_are_shown_in_the_users_language(server: Any, open_page: Any, tenant: str) -> None:
    entity = gauge() | {
        "waterLevelStatus": {"type": "Property", "value": "danger", "observedAt": "2026-01-05T03:00:00Z"}
    }
    write(server, tenant, entity)
    for lang, word in (("ja-JP", "氾濫危険"), ("en-GB", "Danger")):
        page = open_page(f"{server.url}/?entity={quote(GAUGE)}", lang=lang, tenant=tenant)
        expect(page.locator(".reading__value", has_text=word)).to_be_visible()
        page.goto(f"{server.url}/entities?type=RiverGauge")
        expect(page.locator("tbody td", has_text=word)).to_be_visible()


def test_a_type_without_places_leads_to_the_list(server: Any, open_page: Any, tenant: str) -> None:
    calendar = {
        "id": "urn:ngsi-ld:GtfsCalendarRule:1",
        "type": "GtfsCalendarRule",
        "name": {"type": "Property", "value": "平日"},
    }
    write(server, tenant, gauge(), calendar)
    page = open_page(server.url, tenant=tenant)
    expect(page.get_by_role("checkbox", name="河川水位計")).to_be_visible()
    link = page.locator(".layer--unmapped")
    expect(link).to_have_count(1)
    link.click()
    expect(page.get_by_role("heading", name="一覧", level=1)).to_be_visible()
    expect(page.locator("tbody")).to_contain_text("平日")


def test_a_remembered_tenant_that_is_gone_is_told_with_a_way_back(server: Any, open_page: Any) -> None:
    page = open_page(server.url, tenant="never_there")
    alert = page.get_by_role("alert").filter(has_text="テナント「never_there」はこのサーバーにありません。")
    expect(alert).to_be_visible()
    expect(page.get_by_text("切断")).to_have_count(0)
    alert.get_by_role("button", name="既定のテナントを見る").click()
    expect(alert).to_have_count(0)
    expect(page.locator(".connection")).to_have_text("最新")
