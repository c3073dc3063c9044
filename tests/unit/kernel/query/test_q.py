"""Parsing and rendering of q (GS CIM 009, 4.9)."""

from __future__ import annotations

import pytest

from hiroba.kernel.model.errors import BadRequestData, TooComplexQuery
from hiroba.kernel.query.matching import matcher
from hiroba.kernel.query.q import decoded_q, parse_q
from hiroba.kernel.query.render import render_q
from hiroba.kernel.query.tree import And, Compare, Exists, Link, Or, Path, Range, links_of


def iri(name: str) -> str:
    return f"https://example.org/{name}"


def same(name: str) -> str:
    return name


def value(text: str) -> object:
    tree = parse_q(f"a=={text}", same)
    assert isinstance(tree, Compare)
    assert len(tree.values) == 1
    return tree.values[0]


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("speed", Path(iri("speed"))),
        ("ex:speed", Path(iri("ex:speed"))),
        ("名称", Path(iri("名称"))),
        ("対象となる町会・自治会（全て）", Path(iri("対象となる町会・自治会（全て）"))),
        ("a.b.c", Path(iri("a"), (iri("b"), iri("c")))),
        ("a.observedAt", Path(iri("a"), ("observedAt",))),
        ("modifiedAt", Path("modifiedAt")),
        ("a[b.c]", Path(iri("a"), (), (iri("b"), iri("c")), ("b", "c"))),
        ("a.b[ja-Hira]", Path(iri("a"), (iri("b"),), (iri("ja-Hira"),), ("ja-Hira",))),
        ("a[*]", Path(iri("a"), (), ("*",))),
        ("a[2]", Path(iri("a"), (), (iri("2"),), ("2",))),
        ("%E5%90%8D", Path(iri("名"))),
        ("https%3A%2F%2Fa%2Eb%2Fc", Path(iri("https://a.b/c"))),
    ],
)
def test_a_path_is_expanded_step_by_step(text: str, path: Path) -> None:
    assert parse_q(text, iri) == Exists(path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("20", 20),
        ("-0.5", -0.5),
        ("1e3", 1000.0),
        ('"避難所；｜（）、"', "避難所；｜（）、"),
        (r'"a\"b\\\u3042\n"', 'a"b\\あ\n'),
        ('"a;b|c)d,e..f"', "a;b|c)d,e..f"),
        ("true", True),
        ("false", False),
        ("urn:ngsi-ld:X:1", "urn:ngsi-ld:X:1"),
        ("https://example.org/a..b?c=d#e", "https://example.org/a..b?c=d#e"),
        ("10..20", Range(10, 20)),
        ("-1.5..2.5e1", Range(-1.5, 25.0)),
        ('"a".."b"', Range("a", "b")),
        ("2026-01-01..2026-02-01", Range("2026-01-01", "2026-02-01")),
        ("12:00:00Z", "12:00:00Z"),
        ("2026-01-01T00:00:00,5Z", "2026-01-01T00:00:00.5Z"),
        ("99999999999999999999", 1e20),
    ],
)
def test_values(text: str, expected: object) -> None:
    found = value(text)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize("op", ["==", "!=", ">", ">=", "<", "<="])
def test_every_operator(op: str) -> None:
    assert parse_q(f"a {op} 5", same) == Compare(Path("a"), op, (5,))


def test_lists_hold_values_and_ranges() -> None:
    assert parse_q('a=="x", "y",1..2 , true', same) == Compare(Path("a"), "==", ("x", "y", Range(1, 2), True))


