"""What every adapter of the store promises (kernel/store/port.py)."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from contract_town import create, drop, instances, iri, link, look, make, patch, point, prop, put

from hiroba.kernel.model.entity import LOCATION
from hiroba.kernel.model.errors import AlreadyExists, HirobaError, NonexistentTenant, ResourceNotFound
from hiroba.kernel.query.tree import (
    And,
    Compare,
    Exists,
    GeoQuery,
    Or,
    OrderBy,
    Path,
    ScopeIs,
    TemporalQuery,
    TypeAnd,
    TypeIs,
    TypeOr,
)
from hiroba.kernel.store.port import EntityQuery, HistoryQuery, Mutation, Page, Store, TenantStore, Verdict

SENSOR = TypeIs(iri("Sensor"))
ALL_TIME = TemporalQuery(None, None, None, "modifiedAt")


def ids(page: Page) -> list[str]:
    return [stored.entity["id"].rpartition(":")[2] for stored in page.rows]


class TestState:
    async def test_unknown_is_none(self, tenant: TenantStore) -> None:
        assert await tenant.get("urn:x:nobody") is None

    async def test_create_and_get(self, tenant: TenantStore) -> None:
        entity = make(1, temp=20.5, name="春日川", ok=True, location=point(134.05, 34.34))
        assert await tenant.mutate([create(entity)]) == ["created"]
        stored = await tenant.get(entity["id"])
        assert stored is not None
        assert stored.entity == entity

    async def test_version_changes_with_every_write_and_ref_stays(self, tenant: TenantStore) -> None:
        await tenant.mutate([create(make(1, temp=1))])
        first = await tenant.get("urn:ngsi-ld:Sensor:1")
        await tenant.mutate([patch("urn:ngsi-ld:Sensor:1", temp=2)])
        second = await tenant.get("urn:ngsi-ld:Sensor:1")
        assert first is not None
        assert second is not None
        assert (second.ref, second.version > first.version) == (first.ref, True)
        assert first.entity["attrs"][iri("temp")][0]["value"] == 1

    async def test_mutations_see_the_ones_before(self, tenant: TenantStore) -> None:
        entity = make(1, temp=1)
        answers = await tenant.mutate(
            [create(entity), patch(entity["id"], temp=2), look(entity["id"]), drop(entity["id"]), look(entity["id"])]
        )
        assert answers[0] == "created"
        assert answers[1] == entity
        assert answers[2]["attrs"][iri("temp")][0]["value"] == 2
        assert answers[3:] == ["deleted", None]
        assert await tenant.get(entity["id"]) is None

    async def test_refusal_leaves_no_trace_and_spares_the_others(self, tenant: TenantStore) -> None:
        entity = make(1, temp=1)
        await tenant.mutate([create(entity)])
        seq = await tenant.last_seq()
        answers = await tenant.mutate([create(make(1, temp=9)), create(make(2)), drop("urn:ngsi-ld:Sensor:3")])
        assert isinstance(answers[0], AlreadyExists)
        assert answers[1] == "created"
        assert isinstance(answers[2], ResourceNotFound)
        assert await tenant.last_seq() == seq + 1
        stored = await tenant.get(entity["id"])
        assert stored is not None
        assert stored.entity == entity

    async def test_broken_mutation_spares_the_others(self, tenant: TenantStore) -> None:
        def broken(present: object) -> Verdict:
            raise RuntimeError("a fault in the code")

        answers = await tenant.mutate([create(make(1)), Mutation("urn:ngsi-ld:Sensor:2", broken), create(make(3))])
        assert isinstance(answers[1], HirobaError)
        assert ids(await tenant.find(EntityQuery(types=SENSOR))) == ["1", "3"]

    async def test_not_writing_leaves_everything(self, tenant: TenantStore) -> None:
        await tenant.mutate([create(make(1))])
        before = await tenant.get("urn:ngsi-ld:Sensor:1")
        assert await tenant.mutate([look("urn:ngsi-ld:Sensor:1")]) == [make(1)]
        assert await tenant.get("urn:ngsi-ld:Sensor:1") == before
        assert await tenant.last_seq() == 1

    async def test_many_at_once(self, tenant: TenantStore) -> None:
        answers = await asyncio.gather(*(tenant.mutate([create(make(n, temp=n))]) for n in range(300)))
        assert answers == [["created"]] * 300
        page = await tenant.find(EntityQuery(types=SENSOR, limit=1000, count=True))
        assert (page.count, sorted(map(int, ids(page)))) == (300, list(range(300)))
        assert [change.seq for change in await tenant.changes(0, 1000)] == list(range(1, 301))

    async def test_one_large_job(self, tenant: TenantStore) -> None:
        answers = await tenant.mutate([create(make(n, temp=n)) for n in range(3000)])
        assert answers == ["created"] * 3000
        assert (await tenant.find(EntityQuery(types=SENSOR, count=True))).count == 3000

    async def test_writes_are_not_seen_before_the_commit(self, tenant: TenantStore) -> None:
        writing = asyncio.create_task(tenant.mutate([create(make(n)) for n in range(200)]))
        seen = set()
        while not writing.done():
            seen.add((await tenant.find(EntityQuery(types=SENSOR, count=True))).count)
            if await tenant.get("urn:ngsi-ld:Sensor:0") is not None:
                assert await tenant.get("urn:ngsi-ld:Sensor:199") is not None
            await asyncio.sleep(0)
        await writing
        assert seen <= {0, 200}

    async def test_created_again_goes_on(self, tenant: TenantStore) -> None:
        entity = make(1, temp=1)
        await tenant.mutate([create(entity)])
        first = await tenant.get(entity["id"])
        await tenant.mutate([drop(entity["id"])])
        await tenant.mutate([create(make(1, ["Sensor", "Gauge"], level=3))])
        again = await tenant.get(entity["id"])
        assert first is not None
        assert again is not None
        assert (again.ref, again.version > first.version) == (first.ref, True)
        assert ids(await tenant.find(EntityQuery(q=Exists(Path(iri("temp")))))) == []
        assert ids(await tenant.find(EntityQuery(q=Exists(Path(iri("level")))))) == ["1"]
        assert [change.op for change in await tenant.changes(0, 10)] == ["created", "deleted", "created"]

    async def test_get_refs_keeps_the_order(self, tenant: TenantStore) -> None:
        await tenant.mutate([create(make(n)) for n in range(4)])
        refs = [stored.ref for stored in (await tenant.find(EntityQuery(types=SENSOR))).rows]
        await tenant.mutate([drop("urn:ngsi-ld:Sensor:1")])
        found = await tenant.get_refs([refs[3], refs[1], refs[0], 999])
        assert [stored.entity["id"][-1] for stored in found] == ["3", "0"]


class TestFind:
    async def test_pages(self, tenant: TenantStore) -> None:
        await tenant.mutate([create(make(n)) for n in range(45)])
        first = await tenant.find(EntityQuery(types=SENSOR, limit=20, count=True))
        last = await tenant.find(EntityQuery(types=SENSOR, limit=20, offset=40))
        behind = await tenant.find(EntityQuery(types=SENSOR, limit=20, offset=60, count=True))
        only_count = await tenant.find(EntityQuery(types=SENSOR, limit=0, count=True))
        assert (ids(first), first.more, first.count) == ([str(n) for n in range(20)], True, 45)
        assert (ids(last), last.more, last.count) == (["40", "41", "42", "43", "44"], False, None)
        assert (ids(behind), behind.more, behind.count) == ([], False, 45)
        assert (ids(only_count), only_count.count) == ([], 45)

    async def test_pages_shift_with_what_goes_and_comes(self, tenant: TenantStore) -> None:
        async def paged() -> list[str]:
            found: list[str] = []
            for offset in range(0, 12, 3):
                for types in (None, SENSOR):
                    page = await tenant.find(EntityQuery(types=types, limit=3, offset=offset))
                found += ids(page)
            return found

        await tenant.mutate([create(make(n)) for n in range(9)])
        assert await paged() == [str(n) for n in range(9)]
        await tenant.mutate([drop("urn:ngsi-ld:Sensor:1"), create(make(9))])
        assert await paged() == ["0", *(str(n) for n in range(2, 10))]
        await tenant.mutate([create(make(1))])
        assert await paged() == [str(n) for n in range(10)]
        await tenant.mutate([put({**make(4), "type": [iri("Gauge")]})])
        assert await paged() == ["0", "1", "2", "3", *(str(n) for n in range(5, 10))]

    async def test_everything(self, tenant: TenantStore) -> None:
        await tenant.mutate([create(make(1)), create(make(2, "Gauge")), create(make(3)), drop("urn:ngsi-ld:Sensor:3")])
        page = await tenant.find(EntityQuery(count=True))
        assert (ids(page), page.count) == (["1", "2"], 2)

    async def test_types(self, tenant: TenantStore) -> None:
        await tenant.mutate(
            [create(make(1, ["A", "B"])), create(make(2, "B")), create(make(3, "C")), create(make(4, ["A", "C"]))]
        )
        a, b, c = (TypeIs(iri(name)) for name in "ABC")
        for types, expected in (
            (a, ["1", "4"]),
            (TypeOr((a, b)), ["1", "2", "4"]),
            (TypeAnd((a, c)), ["4"]),
            (TypeOr((TypeAnd((a, b)), c)), ["1", "3", "4"]),
            (TypeIs(iri("Nothing")), []),
        ):
            page = await tenant.find(EntityQuery(types=types, count=True))
            assert (ids(page), page.count) == (expected, len(expected))

    async def test_ids_and_pattern(self, tenant: TenantStore) -> None:
        await tenant.mutate([create(make(n)) for n in (1, 2, 10, 11)])
        some = tuple(f"urn:ngsi-ld:Sensor:{n}" for n in (11, 2, 2, 77))
        assert ids(await tenant.find(EntityQuery(ids=some))) == ["2", "11"]
        assert ids(await tenant.find(EntityQuery(ids=some, types=TypeIs(iri("Gauge"))))) == []
        assert ids(await tenant.find(EntityQuery(id_pattern="Sensor:1"))) == ["1", "10", "11"]
        assert ids(await tenant.find(EntityQuery(types=SENSOR, id_pattern="1$"))) == ["1", "11"]

    async def test_attrs(self, tenant: TenantStore) -> None:
        await tenant.mutate([create(make(1, a=1)), create(make(2, b={"x": 1})), create(make(3, c=[])), create(make(4))])
        assert ids(await tenant.find(EntityQuery(attrs=(iri("a"), iri("c"))))) == ["1", "3"]
        assert ids(await tenant.find(EntityQuery(attrs=(iri("b"),)))) == ["2"]
        assert ids(await tenant.find(EntityQuery(attrs=(iri("nowhere"),)))) == []

    async def test_q_on_every_kind_of_value(self, tenant: TenantStore) -> None:
        await tenant.mutate(
            [
                create(make(1, v=5)),
                create(make(2, v=5.0)),
                create(make(3, v="5")),
                create(make(4, v=True)),
                create(make(5, v=[1, 5])),
                create(make(6, v="2026-04-01T09:00:00+09:00")),
                create(make(7, v={"@type": "DateTime", "@value": "2026-04-01T00:00:00Z"})),
                create(make(8, v=link("urn:x:5"))),
                create(make(9, v={"inner": 5})),
                create(make(10, v="長" * 300)),
                create(make(11, v=2**60)),
                create(
                    make(12, v={**prop(None), "type": "LanguageProperty", "languageMap": {"ja": "川", "en": "river"}})
                ),
                create(make(13, w=5)),
            ]
        )
        path = Path(iri("v"))
        for query, expected in (
            (Compare(path, "==", (5,)), ["1", "2", "5"]),
            (Compare(path, "==", ("5",)), ["3"]),
            (Compare(path, "==", (True,)), ["4"]),
            (Compare(path, ">", (5,)), ["11"]),
            (Compare(path, ">=", (2**60,)), ["11"]),
            (Compare(path, "<", (6,)), ["1", "2"]),
            (Compare(path, "==", ("2026-04-01T00:00:00Z",), True), ["6", "7"]),
            (Compare(path, "<", ("2026-04-01T00:00:01Z",), True), ["6", "7"]),
            (Compare(path, "==", ("urn:x:5",)), ["8"]),
            (Compare(Path(iri("v"), (), (iri("inner"),)), "==", (5,)), []),
            (Compare(Path(iri("v"), (), ("inner",)), "==", (5,)), ["9"]),
            (Compare(path, "==", ("長" * 300,)), ["10"]),
            (Compare(path, "==", ("長" * 299,)), []),
            (Compare(path, "==", ("river",)), ["12"]),
            (Compare(Path(iri("v"), (), ("ja",)), "==", ("川",)), ["12"]),
            (Compare(path, "~=", ("^長",)), ["10"]),
            (Compare(path, "~=", ("^5$",)), ["3"]),
            (Exists(Path(iri("w"))), ["13"]),
            (And((Exists(path), Compare(path, "==", (5,)))), ["1", "2", "5"]),
            (Or((Exists(Path(iri("w"))), Compare(path, "==", ("5",)))), ["3", "13"]),
            (Compare(Path("id"), "==", ("urn:ngsi-ld:Sensor:4",)), ["4"]),
        ):
            page = await tenant.find(EntityQuery(q=query, count=True))
            assert (ids(page), page.count) == (expected, len(expected)), query

    async def test_q_follows_updates(self, tenant: TenantStore) -> None:
        await tenant.mutate([create(make(1, v=1)), create(make(2, v=1))])
        await tenant.mutate([patch("urn:ngsi-ld:Sensor:1", v=2), patch("urn:ngsi-ld:Sensor:2", v=None)])
        assert ids(await tenant.find(EntityQuery(q=Compare(Path(iri("v")), "==", (1,))))) == []
        assert ids(await tenant.find(EntityQuery(q=Compare(Path(iri("v")), "==", (2,))))) == ["1"]

    async def test_geo(self, tenant: TenantStore) -> None:
        await tenant.mutate([create(make(n, location=point(134 + n / 100, 34), other=point(0, 0))) for n in range(10)])
        near = GeoQuery("near", "Point", (134.05, 34), LOCATION, max_distance=1000)
        box = (((134.015, 33), (134.035, 33), (134.035, 35), (134.015, 35), (134.015, 33)),)
        assert ids(await tenant.find(EntityQuery(geo=near))) == ["4", "5", "6"]
        assert ids(await tenant.find(EntityQuery(geo=GeoQuery("within", "Polygon", box, LOCATION)))) == ["2", "3"]
        assert ids(await tenant.find(EntityQuery(geo=replace(near, geoproperty=iri("other"))))) == []
        assert (await tenant.find(EntityQuery(geo=replace(near, georel="disjoint", max_distance=None)))).rows != []
        await tenant.mutate([patch("urn:ngsi-ld:Sensor:5", location=point(10, 10)), drop("urn:ngsi-ld:Sensor:6")])
        assert ids(await tenant.find(EntityQuery(geo=near))) == ["4"]

    async def test_more_geometries_than_slots(self, tenant: TenantStore) -> None:
        places = {f"place{n}": point(n, n) for n in range(30)}
        await tenant.mutate([create(make(1, **places)), create(make(2, place29=point(50, 50)))])
        for n in (0, 15, 29):
            query = GeoQuery("near", "Point", (n, n), iri(f"place{n}"), max_distance=10)
            assert ids(await tenant.find(EntityQuery(geo=query))) == ["1"]
        await tenant.mutate([drop("urn:ngsi-ld:Sensor:1")])
        assert ids(await tenant.find(EntityQuery(geo=query))) == []

    async def test_scope(self, tenant: TenantStore) -> None:
        await tenant.mutate(
            [
                create(make(1, scope=["/disaster/river"])),
                create(make(2, scope=["disaster/river/gauge", "/water"])),
                create(make(3, scope=["/disasters"])),
                create(make(4)),
            ]
        )
        for query, expected in (
            (ScopeIs(("disaster", "river")), ["1"]),
            (ScopeIs(("disaster", "river"), below=True), ["1", "2"]),
            (ScopeIs(("disaster",), below=True), ["1", "2"]),
            (ScopeIs(("disaster", "+", "gauge")), ["2"]),
            (ScopeIs((), below=True), ["1", "2", "3"]),
        ):
            assert ids(await tenant.find(EntityQuery(scope=query))) == expected, query

    async def test_order(self, tenant: TenantStore) -> None:
        await tenant.mutate([create(make(n, v=(n * 7) % 10)) for n in range(10)] + [create(make(10))])
        by_value = OrderBy(Path(iri("v")))
        rising = await tenant.find(EntityQuery(types=SENSOR, order=(by_value,), limit=4, count=True))
        falling = await tenant.find(EntityQuery(types=SENSOR, order=(replace(by_value, descending=True),), limit=20))
        assert (ids(rising), rising.more, rising.count) == (["0", "3", "6", "9"], True, 11)
        assert ids(falling) == ["7", "4", "1", "8", "5", "2", "9", "6", "3", "0", "10"]

    async def test_long_scans_answer_like_short_ones(self, tenant: TenantStore) -> None:
        await tenant.mutate([create(make(n, v={"inner": n})) for n in range(1500)])
        query = Compare(Path(iri("v"), (), ("inner",)), ">=", (1490,))
        page = await tenant.find(EntityQuery(types=SENSOR, q=query, limit=5, count=True))
        assert (ids(page), page.more, page.count) == (["1490", "1491", "1492", "1493", "1494"], True, 10)

    async def test_expired_entities_are_invisible_and_swept(self, tenant: TenantStore) -> None:
        gone = make(1, temp=1, expiresAt="2020-01-01T00:00:00Z", location=point(1, 1))
        await tenant.mutate([create(gone), create(make(2, temp=1)), create(make(3, expiresAt="2999-01-01T00:00:00Z"))])
        assert await tenant.get(gone["id"]) is None
        for query in (
            EntityQuery(types=SENSOR, count=True),
            EntityQuery(ids=(gone["id"], "urn:ngsi-ld:Sensor:2", "urn:ngsi-ld:Sensor:3"), count=True),
        ):
            page = await tenant.find(query)
            assert (ids(page), page.count) == (["2", "3"], 2)
        assert ids(await tenant.find(EntityQuery(q=Compare(Path(iri("temp")), "==", (1,))))) == ["2"]
        assert await tenant.clusters(SENSOR, (-180, -90, 180, 90), (1, 1)) == []
        assert await tenant.sweep() == 1
        assert await tenant.sweep() == 0
        last = (await tenant.changes(3, 10))[0]
        assert (last.op, last.id, {change.kind for change in last.changes}) == ("deleted", gone["id"], {"deleted"})
        assert (await tenant.find(EntityQuery(types=SENSOR, count=True))).count == 2

    async def test_expired_entity_can_be_created_anew(self, tenant: TenantStore) -> None:
        await tenant.mutate([create(make(1, temp=1, expiresAt="2020-01-01T00:00:00Z"))])
        assert await tenant.mutate([create(make(1, level=1))]) == ["created"]
        assert ids(await tenant.find(EntityQuery(q=Exists(Path(iri("temp")))))) == []
        assert await tenant.sweep() == 0
        assert ids(await tenant.find(EntityQuery(types=SENSOR))) == ["1"]


class TestLog:
    async def test_changes_carry_what_happened(self, tenant: TenantStore) -> None:
        first, second = make(1, temp=1, name="a"), prop(2)
        await tenant.mutate([create(first)])
        await tenant.mutate([patch(first["id"], temp=second)])
        await tenant.mutate([drop(first["id"])])
        created, updated, deleted = await tenant.changes(0, 10)
        assert [(c.seq, c.op, c.id, c.types) for c in (created, updated, deleted)] == [
            (1, "created", first["id"], (iri("Sensor"),)),
            (2, "updated", first["id"], (iri("Sensor"),)),
            (3, "deleted", first["id"], (iri("Sensor"),)),
        ]
        assert [(c.attribute, c.kind, c.before) for c in created.changes] == [
            (iri("temp"), "created", None),
            (iri("name"), "created", None),
        ]
        (change,) = updated.changes
        assert (change.kind, change.dataset, change.before, change.after) == (
            "updated", None, first["attrs"][iri("temp")][0], second,
        )  # fmt: skip
        assert updated.entity["attrs"][iri("temp")] == [second]
        assert {(c.attribute, c.kind, c.after) for c in deleted.changes} == {
            (iri("temp"), "deleted", None), (iri("name"), "deleted", None),
        }  # fmt: skip
        assert deleted.entity["attrs"][iri("temp")] == [second]

    async def test_limits_and_ends(self, tenant: TenantStore) -> None:
        assert (await tenant.first_seq(), await tenant.last_seq(), await tenant.changes(0, 5)) == (0, 0, [])
        await tenant.mutate([create(make(n)) for n in range(5)])
        assert (await tenant.first_seq(), await tenant.last_seq()) == (1, 5)
        assert [change.seq for change in await tenant.changes(1, 2)] == [2, 3]
        assert await tenant.changes(5, 2) == []

    async def test_far_behind(self, tenant: TenantStore) -> None:
        await tenant.mutate([create(make(1, v=0, name="a"))])
        for n in range(1, 1200):
            await tenant.mutate([patch("urn:ngsi-ld:Sensor:1", v=n)])
        changes = await tenant.changes(9, 3)
        assert [change.seq for change in changes] == [10, 11, 12]
        before, after = changes[0].changes[0].before, changes[0].changes[0].after
        assert before is not None
        assert after is not None
        assert (before["value"], after["value"]) == (8, 9)
        assert changes[0].entity["attrs"][iri("v")][0]["value"] == 9
        assert changes[0].entity["attrs"][iri("name")][0]["value"] == "a"

    async def test_listeners_hear_each_commit_once_and_in_order(self, tenant: TenantStore) -> None:
        heard: list[int] = []

        def broken(changes: object) -> None:
            raise RuntimeError("a fault in a listener")

        tenant.listen(broken)
        end = tenant.listen(lambda changes: heard.extend(change.seq for change in changes))
        await asyncio.gather(*(tenant.mutate([create(make(n))]) for n in range(50)))
        assert heard == list(range(1, 51))
        end()
        end()
        await tenant.mutate([create(make(99))])
        assert len(heard) == 50

    async def test_listener_reads_what_it_hears(self, tenant: TenantStore) -> None:
        seen = []
        tenant.listen(lambda changes: seen.append(asyncio.ensure_future(tenant.get(changes[0].id))))
        await tenant.mutate([create(make(1))])
        assert await seen[0] is not None

    async def test_cursors(self, tenant: TenantStore) -> None:
        assert await tenant.cursor("reader") == 0
        await tenant.keep_cursor("reader", 5)
        assert await tenant.cursor("reader") == 5
        await tenant.mutate([create(make(1))])
        await tenant.keep_cursor("reader", 7)
        assert await tenant.cursor("reader") == 7
        assert await tenant.cursor("another") == 0


class TestHistory:
    async def test_every_change_is_an_instance(self, tenant: TenantStore) -> None:
        def at(minute: int) -> str:
            return f"2026-04-01T00:0{minute}:00.000Z"

        id = "urn:ngsi-ld:Sensor:1"
        await tenant.mutate([create(make(1, temp=prop(0, observedAt=at(0))))])
        for minute in range(1, 6):
            await tenant.mutate([patch(id, temp=prop(minute, observedAt=at(minute)))])
        chosen = EntityQuery(ids=(id,), count=True)
        everything, count, more = await tenant.evolutions(HistoryQuery(chosen, TemporalQuery(None, None, None)))
        assert (count, more) == (1, False)
        assert [one["value"] for one in everything[0].instances[iri("temp")]] == [0, 1, 2, 3, 4, 5]
        assert everything[0].entity["attrs"][iri("temp")][0]["value"] == 5
        minute_2, minute_4 = 1775001720000000, 1775001840000000
        for time, expected in (
            (TemporalQuery("before", minute_2, None), [0, 1]),
            (TemporalQuery("after", minute_2, None), [2, 3, 4, 5]),
            (TemporalQuery("between", minute_2, minute_4), [2, 3]),
        ):
            found, _, _ = await tenant.evolutions(HistoryQuery(chosen, time))
            assert [one["value"] for one in found[0].instances[iri("temp")]] == expected
        found, _, _ = await tenant.evolutions(HistoryQuery(chosen, TemporalQuery(None, None, None), last_n=2))
        assert [one["value"] for one in found[0].instances[iri("temp")]] == [4, 5]
        nothing = await tenant.evolutions(HistoryQuery(chosen, TemporalQuery("before", 0, None)))
        assert nothing == ([], 0, False)

    async def test_limit_tells_the_span_covered(self, tenant: TenantStore) -> None:
        id = "urn:ngsi-ld:Sensor:1"
        await tenant.mutate([create(make(1))])
        for n in range(10):
            stamp = f"2026-04-01T00:00:0{n}Z"
            await tenant.mutate([patch(id, a=prop(n, observedAt=stamp), b=prop(n, observedAt=stamp))])
        query = HistoryQuery(EntityQuery(ids=(id,)), TemporalQuery(None, None, None), limit=6)
        (oldest,), _, _ = await tenant.evolutions(query)
        (newest,), _, _ = await tenant.evolutions(replace(query, last_n=5))
        assert [one["value"] for one in oldest.instances[iri("a")]] == [0, 1, 2]
        assert [one["value"] for one in newest.instances[iri("b")]] == [7, 8, 9]
        assert oldest.truncated == (1775001600000000, 1775001602000000)
        assert newest.truncated == (1775001607000000, 1775001609000000)

    async def test_deletions_stay_readable(self, tenant: TenantStore) -> None:
        await tenant.mutate([create(make(1, temp=1, name="a")), create(make(2, temp=1))])
        await tenant.mutate([patch("urn:ngsi-ld:Sensor:1", name=None)])
        await tenant.mutate([drop("urn:ngsi-ld:Sensor:1")])
        found, count, _ = await tenant.evolutions(HistoryQuery(EntityQuery(types=SENSOR, count=True), ALL_TIME))
        assert [one.entity["id"][-1] for one in found] == ["1", "2"]
        assert count == 2
        first, last = found[0].instances[iri("temp")]
        assert first["value"] == 1
        assert "value" not in last
        assert last["deletedAt"].endswith("Z")
        deleted = TemporalQuery("after", 0, None, "deletedAt")
        found, _, _ = await tenant.evolutions(HistoryQuery(EntityQuery(types=SENSOR), deleted))
        assert [one.entity["id"][-1] for one in found] == ["1"]
        assert {len(some) for some in found[0].instances.values()} == {1}

    async def test_conditions_hold_for_the_instances_of_the_time(self, tenant: TenantStore) -> None:
        for number, values in ((1, (1, 9)), (2, (1, 2))):
            await tenant.mutate([create(make(number, name="a"))])
            for value in values:
                stamp = f"2026-04-01T00:00:0{value}Z"
                await tenant.mutate([patch(f"urn:ngsi-ld:Sensor:{number}", temp=prop(value, observedAt=stamp))])
            await tenant.mutate([patch(f"urn:ngsi-ld:Sensor:{number}", temp=None)])
        chosen = EntityQuery(types=SENSOR, q=Compare(Path(iri("temp")), ">", (5,)))
        window = TemporalQuery("after", 1775001600000000, None)
        found, _, _ = await tenant.evolutions(HistoryQuery(chosen, window))
        assert [one.entity["id"][-1] for one in found] == ["1"]
        early = TemporalQuery("before", 1775001605000000, None)
        assert (await tenant.evolutions(HistoryQuery(chosen, early)))[0] == []

    async def test_attributes_and_pages(self, tenant: TenantStore) -> None:
        await tenant.mutate([create(make(n, a=n, b=n)) for n in range(5)] + [create(make(5, b=1))])
        query = HistoryQuery(EntityQuery(types=SENSOR, limit=2, count=True), ALL_TIME, attrs=(iri("a"),))
        found, count, more = await tenant.evolutions(query)
        assert [set(one.instances) for one in found] == [{iri("a")}, {iri("a")}]
        assert (count, more) == (5, True)
        found, _, more = await tenant.evolutions(replace(query, entity=replace(query.entity, offset=4)))
        assert ([one.entity["id"][-1] for one in found], more) == (["4"], False)

    async def test_trim(self, tenant: TenantStore) -> None:
        id = "urn:ngsi-ld:Sensor:1"
        await tenant.mutate([create(make(1, temp=prop(0, observedAt="2026-04-01T00:00:00Z")))])
        for n in range(1, 4):
            await tenant.mutate([patch(id, temp=prop(n, observedAt=f"2026-04-01T00:00:0{n}Z"))])
        await tenant.keep_cursor("slow", 2)
        await tenant.trim(1775001602000000, 4_000_000_000_000_000)
        found, _, _ = await tenant.evolutions(HistoryQuery(EntityQuery(ids=(id,)), TemporalQuery(None, None, None)))
        assert [one["value"] for one in found[0].instances[iri("temp")]] == [2, 3]
        assert (await tenant.first_seq(), await tenant.last_seq()) == (3, 4)
        await tenant.keep_cursor("slow", 4)
        await tenant.trim(4_000_000_000_000_000, 4_000_000_000_000_000)
        assert (await tenant.first_seq(), await tenant.last_seq()) == (4, 4)
        found, _, _ = await tenant.evolutions(HistoryQuery(EntityQuery(ids=(id,)), TemporalQuery(None, None, None)))
        assert [one["value"] for one in found[0].instances[iri("temp")]] == [3]
        await tenant.mutate([create(make(2))])
        assert await tenant.last_seq() == 5


class TestDiscovery:
    async def test_uses(self, tenant: TenantStore) -> None:
        await tenant.mutate(
            [
                create(make(1, a=1)),
                create(make(2, ["Sensor", "Gauge"], a=link("urn:x:1"), b=2)),
                create(make(3, "Gone", c=1)),
            ]
        )
        await tenant.mutate([patch("urn:ngsi-ld:Sensor:1", d=1), patch("urn:ngsi-ld:Sensor:1", a=None)])
        await tenant.mutate([drop("urn:ngsi-ld:Gone:3")])
        types = {use.type: (use.count, set(use.attributes)) for use in await tenant.type_uses()}
        attrs = {use.attribute: (use.count, set(use.types), set(use.kinds)) for use in await tenant.attribute_uses()}
        sensor, gauge = iri("Sensor"), iri("Gauge")
        assert types == {sensor: (2, {iri("a"), iri("b"), iri("d")}), gauge: (1, {iri("a"), iri("b")})}
        assert attrs == {
            iri("a"): (1, {sensor, gauge}, {"Relationship"}),
            iri("b"): (1, {sensor, gauge}, {"Property"}),
            iri("d"): (1, {sensor}, {"Property"}),
        }

    async def test_clusters(self, tenant: TenantStore) -> None:
        await tenant.mutate([create(make(n, location=point(10.1 + n / 100, 20.5))) for n in range(3)])
        await tenant.mutate(
            [create(make(9, location=point(12.5, 20.5))), create(make(1, "Gauge", location=point(10.5, 20.5)))]
        )
        found = await tenant.clusters(SENSOR, (10, 20, 13, 21), (1, 1))
        assert [(round(one.lon, 4), round(one.lat, 4), one.count) for one in found] == [
            (10.11, 20.5, 3),
            (12.5, 20.5, 1),
        ]
        (single,) = await tenant.get_refs([found[1].ref])
        assert single.entity["id"] == "urn:ngsi-ld:Sensor:9"
        both = TypeOr((SENSOR, TypeIs(iri("Gauge"))))
        assert sorted(one.count for one in await tenant.clusters(both, (10, 20, 13, 21), (1, 1))) == [1, 4]
        await tenant.mutate([patch("urn:ngsi-ld:Sensor:9", location=point(50, 50))])
        assert [one.count for one in await tenant.clusters(SENSOR, (10, 20, 13, 21), (1, 1))] == [3]


class TestRecords:
    async def test_records(self, tenant: TenantStore) -> None:
        await tenant.keep_record("subscription", "b", {"n": 1})
        await tenant.keep_record("subscription", "a", {"n": 2})
        await tenant.keep_record("context", "a", {"n": 3})
        await tenant.keep_record("subscription", "b", {"n": 4})
        assert await tenant.records("subscription") == [("b", {"n": 4}), ("a", {"n": 2})]
        assert await tenant.record("context", "a") == {"n": 3}
        await tenant.keep_record("subscription", "b", None)
        assert await tenant.record("subscription", "b") is None
        assert await tenant.records("subscription") == [("a", {"n": 2})]


class TestTenants:
    async def test_tenants_are_apart(self, store: Store) -> None:
        assert await store.tenants() == [""]
        with pytest.raises(NonexistentTenant):
            await store.tenant("高松市")
        town = await store.tenant("高松市", create=True)
        assert town.name == "高松市"
        await town.mutate([create(make(1))])
        assert await store.tenants() == ["", "高松市"]
        assert await (await store.tenant("")).get("urn:ngsi-ld:Sensor:1") is None
        assert await (await store.tenant("高松市")).get("urn:ngsi-ld:Sensor:1") is not None
        await store.drop_tenant("高松市")
        assert await store.tenants() == [""]
        with pytest.raises(NonexistentTenant):
            await store.tenant("高松市")
        with pytest.raises(NonexistentTenant):
            await store.drop_tenant("高松市")
        again = await store.tenant("高松市", create=True)
        assert await again.get("urn:ngsi-ld:Sensor:1") is None

    async def test_check(self, store: Store) -> None:
        await store.check()


async def test_several_instances_of_an_attribute(tenant: TenantStore) -> None:
    several = [prop(1), prop(2, datasetId="urn:x:a"), prop(3, datasetId="urn:x:b")]
    await tenant.mutate([put(make(1, v=several))])
    # the first one is written again, the same
    await tenant.mutate([put(make(1, v=[prop(1), prop(7, datasetId="urn:x:a")]))])
    assert instances(several) is several
    for value, expected in ((1, ["1"]), (2, []), (3, []), (7, ["1"])):
        assert ids(await tenant.find(EntityQuery(q=Compare(Path(iri("v")), "==", (value,))))) == expected
    (found,), _, _ = await tenant.evolutions(HistoryQuery(EntityQuery(types=SENSOR), ALL_TIME))
    assert sorted(one.get("value", 0) for one in found.instances[iri("v")]) == [0, 1, 1, 2, 3, 7]
