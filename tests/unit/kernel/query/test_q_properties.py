"""q trees: rendered and read back, evaluated against a naive oracle, and fuzzed (GS CIM 009, 4.9)."""

from __future__ import annotations

from contextlib import suppress
from datetime import date, datetime, time
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hiroba.kernel.model.errors import HirobaError
from hiroba.kernel.query.geo import geo_matcher, parse_geo
from hiroba.kernel.query.matching import matcher
from hiroba.kernel.query.order import parse_order, sort_key
from hiroba.kernel.query.q import parse_q
from hiroba.kernel.query.render import render_q
from hiroba.kernel.query.selection import parse_scope, parse_types, scope_matcher, types_matcher
from hiroba.kernel.query.temporal import parse_temporal
from hiroba.kernel.query.tree import (
    ENTITY_MEMBERS,
    INSTANCE_MEMBERS,
    And,
    Compare,
    Exists,
    Or,
    Path,
    Query,
    Range,
)

RESERVED = ENTITY_MEMBERS | INSTANCE_MEMBERS


def same(name: str) -> str:
    return name


def nested(terms: st.SearchStrategy[Any], leaves: int) -> st.SearchStrategy[Any]:
    """Trees as the parser makes them: no And directly in an And, no Or in an Or, at least two parts."""

    def wrap(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        conjunction = st.lists(inner.filter(lambda t: not isinstance(t, And)), min_size=2, max_size=3)
        alternative = st.lists(inner.filter(lambda t: not isinstance(t, Or)), min_size=2, max_size=3)
        return conjunction.map(lambda p: And(tuple(p))) | alternative.map(lambda p: Or(tuple(p)))

    return st.recursive(terms, wrap, max_leaves=leaves)


# --- reading back what was rendered ---

words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
names = (st.sampled_from(["温度", "名称（ふりがな）", "a-b", "ex:x", "5", "a.b", "%41"]) | words).filter(
    lambda name: name not in RESERVED
)
keys = names.filter(lambda key: key != "*")
paths = st.builds(
    Path,
    names | st.sampled_from(["id", "createdAt"]),
    st.lists(names, max_size=2).map(tuple),
    st.lists(keys, max_size=2).map(tuple),
)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
numbers = st.integers(-(2**63) + 1, 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
dates = st.dates().map(date.isoformat) | st.datetimes().map(lambda at: datetime.isoformat(at) + "Z")
times = st.times().map(lambda at: time.isoformat(at) + "Z")
moments = dates | times


def ranged(bounds: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return bounds | st.builds(Range, bounds, bounds)


def listed(values: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(values, min_size=1, max_size=3).map(tuple)


comparisons = (
    st.builds(Exists, paths)
    | st.builds(Compare, paths, st.sampled_from(["==", "!="]), listed(ranged(texts) | ranged(numbers) | st.booleans()))
    | st.builds(Compare, paths, st.sampled_from(["==", "!="]), listed(ranged(dates) | ranged(times)), st.just(True))
    | st.builds(Compare, paths, st.sampled_from(["<", "<=", ">", ">="]), (texts | numbers).map(lambda v: (v,)))
    | st.builds(Compare, paths, st.sampled_from(["<", ">="]), moments.map(lambda v: (v,)), st.just(True))
    | st.builds(
        Compare,
        paths,
        st.sampled_from(["~=", "!~="]),
        st.sampled_from([r"^\d+\b", 'a"b|c', r"\\", "[;)|]", "避難.*所", "(x)"]).map(lambda v: (v,)),
    )
)


@settings(deadline=None)
@given(nested(comparisons, 12))
def test_a_rendered_tree_reads_back_as_itself(tree: Query) -> None:
    assert parse_q(render_q(tree), same) == tree


# --- evaluation against an oracle ---

INSTANTS = {
    "2026-01-01": 0,
    "2026-01-01T00:00:00Z": 0,
    "2026-01-01T09:00:00.000+09:00": 0,
    "2026-01-01T00:00:00.5Z": 1,
    "2026-01-02": 2,
}
small_texts = st.sampled_from(["", "a", "b", "避難所", "urn:x:1", "urn:x:2", *INSTANTS])
scalars = small_texts | st.integers(-2, 2) | st.sampled_from([0.5, 1.0]) | st.booleans() | st.none()
typed = st.sampled_from(list(INSTANTS)).map(lambda text: {"@type": "DateTime", "@value": text})
items = scalars | typed
values = items | st.lists(items, max_size=2) | st.fixed_dictionaries({}, optional={"k": items, "l": st.just({"k": 1})})
uris = st.sampled_from(["urn:x:1", "urn:x:2"])


def instances(depth: int) -> st.SearchStrategy[dict[str, Any]]:
    extra: dict[str, Any] = {"observedAt": st.sampled_from(list(INSTANTS)), "unitCode": small_texts}
    if depth:
        extra["attrs"] = attributes(depth - 1)
    members = {
        "Property": {"value": values},
        "JsonProperty": {"json": values},
        "ListProperty": {"valueList": st.lists(items, max_size=2)},
        "Relationship": {"object": uris | st.lists(uris, max_size=2)},
        "ListRelationship": {"objectList": st.lists(uris.map(lambda uri: {"object": uri}), max_size=2)},
        "VocabProperty": {"vocab": small_texts | st.lists(small_texts, max_size=2)},
        "LanguageProperty": {
            "languageMap": st.dictionaries(
                st.sampled_from(["ja", "en"]), small_texts | st.lists(small_texts, max_size=2)
            )
        },
    }
    return st.one_of(
        [st.fixed_dictionaries({"type": st.just(kind), **own}, optional=extra) for kind, own in members.items()]
    )


def attributes(depth: int) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from("ab"), st.lists(instances(depth), min_size=1, max_size=2), max_size=2)


entities = st.fixed_dictionaries(
    {"id": uris, "type": st.lists(small_texts, min_size=1, max_size=2), "attrs": attributes(1)},
    optional={
        "scope": st.lists(small_texts, min_size=1, max_size=2),
        "createdAt": st.sampled_from(list(INSTANTS)),
    },
)
small_paths = st.builds(
    Path,
    st.sampled_from(["a", "b", "a", "b", "id", "type", "scope", "createdAt"]),
    st.lists(st.sampled_from(["a", "b", "observedAt", "unitCode", "value"]), max_size=2)
    .map(tuple)
    .filter(lambda sub: len(sub) < 2 or sub[0] in "ab"),
    st.lists(st.sampled_from(["k", "l", "ja", "JA", "*"]), max_size=2).map(tuple),
)
constants = small_texts | st.integers(-2, 2) | st.sampled_from([0.5, 1.0])
small_moments = st.sampled_from(list(INSTANTS))
small_terms = (
    st.builds(Exists, small_paths)
    | st.builds(Compare, small_paths, st.sampled_from(["==", "!="]), listed(ranged(constants) | st.booleans()))
    | st.builds(Compare, small_paths, st.sampled_from(["==", "!="]), listed(ranged(small_moments)), st.just(True))
    | st.builds(Compare, small_paths, st.sampled_from(["<", "<=", ">", ">="]), constants.map(lambda v: (v,)))
    | st.builds(
        Compare,
        small_paths,
        st.sampled_from(["<", "<=", ">", ">="]),
        small_moments.map(lambda v: (v,)),
        st.just(True),
    )
    | st.builds(Compare, small_paths, st.sampled_from(["~=", "!~="]), st.sampled_from([("a",), ("^$",), ("避",)]))
)

MEMBER = {
    "Property": "value",
    "JsonProperty": "json",
    "ListProperty": "valueList",
    "Relationship": "object",
    "ListRelationship": "objectList",
    "VocabProperty": "vocab",
    "LanguageProperty": "languageMap",
}


def naive_targets(entity: dict[str, Any], path: Path) -> list[tuple[str, Any]]:
    """Return all values a path leads to, each with its attribute type, slowly."""
    if path.attr in ENTITY_MEMBERS:
        return [("Property", entity[path.attr])] if path.attr in entity and not path.sub and not path.trail else []
    level = entity["attrs"].get(path.attr, [])
    for name in path.sub:
        if name in ("observedAt", "unitCode"):
            return [("Property", i[name]) for i in level if name in i and not path.trail]
        if name == "value":
            level = [i for i in level if i["type"] == "Property"]
        else:
            level = [sub for i in level for sub in i.get("attrs", {}).get(name, [])]
    found: list[tuple[str, Any]] = []
    for i in level:
        value = i[MEMBER[i["type"]]]
        if i["type"] == "LanguageProperty":
            if len(path.trail) == 1 and path.trail != ("*",):
                value = {k: v for k, v in value.items() if k == path.trail[0].lower()}
                if not value:
                    continue
            elif len(path.trail) > 1:
                continue
            found.append((i["type"], [w for v in value.values() for w in (v if isinstance(v, list) else [v])]))
            continue
        if i["type"] == "ListRelationship":
            value = [item["object"] for item in value]
        if "Relationship" in i["type"] and path.trail:
            continue
        try:
            for key in path.trail:
                value = value[key]
        except (KeyError, TypeError):
            continue
        found.append((i["type"], value))
    return found


def naive_equal(value: Any, wanted: Any, instant: bool) -> bool:
    if isinstance(wanted, Range):
        return naive_order(value, ">=", wanted.low, instant) and naive_order(value, "<=", wanted.high, instant)
    return naive_order(value, "==", wanted, instant)


def naive_order(value: Any, op: str, wanted: Any, instant: bool) -> bool:
    if isinstance(value, dict):
        value = value.get("@value")
    if instant:
        if not isinstance(value, str) or value not in INSTANTS:
            return False
        value, wanted = INSTANTS[value], INSTANTS[wanted]
    kinds = [
        "bool"
        if isinstance(x, bool)
        else "number"
        if isinstance(x, (int, float))
        else "text"
        if isinstance(x, str)
        else x
        for x in (value, wanted)
    ]
    if kinds[0] != kinds[1] or kinds[0] is None:
        return False
    return bool(
        {
            "==": value == wanted,
            "<": value < wanted,
            ">": value > wanted,
            "<=": value <= wanted,
            ">=": value >= wanted,
        }[op]
    )


def naive(query: Query, entity: dict[str, Any]) -> bool:
    if isinstance(query, And):
        return all([naive(part, entity) for part in query.parts])
    if isinstance(query, Or):
        return any([naive(part, entity) for part in query.parts])
    targets = naive_targets(entity, query.path)
    if isinstance(query, Exists):
        return targets != []
    return any([naive_compare(query, kind, value) for kind, value in targets])


def naive_compare(query: Compare, kind: str, value: Any) -> bool:
    if query.op in ("==", "!="):
        several = value if isinstance(value, list) else [value]
        equal = any(naive_equal(one, wanted, query.instant) for one in several for wanted in query.values)
        return equal == (query.op == "==")
    if "Relationship" in kind:
        return False
    several = value if kind == "LanguageProperty" else [value]
    if query.op in ("~=", "!~="):
        strings = [s.get("@value") if isinstance(s, dict) else s for s in several]
        strings = [s for s in strings if isinstance(s, str)]
        meaning = {"a": lambda s: "a" in s, "^$": lambda s: s == "", "避": lambda s: s == "避難所"}
        hits = [meaning[query.values[0]](s) for s in strings]
        return bool(strings) and any(hits) == (query.op == "~=")
    return any(naive_order(one, query.op, query.values[0], query.instant) for one in several)


@settings(deadline=None, max_examples=1000)
@given(nested(small_terms, 4), entities)
def test_the_compiled_query_agrees_with_the_naive_one(tree: Query, entity: dict[str, Any]) -> None:
    assert matcher(tree)(entity) == naive(tree, entity)


# --- fuzz ---

SHARDS = r"""a b . [ ] ( ) ; | , == != > < ~= !~= .. " \ * # + / % %41 %zz { } 1 -1 1e5 0.5 true 2026-01-01
12:00:00Z urn:x:1 "x" "\u0041" 名称 ＝ 避難所 type observedAt near maxDistance==5 desc asc (?: [^]"""
shards = st.sampled_from([*SHARDS.split(), "", " ", "\x00", "\u3000"])
junk = st.lists(shards, max_size=15).map("".join) | st.text(max_size=30)
jsons = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=8,
)


@settings(deadline=None, max_examples=1500)
@given(junk)
def test_any_text_is_read_or_refused(text: str) -> None:
    entity = {"id": "urn:x:1", "type": ["T"], "attrs": {"a": [{"type": "Property", "value": "x"}]}}
    with suppress(HirobaError):
        matcher(parse_q(text, same))(entity)
    with suppress(HirobaError):
        types_matcher(parse_types(text, same))(entity)
    with suppress(HirobaError):
        scope_matcher(parse_scope(text))({**entity, "scope": ["/a/b"]})
    with suppress(HirobaError):
        sort_key(parse_order(text, same))(entity)
    with suppress(HirobaError):
        parse_temporal("after", text)
    with suppress(HirobaError):
        parse_geo("within", "Polygon", text, "L")
    with suppress(HirobaError):
        parse_geo(text, "Point", "[0,0]", "L")


@settings(deadline=None, max_examples=500)
@given(nested(small_terms, 3), jsons, st.sampled_from([*MEMBER, "GeoProperty", "Odd"]))
def test_odd_values_never_raise(tree: Query, value: Any, kind: str) -> None:
    instance = {"type": kind, MEMBER.get(kind, "value"): value, "observedAt": value}
    entity = {"id": "urn:x:1", "type": ["T"], "attrs": {"a": [{**instance, "attrs": {"b": [instance]}}]}}
    assert matcher(tree)(entity) in (True, False)
    for georel in ("near;maxDistance==5", "within", "equals", "disjoint"):
        query = parse_geo(georel, "Polygon", "[[[0,0],[1,0],[1,1],[0,0]]]", "a")
        assert geo_matcher(query)(entity) in (True, False)


@settings(deadline=None)
@given(
    st.sampled_from(["Point", "MultiPoint", "LineString", "Polygon", "MultiPolygon", "Circle"]),
    jsons | st.recursive(st.floats(-200, 200), lambda inner: st.lists(inner, max_size=5), max_leaves=20),
)
def test_any_coordinates_are_read_or_refused(geometry: str, coordinates: Any) -> None:
    with suppress(HirobaError):
        parse_geo("intersects", geometry, coordinates, "L")
