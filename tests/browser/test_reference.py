"""The reference of the interface: from the server's own document, and tried out on the sandbox alone."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

GAUGE = "urn:ngsi-ld:RiverGauge:shiomi-1"


def opened(page: Page, method: str, path: str) -> Any:
    """Open an operation and return its form."""
    head = page.locator(".operation__head").filter(has=page.get_by_text(method, exact=True))
    head = head.filter(has=page.get_by_text(path, exact=True))
    head.click()
    return page.locator(".operation").filter(has=page.locator("[aria-expanded=true]"))


def test_an_operation_is_found_tried_and_answered(server: Any, open_page: Any) -> None:
    page = open_page(f"{server.url}/reference")
    page.get_by_role("button", name="例を入れる").click()
    expect(page.get_by_role("status").filter(has_text="sandbox に例を入れました。")).to_be_visible()
    page.get_by_role("searchbox", name="操作を探す").fill("エンティティを見る")
    expect(page.locator(".operation")).to_have_count(1)
    form = opened(page, "GET", "/ngsi-ld/v1/entities/{entityId}")
    form.get_by_label("format").select_option("simplified")
    expect(form.locator(".command pre")).to_contain_text("-H 'NGSILD-Tenant: sandbox'")
    form.get_by_role("button", name="sandbox に送る").click()
    answer = form.get_by_role("region", name="返答")
    expect(answer).to_contain_text("200")
    expect(answer).to_contain_text('"waterLevel": 1.52')
    assert server.call("GET", f"/ngsi-ld/v1/entities/{GAUGE}").status == 404


def test_what_is_refused_is_shown_with_its_reason_and_the_sandbox_can_be_emptied(server: Any, open_page: Any) -> None:
    page = open_page(f"{server.url}/reference", lang="en-GB")
    page.get_by_role("button", name="Put in examples").click()
    expect(page.get_by_text("The examples are in the sandbox.")).to_be_visible()
    page.get_by_role("searchbox", name="Find an operation").fill("create an entity")
    form = opened(page, "POST", "/ngsi-ld/v1/entities")
    form.get_by_label("Body").fill('{"type": "RiverGauge"}')
    form.get_by_role("button", name="Send to the sandbox").click()
    answer = form.get_by_role("region", name="Answer")
    expect(answer).to_contain_text("400")
    expect(answer).to_contain_text("The entity has no id")
    page.get_by_role("button", name="Empty the sandbox").click()
    expect(page.get_by_text("The sandbox is empty.")).to_be_visible()
    assert server.call("GET", "/ngsi-ld/v1/entities?local=true", NGSILD_Tenant="sandbox").body == []


def test_a_stream_is_shown_as_a_command_only(server: Any, open_page: Any) -> None:
    page = open_page(f"{server.url}/reference")
    form = opened(page, "GET", "/stream")
    expect(form).to_contain_text("curl -N")
    expect(form.get_by_role("button", name="sandbox に送る")).to_have_count(0)
