"""Random writes and queries: every answer must be that of the query's own matchers over a plain dictionary."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from pathlib import Path as FilePath
from typing import Any

import pytest
from contract_town import ADAPTERS, AT, create, drop, iri, link, make, patch, point, prop, put
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from hiroba.kernel.model.entity import LOCATION, Entity
from hiroba.kernel.query.geo import geo_matcher
from hiroba.kernel.query.matching import matcher
from hiroba.kernel.query.order import sort_key
from hiroba.kernel.query.selection import scope_matcher, types_matcher
from hiroba.kernel.query.tree import (
    And,
    Compare,
    Exists,
    GeoQuery,
    Or,
    OrderBy,
    Path,
    Range,
    ScopeAnd,
    ScopeIs,
    ScopeOr,
    TemporalQuery,
    TypeAnd,
    TypeIs,
    TypeOr,
)
from hiroba.kernel.store.port import SCOPE, EntityQuery, HistoryQuery, Mutation, TenantStore
from hiroba.kernel.store.postgres import find as postgres_find
from hiroba.kernel.store.sqlite import find

NAMES = ("a", "b", "c")
TYPES = ("Sensor", "Gauge", "Site")
MOMENTS = (
    "2026-04-01",
    "2026-04-01T00:00:00Z",
    "2026-04-01T09:00:00+09:00",
    "2026-04-01T00:00:00.5Z",
    "12:00:00Z",
    "2026-13-01",
)
TEXTS = ("", "a", "ab", "川", "春日川", "a'b", "10", "𠮷", "x" * 250, "x" * 251, *MOMENTS[:4])
numbers = st.one_of(
    st.integers(-3, 3),
    st.sampled_from([0.5, -0.0, 2.0, 1e300, 2**53 + 1, 2**63 - 1, -(2**63), 2**64 - 1, 12345678901234567]),
)
scalars = st.one_of(numbers, st.sampled_from(TEXTS), st.booleans())
values = st.one_of(
    scalars,
    st.none(),
    st.lists(scalars, max_size=3),
    st.builds(lambda v: {"@type": "DateTime", "@value": v}, st.sampled_from(MOMENTS)),
    st.builds(lambda v: {iri("inner"): v}, scalars),
    st.builds(lambda v: {iri("inner"): {iri("deep"): v}}, scalars),
    st.builds(lambda v: [v, {iri("inner"): v}], scalars),
    st.just([]),
    st.just({}),
)


def typed(kind: str, **members: Any) -> dict[str, Any]:
    """Return an instance of a kind."""
    return {"type": kind, "createdAt": AT, "modifiedAt": AT, **members}


texts = st.sampled_from(TEXTS)
instance = st.one_of(
    st.builds(prop, values),
    st.builds(prop, scalars),
    st.builds(lambda v, s: prop(v, attrs={iri("sub"): [{"type": "Property", "value": s}]}), values, scalars),
    st.builds(lambda v, m: prop(v, observedAt=m), values, st.sampled_from(MOMENTS[1:4])),
    st.builds(link, st.one_of(texts, st.lists(texts, min_size=1, max_size=2))),
    st.builds(
        lambda w: typed("LanguageProperty", languageMap=w),
        st.dictionaries(st.sampled_from(["ja", "en"]), st.one_of(texts, st.lists(texts, max_size=2)), max_size=2),
    ),
    st.builds(lambda v: typed("VocabProperty", vocab=v), st.one_of(texts, st.lists(texts, min_size=1, max_size=2))),
    st.builds(lambda v: typed("JsonProperty", json=v), values),
    st.builds(lambda v: typed("ListProperty", valueList=v), st.lists(scalars, max_size=2)),
    st.builds(
        lambda v: typed("ListRelationship", objectList=[{"object": one} for one in v]), st.lists(texts, max_size=2)
    ),
)
degrees = st.sampled_from([-180.0, -179.9999, -1, 0, 0.00001, 0.5, 1, 179.9999])
places = st.one_of(
    st.builds(point, degrees, st.sampled_from([-89.9, 0, 0.5, 1])),
    st.builds(
        lambda w, s: typed("GeoProperty", value={"type": "LineString", "coordinates": [[w, s], [w + 0.5, s + 0.5]]}),
        st.integers(-1, 1),
        st.integers(-1, 1),
    ),
)


def entities(number: int) -> st.SearchStrategy[Entity]:
    """Return entities of one id; its first type gives the id, so that it is always the same one."""
    several = st.lists(instance, min_size=1, max_size=2).map(
        lambda ones: [ones[0], *({**one, "datasetId": f"urn:x:{place}"} for place, one in enumerate(ones[1:]))]
    )
    return st.builds(
        lambda attrs, place, more, scope: make(
            number,
            [TYPES[number % 2], *more],
            **attrs,
            **({"location": place} if place else {}),
            **({"scope": scope} if scope else {}),
        ),
        st.dictionaries(st.sampled_from(NAMES), several, max_size=3),
        st.one_of(st.none(), places),
        st.sampled_from([(), ("Site",)]),
        st.sampled_from([None, ["/x"], ["/x/y"], ["x/y/z", "/w"]]),
    )


def id_of(number: int) -> str:
    return f"urn:ngsi-ld:{TYPES[number % 2]}:{number}"


numbering = st.integers(0, 7)
mutation: st.SearchStrategy[tuple[Mutation, str]] = st.one_of(
    numbering.flatmap(entities).map(lambda one: (create(one), "create")),
    numbering.flatmap(entities).map(lambda one: (put(one), "put")),
    st.builds(
        lambda n, name, one: (patch(id_of(n), **{name: one}), "patch"),
        numbering,
        st.sampled_from(NAMES),
        st.one_of(st.none(), instance),
    ),
    numbering.map(lambda n: (drop(id_of(n)), "drop")),
)

paths = st.one_of(
    st.sampled_from(NAMES).map(lambda name: Path(iri(name))),
    st.sampled_from(NAMES).map(lambda name: Path(iri(name), (iri("sub"),))),
    st.sampled_from(NAMES).map(lambda name: Path(iri(name), ("observedAt",))),
    st.sampled_from(NAMES).map(lambda name: Path(iri(name), (), (iri("inner"),), ("inner",))),
    st.sampled_from(NAMES).map(lambda name: Path(iri(name), (), (iri("ja"),), ("ja",))),
    st.sampled_from(NAMES).map(lambda name: Path(iri(name), (), (iri("inner"), iri("deep")), ("inner", "deep"))),
    st.sampled_from(["id", "type", "createdAt"]).map(Path),
    st.just(Path(iri("nowhere"))),
)
ranges = st.one_of(
    st.tuples(numbers, numbers).map(lambda pair: Range(*sorted(pair))),
    st.tuples(texts, texts).map(lambda pair: Range(*sorted(pair))),
)
terms = st.one_of(
    st.builds(Exists, paths),
    st.builds(
        lambda path, op, some: Compare(path, op, tuple(some)),
        paths,
        st.sampled_from(["==", "!="]),
        st.lists(st.one_of(scalars, ranges), min_size=1, max_size=3),
    ),
    st.builds(lambda path, op, one: Compare(path, op, (one,)), paths, st.sampled_from(["<", "<=", ">", ">="]), scalars),
    st.builds(
        lambda path, op, one: Compare(path, op, (one,), True),
        paths,
        st.sampled_from(["==", "!=", "<", "<=", ">", ">="]),
        st.sampled_from(MOMENTS[:5]),
    ),
    st.builds(
        lambda path, op, one: Compare(path, op, (one,)),
        paths,
        st.sampled_from(["~=", "!~="]),
        st.sampled_from(["^a", "川$", ".*", "x{200}"]),
    ),
)
conditions = st.recursive(
    terms,
    lambda inner: st.lists(inner, min_size=2, max_size=3).flatmap(
        lambda parts: st.sampled_from([And(tuple(parts)), Or(tuple(parts))])
    ),
    max_leaves=4,
)
types = st.one_of(
    st.sampled_from([*TYPES, "Nothing"]).map(lambda name: TypeIs(iri(name))),
    st.sampled_from([TypeOr, TypeAnd]).map(lambda kind: kind((TypeIs(iri("Site")), TypeIs(iri("Gauge"))))),
)
scopes = st.sampled_from(
    [
        ScopeIs(("x",)),
        ScopeIs(("x",), True),
        ScopeIs(("+", "y")),
        ScopeIs(("x", "+", "z")),
        ScopeIs((), True),
        ScopeOr((ScopeIs(("w",)), ScopeIs(("x", "y")))),
        ScopeAnd((ScopeIs(("w",)), ScopeIs(("x",), True))),
    ]
)
BOX = (((-0.6, -0.6), (0.6, -0.6), (0.6, 0.6), (-0.6, 0.6), (-0.6, -0.6)),)
geos = st.one_of(
    st.builds(
        lambda lon, lat, metres: GeoQuery("near", "Point", (lon, lat), LOCATION, max_distance=metres),
        degrees,
        st.sampled_from([-89.9, 0, 1]),
        st.sampled_from([1.0, 100.0, 100_000.0, 30_000_000.0]),
    ),
    st.just(GeoQuery("near", "Point", (0, 0), LOCATION, min_distance=100_000.0)),
    st.sampled_from(["within", "contains", "overlaps", "intersects", "equals", "disjoint"]).map(
        lambda georel: GeoQuery(georel, "Polygon", BOX, LOCATION)
    ),
)
queries = st.builds(
    EntityQuery,
    ids=st.one_of(st.none(), st.none(), st.lists(numbering.map(id_of), max_size=3).map(tuple)),
    id_pattern=st.sampled_from([None, None, "[1-3]$", "^urn:ngsi-ld:Gauge"]),
    types=st.one_of(st.none(), types),
    attrs=st.one_of(
        st.none(), st.none(), st.lists(st.sampled_from([*NAMES, "nowhere"]).map(iri), min_size=1, max_size=2).map(tuple)
    ),
    q=st.one_of(st.none(), conditions, conditions),
    scope=st.one_of(st.none(), st.none(), scopes),
    geo=st.one_of(st.none(), st.none(), geos),
    order=st.one_of(st.just(()), st.builds(lambda path, down: (OrderBy(path, down),), paths, st.booleans())),
    limit=st.integers(0, 5),
    offset=st.integers(0, 3),
    count=st.booleans(),
)


focused = st.one_of(
    *[st.builds(lambda q: EntityQuery(q=q, limit=9, count=True), terms)] * 4,
    st.builds(lambda q: EntityQuery(q=q, limit=9, count=True), conditions),
    st.builds(lambda geo: EntityQuery(geo=geo, limit=9, count=True), geos),
    st.builds(lambda scope: EntityQuery(scope=scope, limit=9, count=True), scopes),
    queries,
)


class Plain:
    """Do what a tenant should do, over a dictionary."""

    def __init__(self) -> None:
        self.entities: dict[str, Entity] = {}
        self.order: list[str] = []
        self.changes = 0
        self.scopes: dict[str, list[Any]] = {}

    def apply(self, mutation: Mutation) -> None:
        """Carry out one mutation, or nothing when it refuses."""
        try:
            verdict = mutation.decide(self.entities.get(mutation.id))
        except Exception:  # noqa: BLE001  # any refusal
            return
        self.changes += 1
        was = self.entities.get(mutation.id, {}).get("scope") or None
        scope = (verdict.entity or {}).get("scope") or None
        if scope != was:
            self.scopes.setdefault(mutation.id, []).append(scope)
        if mutation.id not in self.order:
            self.order.append(mutation.id)
        if verdict.entity is None:
            del self.entities[mutation.id]
        else:
            self.entities[mutation.id] = verdict.entity

    def find(self, query: EntityQuery) -> list[str]:
        """Return the ids of all entities that a query chooses."""
        tests = [types_matcher(query.types)]
        if query.q is not None:
            tests.append(matcher(query.q))
        if query.scope is not None:
            tests.append(scope_matcher(query.scope))
        if query.geo is not None:
            tests.append(geo_matcher(query.geo))
        if query.attrs is not None:
            tests.append(lambda entity: any(name in entity["attrs"] for name in query.attrs or ()))
        if query.ids is not None:
            tests.append(lambda entity: entity["id"] in (query.ids or ()))
        elif query.id_pattern is not None:
            tests.append(lambda entity: id_matches(query.id_pattern or "", entity["id"]))
        chosen = [self.entities[id] for id in self.order if id in self.entities]
        chosen = [entity for entity in chosen if all(test(entity) for test in tests)]
        if query.order:
            chosen.sort(key=sort_key(query.order))
        return [entity["id"] for entity in chosen]


def id_matches(pattern: str, id: str) -> bool:
    return id[-1] in "123" if pattern.startswith("[") else id.startswith("urn:ngsi-ld:Gauge")


async def compare(tenant: TenantStore, plain: Plain, asked: list[EntityQuery]) -> None:
    """Assert that both answer alike."""
    for query in asked:
        expected = plain.find(query)
        page = await tenant.find(query)
        end = query.offset + query.limit

        assert [stored.entity["id"] for stored in page.rows] == expected[query.offset : end], query
        assert page.more is (len(expected) > end), query
        assert page.count == (len(expected) if query.count else None), query
        assert all(stored.entity == plain.entities[stored.entity["id"]] for stored in page.rows)
    uses = Counter(type_ for entity in plain.entities.values() for type_ in dict.fromkeys(entity["type"]))
    assert {use.type: use.count for use in await tenant.type_uses()} == uses
    held = Counter(name for entity in plain.entities.values() for name in entity["attrs"])
    assert {use.attribute: use.count for use in await tenant.attribute_uses()} == held
    kinds = {(name, one["type"]) for e in plain.entities.values() for name, ones in e["attrs"].items() for one in ones}
    assert {(use.attribute, kind) for use in await tenant.attribute_uses() for kind in use.kinds} == kinds


async def check_logs(tenant: TenantStore, plain: Plain) -> None:
    """Assert that change log and history agree with the state."""
    log = await tenant.changes(0, 1000)
    assert [change.seq for change in log] == list(range(1, plain.changes + 1))
    replayed: dict[str, dict[tuple[str, str | None], Any]] = {}
    recorded: Counter[str] = Counter()
    for change in log:
        held = replayed.setdefault(change.id, {})
        if change.op == "created":
            held.clear()
        recorded[change.id] += len(change.changes)
        for one in change.changes:
            held.pop((one.attribute, one.dataset), None)
            if one.after is not None:
                held[one.attribute, one.dataset] = one.after
    for id, held in replayed.items():
        state = plain.entities.get(id, {"attrs": {}})
        assert held == {(n, one.get("datasetId")): one for n, ones in state["attrs"].items() for one in ones}
    found, _, _ = await tenant.evolutions(
        HistoryQuery(EntityQuery(limit=100), TemporalQuery(None, None, None, "modifiedAt"), limit=10_000)
    )
    scopes = {one.entity["id"]: [part.get("value") for part in one.instances.pop(SCOPE, [])] for one in found}
    assert {id: told for id, told in scopes.items() if told} == plain.scopes
    assert {one.entity["id"]: sum(map(len, one.instances.values())) for one in found if one.instances} == {
        id: n for id, n in recorded.items() if n
    }


async def run(adapter: str, place: FilePath, steps: list[list[Mutation]], asked: list[EntityQuery]) -> None:
    store = ADAPTERS[adapter](place)
    await store.open()
    try:
        tenant, plain = await store.tenant(""), Plain()
        for step in steps:
            for mutation in step:
                plain.apply(mutation)
            await tenant.mutate(step)
            await compare(tenant, plain, asked)
        await check_logs(tenant, plain)
        if adapter != "sqlite-memory":
            await store.close()
            store = ADAPTERS[adapter](place)
            await store.open()
            tenant = await store.tenant("")
            await compare(tenant, plain, asked)
            await check_logs(tenant, plain)
    finally:
        await store.close()


@pytest.mark.parametrize("narrow", [False, True], ids=["by-index", "by-scan"])
@pytest.mark.parametrize("adapter", sorted(ADAPTERS))
def test_answers_are_those_of_the_matchers(adapter: str, narrow: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if narrow:  # makes small data take the roads of large data: scans, and threads
        monkeypatch.setattr(find, "SELECTIVE", 2)
        monkeypatch.setattr(find, "IN_LOOP", 2)
        for name in ("SELECTIVE", "PROBE", "FIRST_CHUNK", "CHUNK"):
            monkeypatch.setattr(postgres_find, name, 2)

    @settings(
        max_examples=40,
        deadline=None,
        phases=[Phase.generate],  # shrinking takes minutes; the query that failed says enough
        suppress_health_check=list(HealthCheck),
    )
    @given(
        st.lists(st.lists(mutation.map(lambda pair: pair[0]), min_size=1, max_size=8), min_size=1, max_size=3),
        st.lists(focused, min_size=25, max_size=30),
    )
    def check(steps: list[list[Mutation]], asked: list[EntityQuery]) -> None:
        with tempfile.TemporaryDirectory() as place:
            asyncio.run(run(adapter, FilePath(place), steps, asked))

    check()
