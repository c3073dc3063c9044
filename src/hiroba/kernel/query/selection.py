"""Parses and evaluates entity type selections (GS CIM 009, 4.17) and scope queries (4.19)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, TypeVar

from hiroba.kernel.model.entity import Entity
from hiroba.kernel.query.scan import Scanner
from hiroba.kernel.query.tree import (
    ScopeAnd,
    ScopeIs,
    ScopeOr,
    ScopeQuery,
    TypeAnd,
    TypeIs,
    TypeOr,
    TypeQuery,
)

Matcher = Callable[[Entity], bool]
Node = TypeVar("Node")

_TYPE: Final = re.compile(r"[^\s,|;()]+")
_SCOPE: Final = re.compile(r"[^\s,|;()]+")
_LEVEL: Final = re.compile(r"\+|[^+#/]+")


def parse_types(text: str, expand: Callable[[str], str]) -> TypeQuery | None:
    """Parse a type selection, names expanded by `expand`; `*` alone gives None.

    `,` and `|` are or; `;` is and, which binds closer; parentheses may be nested. Raises BadRequestData
    naming the place and TooComplexQuery.
    """
    scan = Scanner(text, "type")
    if text.strip() == "*":
        return None

    def leaf() -> TypeQuery:
        name = scan.match(_TYPE)
        if name is None or name == "*":
            raise scan.error("an entity type")
        return TypeIs(expand(name))

    tree = _alternatives(scan, leaf, TypeAnd, TypeOr, depth=0)
    scan.finish("',', '|', ';' or the end")
    return tree


def parse_scope(text: str) -> ScopeQuery:
    """Parse a scope query; `+` stands for one level, a trailing `/#` for the scope and all below it.

    The first `/` may be left out. Raises BadRequestData naming the place and TooComplexQuery.
    """
    scan = Scanner(text, "scopeQ")

    def leaf() -> ScopeQuery:
        start = scan.at
        raw = scan.match(_SCOPE)
        if raw is None:
            raise scan.error("a scope such as '/city/ward'")
        levels = raw.removeprefix("/").split("/")
        below = levels[-1] == "#"
        if below:
            levels.pop()
        at = start + raw.startswith("/")
        for level in levels:
            if _LEVEL.fullmatch(level) is None:
                raise scan.error("a scope level: a name, '+', or '#' as the last one", at)
            at += len(level) + 1
        return ScopeIs(tuple(levels), below)

    tree = _alternatives(scan, leaf, ScopeAnd, ScopeOr, depth=0)
    scan.finish("',', '|', ';' or the end")
    return tree


def _alternatives(scan: Scanner, leaf: Callable[[], Node], both: Any, either: Any, *, depth: int) -> Node:
    parts = [_conjunction(scan, leaf, both, either, depth=depth)]
    while scan.take("|") or scan.take(","):
        parts.append(_conjunction(scan, leaf, both, either, depth=depth))
    return _joined(either, parts)


def _conjunction(scan: Scanner, leaf: Callable[[], Node], both: Any, either: Any, *, depth: int) -> Node:
    parts: list[Node] = []
    while True:
        if scan.take("("):
            scan.nest(depth + 1)
            parts.append(_alternatives(scan, leaf, both, either, depth=depth + 1))
            scan.expect(")", "')'")
        else:
            scan.term(depth)
            parts.append(leaf())
            scan.skip()
        if not scan.take(";"):
            return _joined(both, parts)


def _joined(kind: Any, parts: list[Node]) -> Node:
    if len(parts) == 1:
        return parts[0]
    flat: list[Node] = []
    for part in parts:
        flat.extend(part.parts if isinstance(part, kind) else (part,))
    joined: Node = kind(tuple(flat))
    return joined


def types_matcher(query: TypeQuery | None) -> Matcher:
    """Compile a type selection to a function over entities; None matches all."""
    match query:
        case None:
            return lambda entity: True
        case TypeIs(type_):
            return lambda entity: type_ in entity["type"]
        case TypeAnd(parts):
            all_of = [types_matcher(part) for part in parts]
            return lambda entity: all(part(entity) for part in all_of)
        case TypeOr(parts):
            if all(isinstance(part, TypeIs) for part in parts):
                names = frozenset(part.type for part in parts if isinstance(part, TypeIs))
                return lambda entity: not names.isdisjoint(entity["type"])
            any_of = [types_matcher(part) for part in parts]
            return lambda entity: any(part(entity) for part in any_of)


def scope_matcher(query: ScopeQuery) -> Matcher:
    """Compile a scope query to a function over entities; one without a scope never matches."""
    test = _scopes_test(query)

    def matches(entity: Entity) -> bool:
        scopes = entity.get("scope")
        if not scopes:
            return False
        return test([scope.strip("/").split("/") for scope in ([scopes] if isinstance(scopes, str) else scopes)])

    return matches


def _scopes_test(query: ScopeQuery) -> Callable[[list[list[str]]], bool]:
    match query:
        case ScopeIs(levels, below):

            def one(scope: list[str]) -> bool:
                if len(scope) < len(levels) or (len(scope) > len(levels) and not below):
                    return False
                return all(want in ("+", got) for want, got in zip(levels, scope, strict=False))

            return lambda scopes: any(one(scope) for scope in scopes)
        case ScopeAnd(parts):
            all_of = [_scopes_test(part) for part in parts]
            return lambda scopes: all(part(scopes) for part in all_of)
        case ScopeOr(parts):
            any_of = [_scopes_test(part) for part in parts]
            return lambda scopes: any(part(scopes) for part in any_of)
