"""The app base: changes reach their handlers in order and at least once; routes answer; tasks run and end."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from hiroba.sdk import (
    App,
    Changed,
    City,
    Delete,
    Manifest,
    Request,
    Response,
    View,
    Write,
    errors,
    json_answer,
    reacting,
)
from hiroba.sdk.testing import request as ask
from hiroba.sdk.web import read_json, site

MANIFEST = Manifest(id="try", title={"ja": "試", "en": "Try"}, folder=Path(), settings={"limit": 3})


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reacting, "_NEW_TENANTS_EVERY", 0.01)
    monkeypatch.setattr("hiroba.sdk.backoff.Backoff.next_pause", lambda self: 0.001)


@contextlib.asynccontextmanager
async def running(app: App) -> AsyncIterator[App]:
    await app.start()
    try:
        yield app
    finally:
        await app.stop()


async def until(condition: Any) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.002)


def recording(host: Any, folder: Path, **options: Any) -> tuple[App, list[tuple[str, str]]]:
    app = App(MANIFEST, host, data_dir=folder)
    seen: list[tuple[str, str]] = []

    async def note(change: Changed, city: City) -> None:
        seen.append((city.tenant, change.id))

    app.on_change(note, **options)
    return app, seen


async def test_changes_come_in_order_from_now_on(host: Any, tmp_path: Path) -> None:
    city = host.of("")
    city.happen("before")
    app, seen = recording(host, tmp_path, types=["T"])
    async with running(app):
        await until(lambda: ("", "app:try:note") in host.cursors)
        for n in range(5):
            city.happen(f"urn:{n}")
            city.happen("other", "U")
        await until(lambda: len(seen) == 5)
    assert seen == [("", f"urn:{n}") for n in range(5)]


async def test_a_restart_goes_on_where_it_stopped(host: Any, tmp_path: Path) -> None:
    city = host.of("")
    app, seen = recording(host, tmp_path, since="beginning")
    city.happen("first")
    async with running(app):
        await until(lambda: len(seen) == 1)
    city.happen("while away")
    app, again = recording(host, tmp_path)
    async with running(app):
        await until(lambda: len(again) == 1)
    assert seen == [("", "first")]
    assert again == [("", "while away")]


async def test_a_tenant_that_comes_later_is_followed_from_its_birth(host: Any, tmp_path: Path) -> None:
    app, seen = recording(host, tmp_path)
    async with running(app):
        await until(lambda: ("", "app:try:note:born") in host.cursors)
        host.of("北").happen("urn:1")
        await until(lambda: len(seen) == 1)
    host.of("南").happen("urn:2")
    app, seen = recording(host, tmp_path)
    async with running(app):
        await until(lambda: len(seen) == 1)
    assert seen == [("南", "urn:2")]


async def test_its_place_moves_on_with_changes_that_do_not_concern_it(host: Any, tmp_path: Path) -> None:
    app, seen = recording(host, tmp_path, types=["T"])
    async with running(app):
        await until(lambda: app.readers[0].ready)
        for _ in range(5):
            host.of("").happen("other", "U")
    assert host.cursors["", "app:try:note"] == 5
    assert (seen, app.readers[0].handled) == ([], 0)


async def test_only_the_tenant_asked_for(host: Any, tmp_path: Path) -> None:
    host.of("a").happen("urn:a")
    host.of("b").happen("urn:b")
    app, seen = recording(host, tmp_path, tenant="a", since="beginning")
    async with running(app):
        await until(lambda: len(seen) == 1)
    assert seen == [("a", "urn:a")]


async def test_a_failing_handler_is_tried_again_then_passed_over(host: Any, tmp_path: Path) -> None:
    app = App(MANIFEST, host, data_dir=tmp_path)
    tried: list[str] = []

    async def fragile(change: Changed, city: City) -> None:
        tried.append(change.id)
        if change.id == "poison" or len(tried) == 1:
            raise ValueError(change.id)

    app.on_change(fragile, since="beginning")
    for id in ("shaky", "poison", "good"):
        host.of("").happen(id)
    async with running(app):
        await until(lambda: tried[-1:] == ["good"])
    assert tried == ["shaky", "shaky", *["poison"] * 5, "good"]
    assert (app.readers[0].handled, app.readers[0].passed_over) == (2, 1)


async def test_a_pure_reaction_gets_a_view_and_its_commands_are_carried_out(host: Any, tmp_path: Path) -> None:
    app = App(MANIFEST, host, data_dir=tmp_path, settings={"limit": 5})
    views: list[View] = []

    def react(change: Changed, view: View) -> Sequence[Write | Delete]:
        views.append(view)
        return [Write([{"id": "urn:alert", "type": "Alert"}]), Delete(["urn:old"])]

    app.react(react, types=["T"], since="beginning")
    await host.of("").write([{"id": "urn:1", "type": "T"}])
    host.of("").happen("urn:1")
    async with running(app):
        await until(lambda: host.of("").deleted)
    assert host.of("").deleted == ["urn:old"]
    assert {"id": "urn:alert", "type": "Alert"} in host.of("").written
    assert views[0].entity == {"id": "urn:1", "type": "T"}
    assert views[0].settings == {"limit": 5}


def test_two_handlers_of_one_name_are_refused(host: Any, tmp_path: Path) -> None:
    app, _ = recording(host, tmp_path)
    with pytest.raises(ValueError, match="two change handlers are named 'note'"):
        app.on_change(app.readers[0].handler, name="note")


async def test_routes_answer_and_errors_are_problem_details(host: Any, tmp_path: Path) -> None:
    app = App(MANIFEST, host, data_dir=tmp_path)

    @app.route("/things/{id}", methods=["GET", "POST"])
    async def thing(request: Request) -> Response:
        if request.method == "POST":
            return json_answer(await read_json(request, limit=20), status=201)
        raise errors.ResourceNotFound(f"no thing {request.path_params['id']}")

    async def endless() -> AsyncIterator[bytes]:
        yield b"["
        for _ in range(30):
            yield b"1,"
        raise AssertionError("more was read than the limit allows")

    missing = await ask(app, "GET", "/things/7")
    assert (missing.status, missing.json()["detail"]) == (404, "no thing 7")
    assert missing.json()["type"].endswith("/ResourceNotFound")
    assert (await ask(app, "GET", "/nowhere")).json()["status"] == 404
    assert (await ask(app, "PUT", "/things/7")).json()["type"].endswith("/MethodNotAllowed")
    assert (await ask(app, "POST", "/things/7", body=b'{"a":1}')).json() == {"a": 1}
    assert (await ask(app, "POST", "/things/7", body=b"{")).json()["title"] == "Invalid request"
    assert (await ask(app, "POST", "/things/7", body=b"[" + b"1," * 20)).status == 413
    assert (await ask(app, "POST", "/things/7", body=endless())).status == 413


async def test_a_bug_in_a_route_is_an_error_without_its_inside(host: Any, tmp_path: Path) -> None:
    app = App(MANIFEST, host, data_dir=tmp_path)

    @app.route("/bug")
    async def bug(request: Request) -> Response:
        raise ZeroDivisionError("secret")

    served = site(app.routes)

    async def quiet(*asgi: Any) -> None:
        with pytest.raises(ZeroDivisionError):
            await served(*asgi)

    answer = await ask(quiet, "GET", "/bug")
    assert answer.status == 500
    assert b"secret" not in answer.body


async def test_tasks_are_begun_again_and_ended(host: Any, tmp_path: Path) -> None:
    app = App(MANIFEST, host, data_dir=tmp_path)
    events: list[str] = []

    @app.background
    async def shaky() -> None:
        events.append("run")
        if events.count("run") < 3:
            raise OSError("again")
        try:
            await asyncio.Event().wait()
        finally:
            events.append("ended")

    @app.on_start
    async def begin() -> None:
        events.append("begin")

    @app.on_stop
    async def end() -> None:
        events.append("end")

    async with running(app):
        await until(lambda: events.count("run") == 3)
    await app.stop()
    assert events == ["begin", "run", "run", "run", "ended", "end"]


def test_texts_fall_back_to_english_and_to_the_key(host: Any, tmp_path: Path) -> None:
    app = App(MANIFEST, host, data_dir=tmp_path, texts={"ja": {"a": "あ"}, "en": {"a": "A", "b": "B"}})
    assert [app.text("a", "ja"), app.text("b", "ja"), app.text("c", "ja")] == ["あ", "B", "c"]


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        ("https://tiles.example:8443/{z}/{x}/{y}.png", ["https://tiles.example:8443"]),
        ("http://[::1]:9000/{z}", ["http://[::1]:9000"]),
        ("/apps/map/own/{z}/{x}/{y}.png", []),
    ],
)
def test_the_console_may_show_what_comes_from_a_named_host(
    host: Any, tmp_path: Path, address: str, origin: list[str]
) -> None:
    app = App(MANIFEST, host, data_dir=tmp_path)
    app.show_from(address)
    app.show_from(address)
    assert app.origins == origin


@pytest.mark.parametrize("address", ["ftp://a/x", "javascript:alert(1)", "https://a; script-src *", "https://"])
def test_what_no_browser_should_fetch_from_is_refused(host: Any, tmp_path: Path, address: str) -> None:
    app = App(MANIFEST, host, data_dir=tmp_path)
    with pytest.raises(ValueError, match="no address that a browser could fetch from"):
        app.show_from(address)
    assert app.origins == []
