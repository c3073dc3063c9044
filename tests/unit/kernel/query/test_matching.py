"""Evaluation of q, clause example by clause example (GS CIM 009, 4.9)."""

from __future__ import annotations

from typing import Any

import pytest

from hiroba.kernel.query.matching import matcher
from hiroba.kernel.query.paths import path_reader
from hiroba.kernel.query.q import parse_q
from hiroba.kernel.query.tree import Path, attributes_of


def iri(name: str) -> str:
    return name if ":" in name else f"x:{name}"


def entity(**attrs: Any) -> dict[str, Any]:
    return {
        "id": "urn:ngsi-ld:T:1",
        "type": ["x:T", "x:U"],
        "scope": ["/a/b"],
        "createdAt": "2026-04-01T00:00:00.000Z",
        "attrs": {iri(name): value if isinstance(value, list) else [value] for name, value in attrs.items()},
    }


def prop(value: Any, **members: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value, **members}


def matches(text: str, subject: dict[str, Any]) -> bool:
    return matcher(parse_q(text, iri))(subject)


COLOURS = prop(["blue", "red", "green"])
MAP = {"type": "LanguageProperty", "languageMap": {"fr": ["chat", "rouge"], "en": "red", "ja": "赤"}}
LINK = {"type": "Relationship", "object": "http://example.com/red"}
LINKS = {"type": "Relationship", "object": ["http://example.com/blue", "http://example.com/red"]}