def test_and_binds_closer_than_or() -> None:
    a, b, c = (Exists(Path(name)) for name in "abc")
    assert parse_q("a;b|c", same) == Or((And((a, b)), c))
    assert parse_q("a;(b|c)", same) == And((a, Or((b, c))))
    assert parse_q("((a);(b;c))", same) == parse_q("a;b;c", same) == And((a, b, c))


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("a~=^x.*$", "^x.*$"),
        ("a~=(x|y);b", "(x|y)"),
        ("a~=[;)|]+", "[;)|]+"),
        ("a~=[]|]|b", "[]|]"),
        (r"a~=x\;y", r"x\;y"),
        ('a~="x|y;z"', "x|y;z"),
        (r'a~="\d+\bx\\."', r"\d+\bx\."),
        ("(a~=(x)+)", "(x)+"),
        ("a~=避難.所", "避難.所"),
    ],
)
def test_patterns_are_quoted_or_bare(text: str, pattern: str) -> None:
    tree = parse_q(text, same)
    first = tree.parts[0] if isinstance(tree, (And, Or)) else tree
    assert first == Compare(Path("a"), "~=", (pattern,))


def test_a_moment_is_marked_and_so_is_a_quoted_one_for_a_time_member() -> None:
    assert parse_q("a>2026-01-01", same) == Compare(Path("a"), ">", ("2026-01-01",), True)
    assert parse_q('a>"2026-01-01"', same) == Compare(Path("a"), ">", ("2026-01-01",), False)
    for path in ("a.observedAt", "modifiedAt"):
        tree = parse_q(f'{path}>"2026-01-01T00:00:00Z"', same)
        assert isinstance(tree, Compare)
        assert tree.instant


def test_values_of_types_and_of_named_attributes_are_expanded() -> None:
    assert parse_q("gender==Male", iri, expand_values={"gender"}) == Compare(Path(iri("gender")), "==", (iri("Male"),))
    assert parse_q('gender=="Male"', iri) == Compare(Path(iri("gender")), "==", ("Male",))
    assert parse_q("type==Room", iri) == Compare(Path("type"), "==", (iri("Room"),))


def test_true_and_one_are_different_queries() -> None:
    assert parse_q("a==true", same) != parse_q("a==1", same)
    assert len({parse_q("a==true", same), parse_q("a==1", same), parse_q("a==1.0", same)}) == 2


@pytest.mark.parametrize(
    ("text", "place", "expected"),
    [
        ("", "empty", "query"),
        ("a=5", "character 2", "'=='"),
        ("a==", "character 4", "value"),
        ("a==b", "character 4", "value"),
        ("a==null", "character 4", "value"),
        ("a==01", "character 4", "value"),
        ("a==1x", "character 4", "value"),
        ("a==1e999", "character 4", "64 bits"),
        ("a==“x”", "character 4", "straight double quotes"),
        ('a=="x', "character 4", "ends with a double quote"),
        (r'a=="\x"', "character 4", "escapes of JSON"),
        (r'a=="\ud800"', "character 4", "escapes of JSON"),
        ("a==2026-02-30", "character 4", "date or time that exists"),
        ("a==25:00:00Z", "character 4", "date or time that exists"),
        ("a>true", "character 3", "order"),
        ("a>1,2", "character 3", "one value"),
        ("a>1..2", "character 3", "one value"),
        ('a==1.."x"', "character 7", "number as the upper bound"),
        ("a==2026-01-01..12:00:00Z", "character 16", "date as the upper bound"),
        ("a==true..false", "character 4", "bound of a range"),
        ("a==1,2026-01-01", "character 6", "not both"),
        ("a;", "character 3", "attribute name"),
        (";a", "character 1", "attribute name"),
        ("a;;b", "character 3", "attribute name"),
        ("5==5", "character 1", "attribute name"),
        ("(a", "character 3", "')'"),
        ("a)", "character 2", "the end"),
        ("a b", "character 3", "operator"),
        ("a.", "character 3", "sub-attribute"),
        ("a[", "character 3", "member name"),
        ("a[b", "character 4", "']'"),
        ("a.observedAt.b", "character 14", "operator after"),
        ("a~=", "character 4", "regular expression"),
        ("a~=(", "character 4", "regular expression"),
        ('a~="(?=x)"', "character 4", "regular expression"),
        ("名称＝＝５", "character 3", "half-width"),
        ("%FF==1", "character 1", "UTF-8"),
        ("a\x00", "character 2", "operator"),
        ("\ud800", "character 1", "Unicode"),
    ],
)
def test_an_error_says_what_was_expected_where(text: str, place: str, expected: str) -> None:
    with pytest.raises(BadRequestData) as raised:
        parse_q(text, same)
    assert place in raised.value.detail
    assert expected in raised.value.detail


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("sensor{humidity}", Path("sensor", link=Link(Path("humidity")))),
        ("sensor{Device:humidity}", Path("sensor", link=Link(Path("humidity"), ("Device",)))),
        ("sensor{Device,Probe:humidity}", Path("sensor", link=Link(Path("humidity"), ("Device", "Probe")))),
        ("a{b{c.d[e]}}", Path("a", link=Link(Path("b", link=Link(Path("c", ("d",), ("e",))))))),
    ],
)
def test_paths_into_linked_entities(text: str, path: Path) -> None:
    """4.9, examples 13 and 14."""
    tree = parse_q(f"{text}==40", same)
    assert tree == Compare(path, "==", (40,))
    assert parse_q(render_q(tree), same) == tree
    assert links_of(tree) == text.count("{")


