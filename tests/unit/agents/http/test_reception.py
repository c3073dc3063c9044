"""The HTTP push agent: 202 means on disk; what does not fit is kept and told."""

from typing import Any

import pytest

from hiroba.sdk import errors
from hiroba.sdk.testing import request

PROFILE = """
type: RiverGauge
id: "urn:ngsi-ld:RiverGauge:{device}"
observedAt: time
attributes: {waterLevel: {path: level, type: number, unit: MTR}}
"""
AT = "2026-04-01T00:00:00Z"


async def test_a_reading_becomes_an_entity(start_agent: Any, until: Any) -> None:
    async with start_agent("http", profiles={"gauge": PROFILE}) as (agent, host):
        answer = await request(agent, "POST", "/gauge/春日川", body=b'{"level": 1.5, "time": "%s"}' % AT.encode())
        assert answer.status == 202
        assert agent.spool.totals["received"] == 1
        await until(lambda: agent.spool.totals["written"] == 1)
        entity = await host.city().entity("urn:ngsi-ld:RiverGauge:春日川")
    assert entity["waterLevel"] == {
        "type": "Property", "value": 1.5, "unitCode": "MTR", "observedAt": "2026-04-01T00:00:00.000Z",
    }  # fmt: skip


async def test_an_array_holds_a_reading_per_item(start_agent: Any, until: Any) -> None:
    body = b'[{"level": 1, "time": "%(t)s"}, {"level": "x", "time": "%(t)s"}, {"level": 3, "time": "%(t)s"}]'
    async with start_agent("http", profiles={"gauge": PROFILE}) as (agent, _host):
        assert (await request(agent, "POST", "/gauge/1", body=body % {b"t": AT.encode()})).status == 202
        await until(lambda: not agent.spool.waiting)
        assert agent.spool.totals == {"received": 1, "written": 2, "rejected": 1}
        (reject,) = await agent.spool.rejects()
    assert reject.reason == "waterLevel: 'x' is not a number"
    assert reject.payload == b'{"level":"x","time":"2026-04-01T00:00:00Z"}'
    assert reject.source == "gauge/1"


async def test_what_is_no_json_is_kept_whole(start_agent: Any, until: Any) -> None:
    async with start_agent("http", profiles={"gauge": PROFILE}) as (agent, host):
        assert (await request(agent, "POST", "/gauge/1", body=b"\x00\xff")).status == 202
        await until(lambda: agent.spool.totals["rejected"] == 1)
        (reject,) = await agent.spool.rejects()
        assert await host.city().types() == {}
    assert reject.payload == b"\x00\xff"
    assert reject.reason.startswith("it is not JSON")


async def test_refusals_keep_nothing(start_agent: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async with start_agent("http", profiles={"gauge": PROFILE}, body_bytes=10) as (agent, _host):
        unknown = await request(agent, "POST", "/nothing/1", body=b"{}")
        assert (unknown.status, unknown.json()["detail"]) == (404, "there is no profile 'nothing' for this agent")
        assert (await request(agent, "POST", "/gauge/1", body=b"x" * 11)).status == 413
        assert (await request(agent, "GET", "/gauge/1")).status == 405

        def full(_rows: Any) -> None:
            raise OSError("no space left on device")

        monkeypatch.setattr(agent.spool, "_append", full)
        lost = await request(agent, "POST", "/gauge/1", body=b"{}")
        assert lost.status == 503
        assert lost.json()["type"].endswith(errors.StoreUnavailable.slug)
        assert agent.spool.totals["received"] == 0
        assert await agent.spool.read() == []
