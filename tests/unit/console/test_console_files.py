"""The console's files over ASGI: types, caches, packed copies, the content policy, and the page before a build."""

from __future__ import annotations

import gzip
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hiroba.console import console_files

PAGE = "<!doctype html><title>町</title>"
SCRIPT = "export const town = '広場';\n" * 100


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


async def ask(app: Any, path: str, method: str = "GET", **headers: str) -> Answer:
    sent: list[dict[str, Any]] = []
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app({"type": "http", "method": method, "path": path, "headers": raw}, receive, send)
    got = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return Answer(sent[0]["status"], got, sent[1]["body"])


@pytest.fixture
def built(tmp_path: Path) -> Path:
    assets = tmp_path / "assets"
    assets.mkdir()
    (tmp_path / "index.html").write_text(PAGE)
    (tmp_path / "icon.svg").write_text("<svg/>")
    (assets / "index-abc.js").write_text(SCRIPT)
    (assets / "index-abc.js.gz").write_bytes(gzip.compress(SCRIPT.encode()))
    (assets / "index-abc.js.br").write_bytes(b"packed by brotli")
    (assets / "font-abc.woff2").write_bytes(b"wOF2")
    (tmp_path / "secret.key").write_text("not a file of the console")
    return tmp_path


@pytest.mark.parametrize("path", ["/", "/entities", "/import", "/devices"])
async def test_every_screen_is_the_page_that_is_asked_for_again_each_time(built: Path, path: str) -> None:
    answer = await ask(console_files(built), path)
    assert (answer.status, answer.body.decode()) == (200, PAGE)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    ("path", "media_type"),
    [("/assets/index-abc.js", "text/javascript; charset=utf-8"), ("/assets/font-abc.woff2", "font/woff2")],
)
async def test_hashed_files_are_kept_for_ever_and_have_their_type(built: Path, path: str, media_type: str) -> None:
    answer = await ask(console_files(built), path)
    assert answer.headers["content-type"] == media_type
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip, deflate, br", "br"),
        ("gzip", "gzip"),
        ("br;q=0, gzip;q=0.5", "gzip"),
        ("identity", None),
        ("", None),
        ("*", "br"),
        ("br;q=nonsense", None),
    ],
)
async def test_the_best_packed_copy_that_is_accepted_is_sent(built: Path, accepted: str, coding: str | None) -> None:
    answer = await ask(console_files(built), "/assets/index-abc.js", accept_encoding=accepted)
    assert answer.headers.get("content-encoding") == coding
    assert answer.headers["vary"] == "accept-encoding"
    plain = {"gzip": lambda raw: gzip.decompress(raw).decode(), "br": lambda _: SCRIPT, None: bytes.decode}[coding]
    assert plain(answer.body) == SCRIPT
    assert int(answer.headers["content-length"]) == len(answer.body)


async def test_a_file_known_by_its_etag_is_not_sent_again_but_each_coding_has_its_own(built: Path) -> None:
    app = console_files(built)
    plain = await ask(app, "/assets/index-abc.js")
    packed = await ask(app, "/assets/index-abc.js", accept_encoding="br")
    assert plain.headers["etag"] != packed.headers["etag"]
    again = await ask(app, "/assets/index-abc.js", if_none_match=f'"other", W/{plain.headers["etag"]}')
    assert (again.status, again.body) == (304, b"")
    assert "content-length" not in again.headers
    wrong = await ask(app, "/assets/index-abc.js", if_none_match=packed.headers["etag"])
    assert wrong.status == 200


async def test_a_new_build_is_served_without_a_restart(built: Path) -> None:
    app = console_files(built)
    before = await ask(app, "/")
    page = built / "index.html"
    page.write_text("<!doctype html><title>新</title>")
    os.utime(page, ns=(1, page.stat().st_mtime_ns + 1))
    after = await ask(app, "/", if_none_match=before.headers["etag"])
    assert (after.status, after.body.decode()) == (200, "<!doctype html><title>新</title>")


async def test_the_page_may_reach_itself_and_the_map_tiles_alone(built: Path) -> None:
    app = console_files(built, tile_origins=["https://tiles.example"])
    policy = (await ask(app, "/")).headers["content-security-policy"]
    assert "default-src 'self';" in policy
    assert "connect-src 'self' https://tiles.example;" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert (await ask(app, "/")).headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    ["/../secret.key", "/secret.key", "/assets/../secret.key", "/assets/", "/index.htm", "//etc/passwd", "/assets"],
)
async def test_nothing_but_the_files_of_the_build_is_handed_out(built: Path, path: str) -> None:
    answer = await ask(console_files(built), path)
    assert (answer.status, answer.headers["content-type"]) == (404, "application/json")
    assert b"not a file of the console" not in answer.body


async def test_an_unknown_address_in_a_browser_shows_the_console_which_says_so(built: Path) -> None:
    answer = await ask(console_files(built), "/nowhere", accept="text/html,*/*;q=0.8")
    assert (answer.status, answer.body.decode()) == (404, PAGE)


async def test_files_are_only_read(built: Path) -> None:
    app = console_files(built)
    refused = await ask(app, "/", "POST")
    assert (refused.status, refused.headers["allow"]) == (405, "GET, HEAD")
    head = await ask(app, "/", "HEAD")
    assert (head.status, head.body) == (200, b"")
    assert int(head.headers["content-length"]) == len(PAGE.encode())


async def test_before_the_build_the_page_says_what_to_do_in_both_languages(tmp_path: Path) -> None:
    answer = await ask(console_files(tmp_path / "never-built"), "/", accept="text/html")
    assert answer.status == 503
    assert answer.body.decode().count("make console") == 2
    assert answer.headers["cache-control"] == "no-store"
    assert (await ask(console_files(tmp_path), "/assets/index.js")).status == 404
