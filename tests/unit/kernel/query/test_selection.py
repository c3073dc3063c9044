"""Type selections (GS CIM 009, 4.17) and scope queries (4.19)."""

from __future__ import annotations

from typing import Any

import pytest

from hiroba.kernel.model.errors import BadRequestData, TooComplexQuery
from hiroba.kernel.query.selection import parse_scope, parse_types, scope_matcher, types_matcher
from hiroba.kernel.query.tree import ScopeIs, TypeAnd, TypeIs, TypeOr


def iri(name: str) -> str:
    return f"x:{name}"


def entity(*types: str, scope: Any = None) -> dict[str, Any]:
    body: dict[str, Any] = {"id": "urn:x:1", "type": [iri(name) for name in types], "attrs": {}}
    return body if scope is None else {**body, "scope": scope}


@pytest.mark.parametrize(
    ("text", "types", "expected"),
    [
        ("Home", ["Home"], True),
        ("Home", ["House"], False),
        ("Building|House", ["House"], True),
        ("Building,House", ["House"], True),
        ("Building , House", ["Home"], False),
        ("(Home;Vehicle)", ["Home", "Vehicle"], True),
        ("(Home;Vehicle)", ["Home"], False),
        ("(Home;Vehicle)|Motorhome", ["Motorhome"], True),
        ("(Home;Vehicle),Motorhome", ["Vehicle"], False),
        ("Home;(Vehicle|Boat)", ["Home", "Boat"], True),
        ("避難所", ["避難所"], True),
        ("*", ["Anything"], True),
    ],
)
def test_types(text: str, types: list[str], expected: bool) -> None:
    assert types_matcher(parse_types(text, iri))(entity(*types)) is expected


def test_spellings_of_one_selection_are_equal() -> None:
    assert parse_types("(A;B)|C", iri) == parse_types("((A;B),(C))", iri)
    assert parse_types("(A;B)|C", iri) == TypeOr((TypeAnd((TypeIs("x:A"), TypeIs("x:B"))), TypeIs("x:C")))
    assert parse_types(" * ", iri) is None


SCOPES = ["/Madrid/Gardens/ParqueNorte", "/CompanyA"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/CompanyA", True),
        ("CompanyA", True),
        ("/Madrid", False),
        ("/Madrid/#", True),
        ("/Madrid/Gardens/#", True),
        ("/Madrid/Gardens/ParqueNorte/#", True),
        ("/Madrid/Gardens/ParqueNorte/a/#", False),
        ("/Madrid/+/ParqueNorte", True),
        ("/+", True),
        ("/+/+", False),
        ("/#", True),
        ("(/Madrid/#;/CompanyA)", True),
        ("(/Madrid/#;/CompanyB)", False),
        ("(/Madrid/#;/CompanyB)|/CompanyA", True),
        ("/CompanyB,/CompanyA", True),
    ],
)
def test_scopes(text: str, expected: bool) -> None:
    matches = scope_matcher(parse_scope(text))
    assert matches(entity(scope=SCOPES)) is expected
    assert not matches(entity())
    assert not matches(entity(scope=[]))


def test_a_scope_in_japanese() -> None:
    assert parse_scope("/防災/#") == ScopeIs(("防災",), below=True)
    assert scope_matcher(parse_scope("/防災/#"))(entity(scope=["/防災/河川"]))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", "empty"),
        ("A,", "character 3"),
        ("(A", "character 3"),
        ("A)", "character 2"),
        ("A B", "character 3"),
        ("A|*", "character 4"),
    ],
)
def test_a_bad_selection_names_the_place(text: str, place: str) -> None:
    with pytest.raises(BadRequestData, match=place):
        parse_types(text, iri)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("/", "character 2"),
        ("/a//b", "character 4"),
        ("/a/#/b", "character 4"),
        ("/a+", "character 2"),
        ("(/a", "'\\)'"),
    ],
)
def test_a_bad_scope_names_the_place(text: str, place: str) -> None:
    with pytest.raises(BadRequestData, match=place):
        parse_scope(text)


def test_what_is_too_much_is_refused() -> None:
    for text in (",".join(["A"] * 101), "(" * 21 + "A" + ")" * 21, "A" * 9000):
        with pytest.raises(TooComplexQuery):
            parse_types(text, iri)
        with pytest.raises(TooComplexQuery):
            parse_scope(text)
