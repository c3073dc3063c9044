"""Evaluates `q` trees over entities in memory (GS CIM 009, 4.9): odd types compare false, never raise."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, Final

from hiroba.kernel.model.entity import Entity
from hiroba.kernel.model.ngsi_v2.names import shown_id
from hiroba.kernel.query.moments import read_moment
from hiroba.kernel.query.paths import Found, Kind, Lookup, path_reader, plain
from hiroba.kernel.query.patterns import compile_pattern
from hiroba.kernel.query.selection import scope_matcher
from hiroba.kernel.query.tree import And, Beyond, Compare, Exists, Or, Query, Range

Matcher = Callable[[Entity], bool]
_Test = Callable[[Found], bool]

_ORDER: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def matcher(query: Query, lookup: Lookup | None = None) -> Matcher:
    """Compile a tree to a function over entities; any instance of an attribute that meets a term counts.

    Linked entities are had by `lookup`; without it a term about them is taken as met, so that what does not match then
    never does. Raises ValueError for a pattern that is none (never for a tree from `parse_q`).
    """
    match query:
        case And(parts):
            return _all(tuple(matcher(part, lookup) for part in parts))
        case Or(parts):
            return _any(tuple(matcher(part, lookup) for part in parts))
        case Exists(path) | Compare(path) if path.link is not None and lookup is None:
            return lambda entity: True
        case Exists(path):
            read = path_reader(path, lookup)
            return lambda entity: bool(read(entity))
        case Compare():
            return _comparison(query, lookup)
        case Beyond():
            return _beyond(query)


def _beyond(query: Beyond) -> Matcher:
    value = query.value
    if query.ask == "scope" and value is not None and not isinstance(value, str):
        return scope_matcher(value)
    if query.ask == "id" and isinstance(value, str):
        occurs = compile_pattern(value)
        return lambda entity: occurs(shown_id(entity["id"]))
    read = path_reader(query.path)
    if query.ask == "null":
        return lambda entity: any(found.value is None for found in read(entity))
    if query.ask == "valued":
        return lambda entity: any(found.value is not None for found in read(entity))
    return lambda entity: not read(entity)


def _all(parts: tuple[Matcher, ...]) -> Matcher:
    def matches(entity: Entity) -> bool:
        for part in parts:  # noqa: SIM110  # a generator would cost as much as the terms
            if not part(entity):
                return False
        return True

    return matches


def _any(parts: tuple[Matcher, ...]) -> Matcher:
    def matches(entity: Entity) -> bool:
        for part in parts:  # noqa: SIM110  # a generator would cost as much as the terms
            if part(entity):
                return True
        return False

    return matches


def _comparison(query: Compare, lookup: Lookup | None) -> Matcher:
    read = path_reader(query.path, lookup)
    test = _test(query)

    def matches(entity: Entity) -> bool:
        for found in read(entity):  # noqa: SIM110  # a generator would cost as much as the test
            if test(found):
                return True
        return False

    return matches


def _test(query: Compare) -> _Test:
    match query.op:
        case "==":
            return _equal(query)
        case "!=":
            equal = _equal(query)
            return lambda found: not equal(found)
        case "~=" | "!~=":
            return _pattern(query.values[0], negated=query.op == "!~=")
        case _:
            return _ordered(query)


def _class(value: Any) -> str | None:
    """Return which values a value can be compared with, None for none."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "number"
    return "text" if isinstance(value, str) else None


def _comparable(value: Any, *, instant: bool) -> tuple[Any, Any] | None:
    """Return (class, key) of a value: keys of one class can be ordered; None when it takes no part."""
    value = plain(value)
    if instant:
        moment = read_moment(value)
        return None if moment is None else (moment.daily, moment.at)
    kind = _class(value)
    return None if kind is None else (kind, value)


def _equal(query: Compare) -> _Test:
    instant = query.instant
    wanted = frozenset(
        _comparable(value, instant=instant) for value in query.values if not isinstance(value, Range)
    ) - {None}
    spans = [
        (low, high)
        for value in query.values
        if isinstance(value, Range)
        and (low := _comparable(value.low, instant=instant)) is not None
        and (high := _comparable(value.high, instant=instant)) is not None
        and low[0] == high[0]
    ]

    def one(value: Any) -> bool:
        mine = _comparable(value, instant=instant)
        if mine is None:
            return False
        return mine in wanted or any(low[0] == mine[0] and low[1] <= mine[1] <= high[1] for low, high in spans)

    def test(found: Found) -> bool:
        value = plain(found.value)
        if isinstance(value, (list, tuple)):
            return any(one(item) for item in value)
        return one(value)

    return test


def _ordered(query: Compare) -> _Test:
    instant = query.instant
    compare = _ORDER[query.op]
    bound = _comparable(query.values[0], instant=instant)

    def one(value: Any) -> bool:
        mine = _comparable(value, instant=instant)
        return mine is not None and bound is not None and mine[0] == bound[0] and compare(mine[1], bound[1])

    def test(found: Found) -> bool:
        if found.kind is Kind.LINK:
            return False
        if found.kind is Kind.WORDS:
            return any(one(word) for word in found.value)
        return one(found.value)

    return test


def _pattern(pattern: str, *, negated: bool) -> _Test:
    occurs = compile_pattern(pattern)

    def test(found: Found) -> bool:
        if found.kind is Kind.LINK:
            return False
        texts = found.value if found.kind is Kind.WORDS else (plain(found.value),)
        if not any(isinstance(text, str) for text in texts):
            return False
        return any(isinstance(text, str) and occurs(text) for text in texts) is not negated

    return test
