"""A real town's open data in a real browser: from the published file to the card on the map, in Japanese."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from test_map_screen import spot, still

from real_server import Running, start

pytestmark = [pytest.mark.browser, pytest.mark.data]


@pytest.fixture(scope="module")
def takamatsu(tmp_path_factory: pytest.TempPathFactory, open_data: Path) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("takamatsu")
    running = start(folder, "--store", str(folder / "store"))
    files = [open_data / "01_city_takamatsu" / f"{name}.csv" for name in ("evacuation_sites", "aed", "parks")]
    command = [sys.executable, "-m", "hiroba.cli.main", "import", *map(str, files), "--url", running.url]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    yield running
    running.stop()


@pytest.fixture(scope="module")
def site(open_data: Path) -> dict[str, str]:
    """Return the row of the file that the test looks for."""
    with (open_data / "01_city_takamatsu" / "evacuation_sites.csv").open(encoding="utf-8-sig", newline="") as rows:
        return next(row for row in csv.DictReader(rows) if row["name"] == "屋島小学校")


def test_an_evacuation_site_is_found_by_its_name_and_shown(
    takamatsu: Running, open_page: Callable[..., Page], site: dict[str, str]
) -> None:
    page = open_page(takamatsu.url, lang="ja-JP")
    expect(page.locator("html")).to_have_attribute("lang", "ja")
    layer = page.locator("#layers").locator(".layer", has_text="避難場所")
    expect(layer.locator(".layer__count")).to_have_text("193")

    search = page.get_by_role("combobox", name="名前・住所で探す")
    search.fill(site["name"])
    page.get_by_role("option", name=re.compile(site["name"])).filter(has_text="避難場所").click()
    card = page.get_by_role("complementary", name="選んだ場所の情報")
    expect(card.get_by_role("heading", name=site["name"])).to_be_visible()
    expect(card).to_contain_text("避難場所")
    expect(card).to_contain_text(site["address"])
    expect(card).to_contain_text(f"{int(site['capacity']):,}")

    card.press("Escape")
    expect(card).to_have_count(0)
    still(page)
    page.mouse.click(*spot(page, float(site["longitude"]), float(site["latitude"])))
    expect(card.get_by_role("heading", name=site["name"])).to_be_visible()