@pytest.mark.parametrize(
    ("text", "attribute", "expected"),
    [
        ("color", prop("red"), True),
        ("colour", prop("red"), False),
        ('color=="red"', prop("red"), True),
        ('color=="red"', prop("Red"), False),
        ('color=="red"', COLOURS, True),
        ('color=="black","red"', COLOURS, True),
        ('color=="black"', COLOURS, False),
        ('color!="red"', COLOURS, False),
        ('color!="black"', COLOURS, True),
        ('color!="black","red"', prop("blue"), True),
        ('colour!="red"', prop("blue"), False),
        ("color==10..20", prop(10), True),
        ("color==10..20", prop(20.0), True),
        ("color==10..20", prop(20.5), False),
        ("color!=10..20", prop(9), True),
        ("color!=10..20", prop("15"), True),
        ("color==20", prop("20"), False),
        ('color=="20"', prop(20), False),
        ("color==1", prop(True), False),
        ("color==true", prop(1), False),
        ("color==true", prop(True), True),
        ("color!=true", prop("x"), True),
        ("color>5", prop(6), True),
        ("color>5", prop("6"), False),
        ("color>5", prop([6]), False),
        ('color>"a"', prop("b"), True),
        ('color[en]=="red"', MAP, True),
        ('color[EN]=="red"', MAP, True),
        ('color[fr]=="rouge"', MAP, True),
        ('color[fr]=="red"', MAP, False),
        ('color[*]=="red"', MAP, True),
        ('color=="赤"', MAP, True),
        ('color!="red"', MAP, False),
        ('color[ja]!="red"', MAP, True),
        ('color[de]!="red"', MAP, False),
        ('color[ja]~="^赤$"', MAP, True),
        ('color!~="^赤$"', MAP, False),
        ("color==http://example.com/red", LINK, True),
        ('color=="http://example.com/red"', LINK, True),
        ("color==http://example.com/red", LINKS, True),
        ("color!=http://example.com/red", LINKS, False),
        ("color!=http://example.com/green", LINKS, True),
        ('color>"a"', LINK, False),
        ('color~="red"', LINK, False),
        ("color==http://example.com/red", {"type": "VocabProperty", "vocab": "http://example.com/red"}, True),
        ("color==urn:a", {"type": "ListRelationship", "objectList": [{"object": "urn:a"}]}, True),
        ("color==urn:a", {"type": "ListRelationship", "objectList": ["urn:a"]}, True),
        ("color==2", {"type": "ListProperty", "valueList": [1, 2]}, True),
        ('color~="^r.d$"', prop("red"), True),
        ('color~="E"', prop("red"), False),
        ('color~="e"', prop(5), False),
        ('color!~="x"', prop("red"), True),
        ('color!~="x"', prop(5), False),
        ('color!~="x"', COLOURS, False),
        ('color[x:city]=="Berlin"', prop({"x:city": "Berlin"}), True),
        ('color[city]=="Berlin"', prop({"x:city": "Berlin"}), True),
        ('color[city]!="Berlin"', prop({"x:town": "Berlin"}), False),
        ("color[a.b]==40", prop({"x:a": {"x:b": 40}}), True),
        ("color[a.b]", prop({"x:a": [{"x:b": 40}]}), False),
        ('color[value]=="o"', {"type": "JsonProperty", "json": {"value": "o"}}, True),
        ('color[type]=="Point"', {"type": "GeoProperty", "value": {"type": "Point"}}, True),
        ("color>2026-01-01", prop({"@type": "DateTime", "@value": "2026-01-01T00:00:01Z"}), True),
        ("color>2026-01-01T09:00:00+09:00", prop("2026-01-01T00:00:00.001Z"), True),
        ("color==2026-01-01T00:00:00Z", prop("2026-01-01T00:00:00.000Z"), True),
        ("color==2026-01-01T00:00:00Z", prop("soon"), False),
        ("color!=2026-01-01T00:00:00Z", prop("soon"), True),
        ("color<12:00:00Z", prop("11:59:59.999Z"), True),
        ("color<12:00:00Z", prop("2026-01-01"), False),
        ("color==2026-01-01..2026-12-31", prop("2026-05-05"), True),
        ("color.observedAt>=2017-12-24T12:00:00Z", prop(1, observedAt="2017-12-24T12:00:00Z"), True),
        ('color.observedAt>"2017-12-24T12:00:00Z"', prop(1, observedAt="2017-12-24T12:00:00.5Z"), True),
        ('color.unitCode=="MTR"', prop(1, unitCode="MTR"), True),
        ("color.accuracy<2", prop(1, attrs={"x:accuracy": [prop(1.5)]}), True),
        ("color.a.b==1", prop(1, attrs={"x:a": [prop(0, attrs={"x:b": [prop(1)]})]}), True),
        ("color.accuracy", prop(1), False),
        ("color==1", [prop(0), prop(1, datasetId="urn:d")], True),
        ("color!=1", [prop(0), prop(1, datasetId="urn:d")], True),
        ("color!=1", [prop(1)], False),
    ],
)
def test_one_term(text: str, attribute: Any, expected: bool) -> None:
    assert matches(text, entity(color=attribute)) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("id==urn:ngsi-ld:T:1", True),
        ('id~="T:[0-9]$"', True),
        ("type==T", True),
        ("type!=V", True),
        ("type!=U", False),
        ('scope=="/a/b"', True),
        ("createdAt>2026-01-01", True),
        ("modifiedAt", False),
        ("id.a", False),
    ],
)
def test_members_of_the_entity(text: str, expected: bool) -> None:
    assert matches(text, entity()) is expected


def test_japanese_names_and_values() -> None:
    shelter = entity(名称=prop("第一避難所（体育館）"), 収容人数=prop(250))
    assert matches('名称=="第一避難所（体育館）"', shelter)
    assert matches('名称~="^第一.*館）$";収容人数>=200', shelter)
    assert not matches('名称=="第一避難所(体育館)"', shelter)


def test_terms_are_joined() -> None:
    car = entity(speed=prop(60), brandName=prop("Mercedes"))
    assert matches('((speed>50|rpm>3000);brandName=="Mercedes")', car)
    assert not matches('(speed>50|rpm>3000);brandName=="BMW"', car)
    assert matches('speed>99;rpm|brandName=="Mercedes"', car)


def test_a_path_reads_every_instance() -> None:
    found = path_reader(Path("x:a"))(entity(a=[prop(1), prop(2, datasetId="urn:d")]))
    assert [one.value for one in found] == [1, 2]


def test_a_slow_pattern_is_not_slow() -> None:
    assert not matches('a~="^(a+)+$"', entity(a=prop("a" * 50_000 + "!")))


def test_the_attributes_of_a_query_leave_out_members() -> None:
    tree = parse_q("a.c>1;(b|id==urn:x:1);createdAt>2026-01-01", iri)
    assert attributes_of(tree) == {"x:a", "x:b"}
