"""Notifications reach a real receiver: in order, at least once, each endpoint for itself (GS CIM 009, 5.8.6)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from hiroba.kernel.broker import decisions, entities, subscriptions
from hiroba.kernel.broker.broker import Broker
from hiroba.kernel.broker.contexts import Contexts
from hiroba.kernel.model.context import CORE
from hiroba.kernel.model.errors import StoreUnavailable
from hiroba.kernel.model.expand import expand_entity, expand_fragment
from hiroba.kernel.store.port import Mutation
from hiroba.kernel.store.sqlite import SqliteStore
from hiroba.kernel.subscriptions.delivery import DeliverySettings
from hiroba.kernel.subscriptions.notifier import Notifier

QUICK = DeliverySettings(timeout=0.5, patience=5.0, first_pause=0.01, longest_pause=0.05, housekeeping=0.02)
DEAD = "http://127.0.0.1:25199/nobody"


@dataclass
class Receiver:
    """A real HTTP server that keeps what it gets; `answers` are statuses to give before 200."""

    url: str
    got: list[dict[str, Any]] = field(default_factory=list)
    headers: list[Any] = field(default_factory=list)
    answers: dict[str, list[int]] = field(default_factory=dict)
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self, request: web.Request) -> web.Response:
        body = await request.json()
        await self.gate.wait()
        waiting = self.answers.get(request.path, [])
        if waiting:
            return web.Response(status=waiting.pop(0))
        self.got.append(body)
        self.headers.append(request.headers)
        return web.Response(status=200)

    def values(self, name: str = "level") -> list[Any]:
        return [one.get(name) for body in self.got for one in body["data"]]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    found = Receiver("")
    found.gate.set()
    app = web.Application()
    app.router.add_post("/{tail:.*}", found.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield found
    found.gate.set()
    await runner.cleanup()


@dataclass
class Town:
    """A broker on a real store, with its notifier."""

    broker: Broker
    notifier: Notifier

    async def subscribe(self, uri: str, *, tenant: str = "", **members: Any) -> str:
        notification = {"format": "simplified", "endpoint": {"uri": uri}, **members.pop("notification", {})}
        body = {"type": "Subscription", "entities": [{"type": "Gauge"}], **members, "notification": notification}
        body = {name: value for name, value in body.items() if value is not None}
        return await subscriptions.create_subscription(self.broker, tenant, body, CORE)

    async def create(self, id: str, *, tenant: str = "", type: str = "Gauge", **values: Any) -> None:
        await entities.create_entity(self.broker, tenant, expand_entity({"id": id, "type": type, **values}, CORE))

    async def set(self, id: str, **values: Any) -> None:
        await entities.merge_entity(self.broker, "", id, expand_fragment(values, CORE, allow_null=True))

    async def sent(self, id: str, count: int) -> None:
        """Wait until so many notifications were sent, failed ones included."""
        await until(lambda: (tally := self.broker.subscriptions.tally("", id)) is not None and tally.sent >= count)

    async def status(self, id: str, tenant: str = "") -> dict[str, Any]:
        found = await subscriptions.retrieve_subscription(self.broker, tenant, id, CORE)
        told: dict[str, Any] = found["notification"]
        return told


@contextlib.asynccontextmanager
async def town(place: str | Path = ":memory:", settings: DeliverySettings = QUICK) -> AsyncIterator[Town]:
    store = SqliteStore(place)
    await store.open()
    contexts = Contexts(store, base_url="http://127.0.0.1:1026")
    broker = Broker(store, contexts)
    notifier = Notifier(broker, settings=settings)
    await notifier.start()
    try:
        yield Town(broker, notifier)
    finally:
        await notifier.stop()
        await contexts.close()
        await store.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


async def settle() -> None:
    """Give what should not happen the time to happen."""
    await asyncio.sleep(0.15)


async def test_every_change_arrives_in_order(receiver: Receiver) -> None:
    async with town() as city:
        id = await city.subscribe(receiver.url)
        await city.create("urn:g:1", level=0)
        for level in range(1, 30):
            await city.set("urn:g:1", level=level)
        await until(lambda: len(receiver.values()) >= 30)
        await settle()
        assert receiver.values() == list(range(30))
        assert {body["subscriptionId"] for body in receiver.got} == {id}
        await city.sent(id, len(receiver.got))
        told = await city.status(id)
        assert told["status"] == "ok"
        assert told["timesSent"] == len(receiver.got)
        assert "lastFailure" not in told


async def test_what_was_before_the_subscription_is_not_told(receiver: Receiver) -> None:
    async with town() as city:
        await city.create("urn:g:1", level=0)
        await city.subscribe(receiver.url)
        await city.set("urn:g:1", level=1)
        await until(lambda: bool(receiver.got))
        await settle()
        assert receiver.values() == [1]


async def test_only_what_was_asked_for(receiver: Receiver) -> None:
    async with town() as city:
        await city.subscribe(receiver.url, q="level>5", watchedAttributes=["level"])
        await city.create("urn:g:1", level=1, name="橋")
        await city.set("urn:g:1", name="川")
        await city.create("urn:o:1", type="Other", level=9)
        await city.set("urn:g:1", level=6)
        await city.set("urn:g:1", level=6)  # the same again
        await city.set("urn:g:1", name="谷")  # not watched
        await city.set("urn:g:1", level=7)
        await until(lambda: len(receiver.got) >= 2)
        await settle()
        assert receiver.values() == [6, 7]


async def test_entities_of_one_commit_come_together(receiver: Receiver) -> None:
    async with town() as city:
        await city.subscribe(receiver.url)
        store = await city.broker.store.tenant("")
        wanted = [expand_entity({"id": f"urn:g:{n}", "type": "Gauge", "level": n}, CORE) for n in range(250)]
        at = "2026-01-01T00:00:00.000Z"
        await store.mutate([Mutation(one["id"], decisions.create(one, at)) for one in wanted])
        await until(lambda: len(receiver.values()) >= 250)
        assert receiver.values() == list(range(250))
        assert [len(body["data"]) for body in receiver.got] == [100, 100, 50]


async def test_a_dead_endpoint_delays_nobody_else(receiver: Receiver) -> None:
    async with town() as city:
        dead = [await city.subscribe(f"{DEAD}/{number}") for number in range(20)]
        await city.subscribe(receiver.url)
        await city.create("urn:g:1", level=0)
        for level in range(1, 10):
            await city.set("urn:g:1", level=level)
        await until(lambda: len(receiver.values()) >= 10)
        assert receiver.values() == list(range(10))
        await until(lambda: (tally := city.broker.subscriptions.tally("", dead[0])) is not None and tally.failed > 1)
        told = await city.status(dead[0])
        assert told["status"] == "failed"
        assert told["timesFailed"] >= 2
        assert "lastSuccess" not in told


async def test_a_refusing_endpoint_is_tried_again_and_nothing_overtakes(receiver: Receiver) -> None:
    async with town() as city:
        receiver.answers["/hook"] = [503, 500, 429]
        id = await city.subscribe(receiver.url + "/hook")
        await city.create("urn:g:1", level=0)
        await city.set("urn:g:1", level=1)
        await until(lambda: len(receiver.values()) >= 2)
        await settle()
        assert receiver.values() == [0, 1]
        await city.sent(id, 5)
        told = await city.status(id)
        assert (told["status"], told["timesFailed"]) == ("ok", 3)
        assert told["lastFailure"] <= told["lastSuccess"]


async def test_an_endpoint_that_says_no_is_not_asked_again(receiver: Receiver) -> None:
    async with town() as city:
        receiver.answers["/hook"] = [400]
        id = await city.subscribe(receiver.url + "/hook")
        await city.create("urn:g:1", level=0)
        await until(lambda: receiver.answers["/hook"] == [])
        await settle()
        assert receiver.got == []
        await city.sent(id, 1)
        await settle()
        assert (await city.status(id))["timesSent"] == 1
        await city.set("urn:g:1", level=1)
        await until(lambda: bool(receiver.got))
        assert receiver.values() == [1]


async def test_a_hanging_endpoint_times_out(receiver: Receiver) -> None:
    receiver.gate.clear()
    async with town() as city:
        id = await city.subscribe(receiver.url, notification={"endpoint": {"uri": receiver.url, "timeout": 50}})
        await city.create("urn:g:1", level=0)
        await until(lambda: (tally := city.broker.subscriptions.tally("", id)) is not None and tally.failed > 0)
        receiver.gate.set()
        await until(lambda: bool(receiver.got))
        assert receiver.values()[-1] == 0


async def test_patience_ends(receiver: Receiver) -> None:
    settings = DeliverySettings(timeout=0.5, patience=0.1, first_pause=0.02, longest_pause=0.02)
    async with town(settings=settings) as city:
        receiver.answers["/hook"] = [500] * 1000
        id = await city.subscribe(receiver.url + "/hook")
        await city.create("urn:g:1", level=0)
        tally = city.broker.subscriptions.tally("", id)
        assert tally is not None
        await until(lambda: tally.failed >= 2)
        await settle()
        receiver.answers["/hook"].clear()
        await settle()
        assert receiver.got == []
        await city.set("urn:g:1", level=1)
        await until(lambda: bool(receiver.got))
        assert receiver.values() == [1]


async def test_more_than_memory_holds_comes_from_the_log(receiver: Receiver) -> None:
    settings = DeliverySettings(timeout=5, first_pause=0.01, waiting=5, together=1)
    async with town(settings=settings) as city:
        receiver.gate.clear()
        await city.subscribe(receiver.url)
        await city.create("urn:g:1", level=0)
        for level in range(1, 60):
            await city.set("urn:g:1", level=level)
        receiver.gate.set()
        await until(lambda: len(receiver.values()) >= 60)
        await city.set("urn:g:1", level=60)
        await until(lambda: len(receiver.values()) >= 61)
        await settle()
        assert receiver.values() == list(range(61))


async def test_what_was_not_delivered_is_so_after_a_restart(receiver: Receiver, tmp_path: Path) -> None:
    async with town(tmp_path) as city:
        receiver.answers["/late"] = [503] * 10_000
        late = await city.subscribe(receiver.url + "/late")
        await city.subscribe(receiver.url + "/early")
        await city.create("urn:g:1", level=0)
        await city.set("urn:g:1", level=1)
        await until(lambda: len(receiver.got) >= 2)
        await settle()
    assert {body["subscriptionId"] for body in receiver.got} != {late}
    receiver.got.clear()
    receiver.answers.clear()
    async with town(tmp_path) as city:
        await until(lambda: len(receiver.values()) >= 2)
        await settle()
        # those who had everything get nothing twice
        assert [body["subscriptionId"] for body in receiver.got] == [late, late]
        assert receiver.values() == [0, 1]
        assert (await city.status(late))["timesFailed"] > 0


async def test_changes_made_while_nobody_delivers_are_delivered_later(receiver: Receiver, tmp_path: Path) -> None:
    async with town(tmp_path) as city:
        await city.subscribe(receiver.url)
        await city.create("urn:g:1", level=0)
        await until(lambda: bool(receiver.got))
        await city.notifier.stop()
        await city.set("urn:g:1", level=1)
    async with town(tmp_path):
        await until(lambda: len(receiver.got) >= 2)
        await settle()
    assert receiver.values() == [0, 1]


async def test_throttling_holds_back_and_then_tells_the_last_state(receiver: Receiver) -> None:
    async with town() as city:
        await city.subscribe(receiver.url, throttling=1.5)
        await city.create("urn:g:1", level=0)
        await until(lambda: bool(receiver.got))
        for level in range(1, 6):
            await city.set("urn:g:1", level=level)
        await city.create("urn:g:2", level=77)
        await settle()
        assert receiver.values() == [0]
        await until(lambda: len(receiver.got) >= 2)
        await settle()
        assert receiver.values() == [0, 5, 77]
        assert len(receiver.got) == 2


async def test_periodic_notification_tells_all_that_match(receiver: Receiver) -> None:
    async with town() as city:
        for number in range(4):
            await city.create(f"urn:g:{number}", level=number)
        id = await city.subscribe(receiver.url, timeInterval=0.2, q="level>1")
        await city.set("urn:g:0", level=9)
        await until(lambda: len(receiver.got) >= 2)
        assert sorted(one["id"] for one in receiver.got[0]["data"]) == ["urn:g:0", "urn:g:2", "urn:g:3"]
        await subscriptions.delete_subscription(city.broker, "", id)
        told = len(receiver.got)
        await asyncio.sleep(0.5)
        assert len(receiver.got) <= told + 1


async def test_periodic_notification_without_match_is_not_sent(receiver: Receiver) -> None:
    async with town() as city:
        await city.create("urn:g:1", level=0)
        await city.subscribe(receiver.url, timeInterval=0.05, q="level>1")
        await asyncio.sleep(0.4)
        assert receiver.got == []


async def test_pause_resume_and_delete(receiver: Receiver) -> None:
    async with town() as city:
        id = await city.subscribe(receiver.url)
        await city.create("urn:g:1", level=0)
        await until(lambda: len(receiver.got) == 1)
        await subscriptions.update_subscription(city.broker, "", id, {"isActive": False}, CORE)
        await city.set("urn:g:1", level=1)
        await settle()
        await subscriptions.update_subscription(city.broker, "", id, {"isActive": True}, CORE)
        await city.set("urn:g:1", level=2)
        await until(lambda: len(receiver.got) == 2)
        await subscriptions.delete_subscription(city.broker, "", id)
        await city.set("urn:g:1", level=3)
        await settle()
        assert receiver.values() == [0, 2]


async def test_what_happened_during_a_pause_is_not_told_later(receiver: Receiver, tmp_path: Path) -> None:
    async with town(tmp_path) as city:
        id = await city.subscribe(receiver.url)
        await city.notifier.stop()
        await subscriptions.update_subscription(city.broker, "", id, {"isActive": False}, CORE)
        await city.create("urn:g:1", level=0)
        await subscriptions.update_subscription(city.broker, "", id, {"isActive": True}, CORE)
        await city.set("urn:g:1", level=1)
    async with town(tmp_path):
        await until(lambda: bool(receiver.got))
        await settle()
    assert receiver.values() == [1]


async def test_catching_up_does_not_run_ahead_of_the_feed(receiver: Receiver) -> None:
    async with town() as city:
        id = await city.subscribe(receiver.url)
        for level in range(6):
            await city.create(f"urn:g:{level}", level=level)
        await until(lambda: len(receiver.values()) == 6)
        desk = city.notifier._desks[""]
        entry = desk._outboxes[id].entry
        seqs = [change.seq for change in await desk._store.changes(0, 100)]
        desk._position = seqs[3]
        found, goes_on = await desk._more(entry, seqs[0], 2)
        assert ([one.seq for one in found], goes_on) == (seqs[1:3], seqs[2])
        found, goes_on = await desk._more(entry, seqs[2], 100)
        assert ([one.seq for one in found], goes_on) == (seqs[3:4], None)
        desk._position = seqs[-1]


async def test_a_changed_subscription_counts_at_once(receiver: Receiver) -> None:
    async with town() as city:
        id = await city.subscribe(receiver.url + "/old", q="level>100")
        await city.create("urn:g:1", level=0)
        patch = {"q": "level<100", "notification": {"endpoint": {"uri": receiver.url + "/new"}}}
        await subscriptions.update_subscription(city.broker, "", id, patch, CORE)
        await city.set("urn:g:1", level=5)
        await until(lambda: bool(receiver.got))
        assert receiver.got[0]["data"][0]["level"]["value"] == 5


async def test_expiry_ends_notifications(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    async with town() as city:
        id = await city.subscribe(receiver.url, expiresAt="2999-01-01T00:00:00Z")
        await city.create("urn:g:1", level=0)
        await until(lambda: len(receiver.got) == 1)
        later = 32_503_680_000_000_000 + 1
        monkeypatch.setattr("hiroba.kernel.subscriptions.desk.now", lambda: later)
        monkeypatch.setattr("hiroba.kernel.broker.subscriptions.now", lambda: later)
        await city.set("urn:g:1", level=1)
        await settle()
        assert receiver.values() == [0]
        assert (await subscriptions.retrieve_subscription(city.broker, "", id, CORE))["status"] == "expired"


async def test_tenants_are_told_apart(receiver: Receiver) -> None:
    async with town() as city:
        await city.subscribe(receiver.url, tenant="takamatsu")
        await city.subscribe(receiver.url)
        await until(lambda: len(city.notifier._desks) == 2)
        await city.create("urn:g:1", level=1, tenant="takamatsu")
        await until(lambda: bool(receiver.got))
        await settle()
        assert receiver.values() == [1]
        assert receiver.headers[0]["NGSILD-Tenant"] == "takamatsu"
        await city.create("urn:g:1", level=2)
        await until(lambda: len(receiver.got) == 2)
        assert "NGSILD-Tenant" not in receiver.headers[1]


async def test_change_right_after_a_tenants_first_subscription(receiver: Receiver) -> None:
    async with town() as city:
        await city.subscribe(receiver.url, tenant="new")
        await city.create("urn:g:1", level=1, tenant="new")
        await until(lambda: bool(receiver.got))
        await settle()
        assert receiver.values() == [1]


async def test_other_schemes_have_their_own_deliverer(receiver: Receiver) -> None:
    got: list[bytes] = []

    class Pigeon:
        async def deliver(self, notification: Any, *, timeout: float) -> None:
            got.append(notification.body)

        async def close(self) -> None:
            got.append(b"closed")

    async with town() as city:
        await city.notifier.stop()
        notifier = Notifier(city.broker, deliverers={"pigeon": Pigeon()}, settings=QUICK)
        await notifier.start()
        await city.subscribe("pigeon://roof/1")
        await city.create("urn:g:1", level=1)
        await until(lambda: bool(got))
        await notifier.stop()
    assert b'"level":1' in got[0]
    assert got[-1] == b"closed"


async def test_scores_outlive_a_restart(receiver: Receiver, tmp_path: Path) -> None:
    async with town(tmp_path) as city:
        id = await city.subscribe(receiver.url)
        await city.create("urn:g:1", level=0)
        await city.sent(id, 1)
        desk = city.notifier._desks[""]
        await until(lambda: not desk._active)  # nothing is looked at again and again
        told = await city.status(id)
    async with town(tmp_path) as city:
        assert await city.status(id) == told
        await city.set("urn:g:1", level=1)
        await city.sent(id, 2)
        assert (await city.status(id))["timesSent"] == 2


async def test_scores_that_could_not_be_kept_are_kept_later(
    receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with town(tmp_path) as city:
        id = await city.subscribe(receiver.url)
        store = await city.broker.store.tenant("")
        keep, refused = store.keep_record, []

        async def full(kind: str, *given: Any) -> None:
            if kind == "subscriptionTally" and len(refused) < 3:
                refused.append(kind)
                raise StoreUnavailable("The disk is full.")
            await keep(kind, *given)

        monkeypatch.setattr(store, "keep_record", full)
        await city.create("urn:g:1", level=0)
        await until(lambda: len(refused) == 3)
        await until(lambda: not city.notifier._desks[""]._active)
        record = await store.record("subscriptionTally", id)
        assert record is not None
        assert record["sent"] == 1
