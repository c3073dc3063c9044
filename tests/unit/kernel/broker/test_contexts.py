"""Contexts of others: fetched once, kept once, and never a reason to wait for long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from hiroba.kernel.broker import contexts as subject
from hiroba.kernel.broker.contexts import Contexts
from hiroba.kernel.model.errors import LdContextNotAvailable, StoreUnavailable
from hiroba.kernel.store.sqlite import SqliteStore


class Library:
    """A server of contexts: `/slow/...` answers after a pause, `/never/...` not at all, all else at once."""

    def __init__(self) -> None:
        self.meaning = "https://x.example/"
        self.asked: list[str] = []
        self.release = asyncio.Event()
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        meaning = self.meaning
        if request.path.startswith("/held"):
            await self.release.wait()
        if request.path.startswith("/slow"):
            await asyncio.sleep(0.2)
        if request.path.startswith("/never"):
            await asyncio.sleep(60)
        return web.json_response({"@context": {"level": meaning + "level"}})


@pytest.fixture
async def library() -> AsyncIterator[Library]:
    made = Library()
    app = web.Application()
    app.router.add_get("/{rest:.*}", made.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    made.release.set()
    await runner.cleanup()


@pytest.fixture
async def store() -> AsyncIterator[SqliteStore]:
    made = SqliteStore(":memory:")
    await made.open()
    yield made
    await made.close()


@pytest.fixture
async def known(store: SqliteStore) -> AsyncIterator[Contexts]:
    made = Contexts(store, base_url="http://127.0.0.1:1026")
    await made.open()
    yield made
    await made.close()


async def test_a_context_that_many_ask_for_at_once_is_fetched_and_kept_once(
    known: Contexts, store: SqliteStore, library: Library
) -> None:
    url = library.url + "/slow/one"
    found = await asyncio.gather(*(known.resolve([url, {"other": f"https://y.example/{n}"}]) for n in range(10)))
    assert {one.expand_name("level") for one in found} == {"https://x.example/level"}
    assert library.asked == ["/slow/one"]
    assert [served.url for served in known.listed("")] == [url]
    assert len(await (await store.tenant("")).records(subject.RECORDS)) == 1


async def test_what_was_being_fetched_during_a_reload_is_not_kept_beyond_it(known: Contexts, library: Library) -> None:
    first, second = library.url + "/first", library.url + "/held/second"
    await known.resolve(first)
    both = asyncio.create_task(known.resolve([first, second]))
    while "/held/second" not in library.asked:
        await asyncio.sleep(0.01)
    library.meaning = "https://new.example/"
    await known.remove(first, reload=True)
    library.release.set()
    await both
    fresh = await known.resolve([second, first])
    assert fresh.expand_name("level") == "https://new.example/level"
    again = await known.resolve([first, {"z": "https://z.example/"}])
    assert again.expand_name("level") == "https://new.example/level"
    assert (await known.resolve([first])).expand_name("level") == "https://new.example/level"
    assert await known.resolve([first, second]) is not await both


async def test_a_reload_keeps_one_record(known: Contexts, store: SqliteStore, library: Library) -> None:
    url = library.url + "/one"
    await known.resolve(url)
    before = known.listed("")[0].local_id
    library.meaning = "https://new.example/"
    await known.remove(url, reload=True)
    assert [served.local_id for served in known.listed("")] == [before]
    assert (await known.resolve(url)).expand_name("level") == "https://new.example/level"
    assert len(await (await store.tenant("")).records(subject.RECORDS)) == 1


async def test_a_context_can_be_read_when_the_store_cannot_keep_it(
    known: Contexts, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: Any) -> None:
        raise StoreUnavailable("The disk is full.")

    monkeypatch.setattr("hiroba.kernel.store.sqlite.tenant.SqliteTenant.keep_record", full)
    assert (await known.resolve(library.url + "/one")).expand_name("level") == "https://x.example/level"


async def test_many_that_never_answer_take_no_longer_than_one(
    known: Contexts, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known, "_patience", 0.5)
    urls = [f"{library.url}/never/{number}" for number in range(200)]
    async with asyncio.timeout(20):  # one after the other they would take 100 s
        await known.prepare([[url] for url in urls] + [urls[:30]])
        for url in urls:
            with pytest.raises(LdContextNotAvailable):
                await known.resolve([url])


async def test_documents_of_one_context_are_fetched_together(known: Contexts, library: Library) -> None:
    urls = [f"{library.url}/slow/{number}" for number in range(30)]
    async with asyncio.timeout(4):  # one after the other they would take 6 s
        await known.resolve(urls)
    assert sorted(library.asked) == sorted(f"/slow/{number}" for number in range(30))


async def test_a_context_that_cannot_be_deleted_stays(
    known: Contexts, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = library.url + "/one"
    await known.resolve(url)

    async def full(*_: Any) -> None:
        raise StoreUnavailable("The disk is full.")

    with monkeypatch.context() as patch:
        patch.setattr("hiroba.kernel.store.sqlite.tenant.SqliteTenant.keep_record", full)
        with pytest.raises(StoreUnavailable):
            await known.remove(url)
    assert [served.url for served in known.listed("")] == [url]
    both = await asyncio.gather(known.remove(url), known.remove(url), return_exceptions=True)
    assert not any(isinstance(one, KeyError) for one in both)
    assert known.listed("") == []


async def test_remote_contexts_are_not_kept_without_end(
    known: Contexts, store: SqliteStore, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "MAX_CACHED", 5)
    hosted = await known.add({"level": "https://z.example/level"})
    for number in range(12):
        await known.resolve(f"{library.url}/{number}")
        await known.resolve(f"{library.url}/0")
    kept = {served.url for served in known.listed("", "Cached")}
    assert len(kept) == 5
    assert {f"{library.url}/0", f"{library.url}/11"} <= kept
    assert known.served(hosted).kind == "Hosted"
    assert len(await (await store.tenant("")).records("context")) == 6