@pytest.mark.parametrize("text", ["a{", "a{}", "a{b", "a{b}}", "a{,b}", "a{T:}", "a{b};c{", "a{" * 21 + "b"])
def test_broken_paths_into_linked_entities_are_refused(text: str) -> None:
    with pytest.raises((BadRequestData, TooComplexQuery)):
        parse_q(text, same)


def test_linked_entities_decide_where_they_are_known() -> None:
    """4.9; without knowing them a term about them may be met."""
    linked = {"id": "urn:x:2", "type": ["Device"], "attrs": {"humidity": [{"type": "Property", "value": 40}]}}
    entity = {"id": "urn:x:1", "type": ["T"], "attrs": {"sensor": [{"type": "Relationship", "object": "urn:x:2"}]}}
    for text, expected in (
        ("sensor{humidity}==40", True),
        ("sensor{humidity}>40", False),
        ("sensor{Device:humidity}", True),
        ("sensor{Probe:humidity}", False),
        ("other{humidity}", False),
    ):
        assert matcher(parse_q(text, same), {"urn:x:2": linked}.get)(entity) is expected, text
        assert matcher(parse_q(text, same))(entity) is True
        assert matcher(parse_q(text, same), {}.get)(entity) is False


@pytest.mark.parametrize(
    "text",
    [
        "a" * 9000,
        ";".join(["a"] * 101),
        "(" * 21 + "a" + ")" * 21,
        "a" + ".a" * 21,
        "a[a" + ".a" * 21 + "]",
    ],
)
def test_what_is_too_much_is_refused(text: str) -> None:
    with pytest.raises(TooComplexQuery):
        parse_q(text, same)


def test_what_is_just_not_too_much_is_read() -> None:
    tree = parse_q(";".join(["a"] * 100), same)
    assert isinstance(tree, And)
    assert len(tree.parts) == 100
    assert parse_q("(" * 20 + "a" + ")" * 20, same) == Exists(Path("a"))


def test_a_rendered_tree_uses_short_names() -> None:
    tree = parse_q('名称[ja]=="避難所";(a.b>1|c)', iri)
    assert render_q(tree, lambda name: name.removeprefix(iri(""))) == '名称[ja]=="避難所";(a.b>1|c)'


@pytest.mark.parametrize(
    ("text", "decoded"),
    [
        ("level%3E1000", "level>1000"),
        ("a%3D%3D%22%E5%B7%9D%22", 'a=="川"'),
        ("a%3Eb>1", "a%3Eb>1"),
        ("plain", "plain"),
        ("a%3E%FF", "a%3E%FF"),
    ],
)
def test_a_q_that_came_as_it_stands_in_an_address(text: str, decoded: str) -> None:
    assert decoded_q(text) == decoded
