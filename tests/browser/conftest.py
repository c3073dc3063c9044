"""A real browser on a real server: Debian's Chromium, driven by playwright, offline but for this machine."""

from __future__ import annotations

import ctypes.util
import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, Response, sync_playwright
from screens import DESKTOP

from hiroba.console import GSI_TILES, STATIC

ROOT = Path(__file__).parents[2]
AXE = ROOT / "console" / "node_modules" / "axe-core" / "axe.min.js"
PATIENCE = 15_000
SWITCHES = [
    "--no-sandbox",
    "--disable-gpu",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass
class Watch:
    """What went wrong in a page unseen by the user: errors of its scripts, and requests to other machines."""

    errors: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)

    def on_console(self, message: ConsoleMessage) -> None:
        """Note an error; an answer that is no success is none here, since the page has to live with those."""
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            self.errors.append(message.text)

    def on_response(self, response: Response) -> None:
        """Note an answer that says that the server broke."""
        if response.status >= 500:
            self.errors.append(f"{response.status} {response.url}")

    def on_request(self, request: Request) -> None:
        """Note a request that leaves this machine for anything but the background map."""
        address = request.url
        if address.startswith(("http://127.0.0.1:", "data:", "blob:", GSI_TILES)):
            return
        self.strangers.append(address)


OpenPage = Callable[..., Page]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Start Chromium for a module's tests; skips loudly where there is none or the console is not built."""
    path = os.environ.get("HIROBA_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if not path:
        pytest.skip("no Chromium: install Debian's chromium, or name one by HIROBA_CHROMIUM")
    if ctypes.util.find_library("atomic") is None:
        pytest.skip("what drives the browser does not run here: install Debian's libatomic1")
    if not (STATIC / "index.html").is_file():
        pytest.skip("the console is not built: make console")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=SWITCHES)
        yield browser
        browser.close()


@pytest.fixture
def watch() -> Watch:
    """Return what notes the faults of the test's pages; the test ends red when there are any."""
    return Watch()


@pytest.fixture
def open_page(chromium: Browser, watch: Watch) -> Iterator[OpenPage]:
    """Return a function that opens an address in a browser of its own; ends red on script errors and strangers."""
    contexts: list[BrowserContext] = []

    def opened(address: str, *, lang: str = "ja-JP", size: dict[str, int] = DESKTOP, tenant: str = "") -> Page:
        context = chromium.new_context(
            locale=lang,
            timezone_id="Asia/Tokyo",
            viewport={"width": size["width"], "height": size["height"]},
            reduced_motion="reduce",
            accept_downloads=True,
        )
        contexts.append(context)
        context.set_default_timeout(PATIENCE)
        context.route(f"{GSI_TILES}/**", lambda route: route.abort())
        if tenant:
            context.add_init_script(
                f"localStorage.getItem('hiroba.tenant') ?? localStorage.setItem('hiroba.tenant', {json.dumps(tenant)})"
            )
        page = context.new_page()
        page.on("console", watch.on_console)
        page.on("pageerror", lambda error: watch.errors.append(str(error)))
        page.on("request", watch.on_request)
        page.on("response", watch.on_response)
        page.goto(address)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert watch.errors == []
    assert watch.strangers == []


def audit(page: Page) -> list[str]:
    """Return what axe-core finds wrong with a page by WCAG 2.2 A and AA, one line for each place."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    found: dict[str, Any] = page.evaluate("tags => axe.run(document, {runOnly: tags})", tags)
    assert found["passes"], "axe-core checked nothing"
    return [
        f"{fault['id']}: {node['target']} {node['failureSummary']}"
        for fault in found["violations"]
        for node in fault["nodes"]
    ]


@pytest.fixture
def axe() -> Callable[[Page], list[str]]:
    """Return the accessibility check; skips loudly where its script is not installed."""
    if not AXE.is_file():
        pytest.skip(f"no axe-core at {AXE}: run npm ci in console/")
    return audit
