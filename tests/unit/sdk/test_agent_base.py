"""The agent base: from a durable message to a written entity, with everything that may go wrong between."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from hiroba.sdk import Agent, Manifest, Message, Misfit, Reading, Spool, errors

MANIFEST = Manifest(id="try", title={"ja": "試", "en": "Try"}, folder=Path(), kind="agent")


def translated(message: Message) -> Iterator[Reading | Misfit]:
    body = orjson.loads(message.payload)
    if body == "whole":
        raise Misfit("not at all")
    if body == "mistake":
        raise ZeroDivisionError
    for item in body:
        if isinstance(item, str):
            yield Reading({"id": item, "type": "T"}, tenant=message.source)
        else:
            yield Misfit("a part", part=orjson.dumps(item))


@contextlib.asynccontextmanager
async def running(host: Any, folder: Path) -> AsyncIterator[Agent]:
    agent = Agent(MANIFEST, host, data_dir=folder)
    agent.translate(translated)
    await agent.start()
    try:
        yield agent
    finally:
        await agent.stop()


async def settled(agent: Agent) -> None:
    async with asyncio.timeout(10):
        while agent.spool.waiting:
            await asyncio.sleep(0.005)


async def test_messages_become_entities_in_few_writes(host: Any, tmp_path: Path) -> None:
    async with running(host, tmp_path) as agent:
        await asyncio.gather(*(agent.accept("", b'["urn:%d"]' % n) for n in range(1200)))
        await settled(agent)
        assert [entity["id"] for entity in host.of("").written] == [f"urn:{n}" for n in range(1200)]
        assert all(len(call) <= 500 for call in host.of("").calls)
        assert len(host.of("").calls) < 100
        report = agent.report()
    assert (report["received"], report["written"], report["rejected"], report["spooled"]) == (
        1200,
        1200,
        0,
        0,
    )
    assert report["state"] == "running"
    assert agent.report()["state"] == "stopped"


async def test_each_tenant_gets_its_own(host: Any, tmp_path: Path) -> None:
    async with running(host, tmp_path) as agent:
        await agent.accept("a", b'["urn:1"]')
        await agent.accept("b", b'["urn:2"]')
        await settled(agent)
    assert [e["id"] for e in host.of("a").written] == ["urn:1"]
    assert [e["id"] for e in host.of("b").written] == ["urn:2"]
    assert host.of("").written == []


async def test_what_does_not_fit_is_kept_with_its_reason(host: Any, tmp_path: Path) -> None:
    async with running(host, tmp_path) as agent:
        for payload in (b'"whole"', b'"mistake"', b'["urn:1", 5]', b"{"):
            await agent.accept("", payload)
        await settled(agent)
        rejects = {reject.payload: reject.reason for reject in await agent.spool.rejects()}
        assert agent.report()["rejected"] == 4
        assert agent.report()["written"] == 1
    assert rejects[b'"whole"'] == "not at all"
    assert rejects[b'"mistake"'] == "translating it failed: ZeroDivisionError()"
    assert rejects[b"5"] == "a part"
    assert "JSONDecodeError" in rejects[b"{"]


async def test_what_the_city_refuses_is_a_reject_and_the_rest_is_written(host: Any, tmp_path: Path) -> None:
    host.of("").refuse = {"urn:bad": "no such thing"}
    async with running(host, tmp_path) as agent:
        await agent.accept("", b'["urn:1", "urn:bad", "urn:2"]')
        await settled(agent)
        (reject,) = await agent.spool.rejects()
        assert reject.reason == "no such thing"
        assert agent.spool.totals == {"received": 1, "written": 2, "rejected": 1}
    assert [e["id"] for e in host.of("").written] == ["urn:1", "urn:2"]


async def test_it_waits_for_a_city_that_cannot_be_reached_and_loses_nothing(host: Any, tmp_path: Path) -> None:
    city = host.of("")
    city.failures = [
        errors.CityUnreachable("gone"),
        errors.StoreUnavailable("full"),
        errors.Unauthorized("token"),
    ]
    async with running(host, tmp_path) as agent:
        await agent.accept("", b'["urn:1"]')
        async with asyncio.timeout(10):
            while agent.status.state != "trouble":
                await asyncio.sleep(0.005)
        assert agent.spool.waiting == 1
        await settled(agent)
        assert agent.status.state == "running"
        assert agent.status.last_error is not None
        assert agent.spool.totals == {"received": 1, "written": 1, "rejected": 0}
    assert [e["id"] for e in city.written] == ["urn:1"]


async def test_a_write_refused_as_a_whole_is_tried_one_by_one(host: Any, tmp_path: Path) -> None:
    city = host.of("")
    city.failures = [errors.BadRequestData("all"), errors.BadRequestData("only the first")]
    async with running(host, tmp_path) as agent:
        await agent.accept("", b'["urn:1", "urn:2", "urn:3"]')
        await settled(agent)
        (reject,) = await agent.spool.rejects()
        assert reject.reason == "Bad request data: only the first"
    assert [e["id"] for e in city.written] == ["urn:2", "urn:3"]


async def test_of_two_readings_of_one_entity_only_the_refused_is_a_reject(host: Any, tmp_path: Path) -> None:
    city = host.of("")
    plainly = city.write

    async def picky(entities: Any, **options: Any) -> Any:
        bad = [one for one in entities if one.get("type") == "Bad"]
        written = await plainly([one for one in entities if one not in bad], **options)
        written.refused.update((one["id"], "a bad type") for one in bad)
        return written

    city.write = picky
    agent = Agent(MANIFEST, host, data_dir=tmp_path)
    agent.translate(lambda message: [Reading({"id": "urn:1", "type": message.source})])
    before = Spool(agent.spool.path)
    await before.open()
    for kind in ("Good", "Bad", "Good"):
        await before.append(kind, b"{}")
    await before.close()
    await agent.start()
    await settled(agent)
    assert [reject.source for reject in await agent.spool.rejects()] == ["Bad"]
    assert agent.spool.totals == {"received": 3, "written": 2, "rejected": 1}
    await agent.stop()


async def test_what_was_accepted_before_a_stop_is_written_after_the_next_start(host: Any, tmp_path: Path) -> None:
    host.of("").failures = [errors.CityUnreachable("gone")] * 100
    async with running(host, tmp_path) as agent:
        await agent.accept("", b'["urn:1"]')
    host.of("").failures = []
    async with running(host, tmp_path) as agent:
        await settled(agent)
    assert [e["id"] for e in host.of("").written] == ["urn:1"]


async def test_a_full_spool_is_a_trouble_that_passes(host: Any, tmp_path: Path) -> None:
    async with running(host, tmp_path) as agent:
        agent.spool.limit = 0
        with pytest.raises(errors.StoreUnavailable):
            await agent.accept("", b'["urn:1"]')
        assert agent.status.state == "trouble"
        agent.spool.limit = 10
        await agent.accept("", b'["urn:2"]')
        assert agent.status.state == "running"
        await settled(agent)
    assert [e["id"] for e in host.of("").written] == ["urn:2"]
