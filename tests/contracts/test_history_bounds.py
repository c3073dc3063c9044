"""Histories of many entities come in answers of a bounded size, from the end of which one can read on."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hiroba.kernel.broker import decisions
from hiroba.kernel.model.entity import Entity
from hiroba.kernel.model.instants import format_instant, parse_instant
from hiroba.kernel.query.tree import TemporalQuery, TypeIs
from hiroba.kernel.store.port import EntityQuery, Evolution, HistoryQuery, Mutation, TenantStore

ENTITIES, READINGS = 7, 40
ALL = HistoryQuery(EntityQuery(types=TypeIs("urn:t"), limit=100), TemporalQuery("after", 0, None))


def reading(number: int, moment: int) -> Mutation:
    at = format_instant((moment * ENTITIES + number) * 1_000_000)
    level = {"type": "Property", "value": moment, "observedAt": at}
    entity: Entity = {"id": f"urn:x:{number}", "type": ["urn:t"], "attrs": {"urn:level": [level]}}
    return Mutation(entity["id"], decisions.upsert(entity, at, update=True))


async def filled(tenant: TenantStore) -> None:
    # the entity made last has only the newest readings
    for moment in range(READINGS):
        some = range(ENTITIES - 1) if moment < READINGS - 5 else range(ENTITIES)
        await tenant.mutate([reading(number, moment) for number in some])


def rows(found: list[Evolution]) -> list[tuple[str, int]]:
    return [
        (one.entity["id"], parse_instant(row["observedAt"]))
        for one in found
        for row in one.instances.get("urn:level", ())
    ]


async def test_an_answer_holds_no_more_than_asked_for(tenant: TenantStore) -> None:
    await filled(tenant)
    everything = rows((await tenant.evolutions(ALL))[0])
    assert len(everything) == (ENTITIES - 1) * READINGS + 5
    found, _, _ = await tenant.evolutions(replace(ALL, most=50))
    assert sorted(rows(found), key=lambda row: row[1]) == sorted(everything, key=lambda row: row[1])[:50]
    newest, _, _ = await tenant.evolutions(replace(ALL, most=50, last_n=30))
    assert sorted(rows(newest), key=lambda row: row[1]) == sorted(everything, key=lambda row: row[1])[-50:]
    assert all(one.truncated is not None for one in found if len(one.instances.get("urn:level", ())) < READINGS)


async def test_reading_on_gives_all_of_it_once(tenant: TenantStore) -> None:
    await filled(tenant)
    everything = Counter(rows((await tenant.evolutions(ALL))[0]))
    for all_time in (ALL.time, TemporalQuery(None, None, None)):
        query = replace(ALL, time=all_time, most=50, limit=20)
        found, _, _ = await tenant.evolutions(query)
        assert {one.entity["id"] for one in found} == {f"urn:x:{number}" for number in range(ENTITIES)}
        seen: Counter[tuple[str, int]] = Counter(rows(found))
        for one in found:
            part = one
            while part.truncated is not None:
                alone = EntityQuery(ids=(one.entity["id"],), limit=1)
                rest, _, _ = await tenant.evolutions(replace(query, entity=alone, after=part.truncated[1]))
                if not rest:
                    break
                part = rest[0]
                seen.update(rows(rest))
        assert seen == everything
