"""A read that would take for ever ends by its time with the standard's error, and the next one is answered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hiroba.kernel.broker import decisions
from hiroba.kernel.model.errors import HirobaError, TooComplexQuery
from hiroba.kernel.query import parse_q
from hiroba.kernel.store.port import EntityQuery, Mutation
from hiroba.kernel.store.sqlite import SqliteStore

AT = "2026-04-01T00:00:00.000Z"


def light(number: int) -> dict[str, Any]:
    words = {"type": "Property", "value": f"街路灯 {number}"}
    return {"id": f"urn:ngsi-ld:Streetlight:{number}", "type": ["Streetlight"], "attrs": {"name": [words]}}


@pytest.mark.parametrize("kind", ["file", "memory"])
async def test_a_read_that_takes_too_long_is_broken_off(kind: str, tmp_path: Path) -> None:
    store = SqliteStore(":memory:" if kind == "memory" else tmp_path / "store", read_seconds=0.02, cache_size=10)
    await store.open()
    try:
        tenant = await store.tenant("")
        lights = [light(number) for number in range(6000)]
        answers = await tenant.mutate([Mutation(one["id"], decisions.create(one, AT)) for one in lights])
        assert not [answer for answer in answers if isinstance(answer, HirobaError)]
        hard = EntityQuery(q=parse_q('name~="(灯.*){3}x"', lambda name: name), limit=1)
        with pytest.raises(TooComplexQuery, match=r"longer than 0\.02 seconds"):
            await tenant.find(hard)
        assert (await tenant.get(lights[5]["id"])) is not None
        assert len((await tenant.find(EntityQuery(limit=3))).rows) == 3
        await tenant.mutate([Mutation(lights[0]["id"], decisions.delete(lights[0]["id"]))])
    finally:
        await store.close()
