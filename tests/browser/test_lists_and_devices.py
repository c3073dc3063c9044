"""The list of entities and the state of the devices' doors."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

TENANT = "lists"


@pytest.fixture(scope="module")
def town(server: Any) -> Any:
    """Fill a tenant with 120 lights and one sensor."""
    lights = [
        {
            "id": f"urn:ngsi-ld:Streetlight:{number:03}",
            "type": "Streetlight",
            "name": {
                "type": "Property",
                "value": f"街路灯{number:03}（駅前）" if number == 7 else f"街路灯{number:03}",
            },
            "powerConsumption": {
                "type": "Property",
                "value": number,
                "unitCode": "WTT",
                "observedAt": "2026-01-05T03:00:00Z",
            },
            "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [134 + number / 1000, 34.3]}},
        }
        for number in range(120)
    ]
    reply = server.call("POST", "/ngsi-ld/v1/entityOperations/upsert", lights, NGSILD_Tenant=TENANT)
    assert reply.status == 201
    return server


def test_a_type_is_listed_page_by_page(town: Any, open_page: Any) -> None:
    page = open_page(f"{town.url}/entities?type=Streetlight", tenant=TENANT)
    expect(page.get_by_role("status").filter(has_text="1–50件目（全120件）")).to_be_visible()
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(50)
    page.get_by_role("button", name="次へ").click()
    expect(page.get_by_role("status").filter(has_text="51–100件目（全120件）")).to_be_visible()
    page.get_by_role("button", name="次へ").click()
    expect(rows).to_have_count(20)
    expect(page.get_by_role("button", name="次へ")).to_be_disabled()


def test_the_list_is_filtered_by_name_taken_as_text_not_as_a_pattern(town: Any, open_page: Any) -> None:
    page = open_page(f"{town.url}/entities?type=Streetlight", tenant=TENANT)
    box = page.get_by_label("名前で絞り込む")
    box.fill("灯007（駅")
    box.press("Enter")
    expect(page.locator("tbody tr")).to_have_count(1)
    box.fill("灯.*7")
    box.press("Enter")
    expect(page.get_by_text("当てはまるものはありません")).to_be_visible()
    page.get_by_role("link", name="絞り込みをやめる").click()
    expect(page.locator("tbody tr")).to_have_count(50)


def test_the_list_is_alive_and_leads_to_the_map(town: Any, open_page: Any) -> None:
    page = open_page(f"{town.url}/entities?type=Streetlight&name=灯005", tenant=TENANT)
    row = page.locator("tbody tr")
    expect(row).to_contain_text("5 W")
    expect(page.locator(".connection")).to_have_text("最新")
    body = {
        "powerConsumption": {"type": "Property", "value": 777, "unitCode": "WTT", "observedAt": "2026-01-05T04:00:00Z"}
    }
    town.call("POST", "/ngsi-ld/v1/entities/urn:ngsi-ld:Streetlight:005/attrs", body, NGSILD_Tenant=TENANT)
    expect(row).to_contain_text("777 W")
    page.get_by_role("link", name="街路灯005を地図で開く").click()
    expect(page.locator(".card").get_by_role("heading", name="街路灯005")).to_be_visible()


def test_the_doors_of_the_devices_show_what_did_not_fit_and_why(server: Any, open_page: Any) -> None:
    agents = {agent["id"]: agent for agent in server.call("GET", "/api/agents").body}
    profile, title = (agents["http"]["profiles"][0][name] for name in ("id", "title"))
    assert server.call("POST", f"/agents/http/{profile}/browser-test", b"{not json").status == 202
    page = open_page(f"{server.url}/devices")
    panel = page.locator(".agent", has_text="HTTP")
    expect(panel.locator(".figures > div", has_text="不適合").locator("dd")).to_have_text(
        re.compile("[1-9]"), timeout=20_000
    )
    expect(panel.locator(".facts")).to_contain_text(title["ja"])
    expect(panel.locator(".facts")).not_to_contain_text(profile)
    panel.get_by_role("button", name="不適合データを見る").click()
    expect(panel.get_by_role("region", name=re.compile("不適合データ"))).to_contain_text("{not json")
