"""Parses `q`, the query language over attribute values (GS CIM 009, 4.9)."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Collection
from typing import Any, Final
from urllib.parse import unquote

from hiroba.kernel.query.moments import MOMENT, read_moment
from hiroba.kernel.query.patterns import compile_pattern
from hiroba.kernel.query.scan import Scanner
from hiroba.kernel.query.tree import (
    ENTITY_MEMBERS,
    INSTANCE_MEMBERS,
    TIME_MEMBERS,
    And,
    Compare,
    Exists,
    Link,
    Or,
    Path,
    Query,
    Range,
)

Expand = Callable[[str], str]

OPERATORS: Final = ("!~=", "~=", "==", "!=", ">=", "<=", ">", "<")
_NAME: Final = re.compile(r"(?:[A-Za-z0-9_:@$-]|%[0-9A-Fa-f]{2}|[^\x00-\xa0\s])+")
_DIGITS: Final = re.compile(r"[0-9-]+")
_WIDE: Final = re.compile("[＝；｜＜＞！＂“”]")
_END: Final = r"(?=\s|[;|),]|\.\.|$)"
_MOMENT: Final = re.compile(MOMENT.pattern + _END)
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?" + _END)
_BOOLEAN: Final = re.compile("(?:true|false)" + _END)
_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_WORD: Final = re.compile(r'[^;|),\s"]+')
_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s]+")
_UNKNOWN_ESCAPE: Final = re.compile(r'\\(?:(["\\/bfnrt]|u[0-9A-Fa-f]{4})|(.))', re.DOTALL)
_CODED: Final = re.compile("%(?:3E|3C|22|3D%3D|21%3D|7E%3D)", re.IGNORECASE)
_RAW: Final = re.compile(r"[<>=\"|;]")
_LONGEST_NUMBER: Final = 100
_TIMELY: Final = frozenset({"date", "time"})
_VALUE: Final = 'a value (a number, a "text", true, false, a date or time, or a URI)'


def parse_q(text: str, expand: Expand, *, expand_values: Collection[str] = ()) -> Query:
    """Parse a percent-decoded `q` into its tree, names expanded by `expand`.

    `expand_values` are the short names of attributes whose text values are terms to be expanded as well. In
    a name, `%XX` stands for a character that the grammar does not allow there (so that whole IRIs can be
    written). Raises BadRequestData naming the place, and TooComplexQuery
    beyond 8 KB, 100 terms or depth 20.
    """
    parser = _Parser(Scanner(text, "q"), expand, frozenset(expand_values))
    tree = parser.alternatives(0)
    parser.scan.finish("an operator, ';', '|' or the end")
    return tree


def decoded_q(text: str) -> str:
    """Return a `q` from a document with its percent-encoding undone, where it came as it stands in an address.

    Some clients write it so; what has an operator of its own is left as it is.
    """
    if not isinstance(text, str) or _CODED.search(text) is None or _RAW.search(text) is not None:
        return text
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        return text


def parse_path(scan: Scanner, expand: Expand, depth: int = 0) -> Path:
    """Parse an attribute path `name.name[key.key]` or `name{path}` where the scanner stands; raises BadRequestData."""
    attr = parse_name(scan, "an attribute name")
    if attr not in ENTITY_MEMBERS:
        attr = expand(attr)
    if scan.peek() == "{":
        return Path(attr, link=_parse_link(scan, expand, depth))
    sub: list[str] = []
    while scan.peek() == ".":
        scan.at += 1
        if sub and sub[-1] in INSTANCE_MEMBERS:
            raise scan.error(f"an operator after the core member '{sub[-1]}'")
        name = parse_name(scan, "a sub-attribute name")
        sub.append(name if name in INSTANCE_MEMBERS else expand(name))
        scan.nest(len(sub))
    keys = _parse_keys(scan)
    trail = tuple(key if key.startswith(("*", "@")) else expand(key) for key in keys)
    return Path(attr, tuple(sub), trail, () if keys == trail else keys)


def _parse_link(scan: Scanner, expand: Expand, depth: int) -> Link:
    """Parse what stands in the braces behind a Relationship: a path, types of its targets and a colon before it."""
    scan.nest(depth + 1)
    scan.at += 1
    start = scan.at
    types: list[str] = []
    while True:
        at = scan.at
        name = scan.match(_NAME) or ""
        hint, colon, _ = name.partition(":")
        if name and scan.peek() == ",":
            types.append(name)
            scan.at += 1
            continue
        if colon and "//" not in name:
            types.append(hint)
            scan.at = at + len(hint) + 1
        else:
            scan.at = at if types else start
        break
    link = Link(parse_path(scan, expand, depth + 1), tuple(expand(one) for one in types))
    if scan.peek() != "}":
        raise scan.error("'}'")
    scan.at += 1
    return link


def parse_name(scan: Scanner, expected: str) -> str:
    """Parse one name where the scanner stands; raises BadRequestData for what cannot be one."""
    start = scan.at
    raw = scan.match(_NAME)
    if raw is None:
        raise scan.error(expected)
    wide = _WIDE.search(raw)
    if wide is not None:
        raise scan.error("a name or an operator in half-width characters", start + wide.start())
    if _DIGITS.fullmatch(raw):
        raise scan.error(expected, start)
    if "%" not in raw:
        return raw
    try:
        return unquote(raw, errors="strict")
    except UnicodeDecodeError as error:
        raise scan.error("a name with UTF-8 behind its '%'", start) from error


def _parse_keys(scan: Scanner) -> tuple[str, ...]:
    if scan.peek() != "[":
        return ()
    scan.at += 1
    keys: list[str] = []
    while True:
        if scan.peek() == "*":
            scan.at += 1
            keys.append("*")
        else:
            keys.append(_parse_key(scan))
        scan.nest(len(keys))
        if scan.peek() != ".":
            break
        scan.at += 1
    if scan.peek() != "]":
        raise scan.error("'.' or ']'")
    scan.at += 1
    return tuple(keys)


def _parse_key(scan: Scanner) -> str:
    start = scan.at
    raw = scan.match(_NAME)
    if raw is None:
        raise scan.error("a member name or '*'")
    try:
        return unquote(raw, errors="strict")
    except UnicodeDecodeError as error:
        raise scan.error("a name with UTF-8 behind its '%'", start) from error


def _joined(kind: type[And] | type[Or], parts: list[Query]) -> Query:
    """Return one node for parts, no kind nested in itself, so that spellings of one query are equal."""
    if len(parts) == 1:
        return parts[0]
    flat: list[Query] = []
    for part in parts:
        if isinstance(part, kind):
            flat.extend(part.parts)
        else:
            flat.append(part)
    return kind(tuple(flat))


class _Parser:
    def __init__(self, scan: Scanner, expand: Expand, expand_values: frozenset[str]) -> None:
        self.scan = scan
        self.expand = expand
        self.expand_values = expand_values

    def alternatives(self, depth: int) -> Query:
        parts = [self.conjunction(depth)]
        while self.scan.take("|"):
            parts.append(self.conjunction(depth))
        return _joined(Or, parts)

    def conjunction(self, depth: int) -> Query:
        parts = [self.term(depth)]
        while self.scan.take(";"):
            parts.append(self.term(depth))
        return _joined(And, parts)

    def term(self, depth: int) -> Query:
        scan = self.scan
        if scan.take("("):
            scan.nest(depth + 1)
            inner = self.alternatives(depth + 1)
            scan.expect(")", "an operator, ';', '|' or ')'")
            return inner
        scan.term(depth)
        start = scan.at
        path = parse_path(scan, self.expand)
        written = scan.text[start : scan.at]
        scan.skip()
        operator = next((op for op in OPERATORS if scan.take(op)), None)
        if operator is None:
            if scan.peek() == "=":
                raise scan.error("'==' (a single '=' is no operator)")
            return Exists(path)
        if operator in ("~=", "!~="):
            return Compare(path, operator, (self.pattern(),))
        names = path.attr == "type" or path.sub[-1:] == ("objectType",) or written in self.expand_values
        return self.comparison(path, operator, expands=names)

    def comparison(self, path: Path, operator: str, *, expands: bool) -> Compare:
        scan = self.scan
        timely = not path.trail and (path.sub or (path.attr,))[-1] in TIME_MEMBERS
        several = operator in ("==", "!=")
        values: list[Any] = []
        kinds: set[str] = set()
        while True:
            start = scan.at
            value, kind = self.value(expands=expands and several, timely=timely)
            scan.skip()
            if kind == "boolean" and not several:
                raise scan.error(f"a value that '{operator}' can order", start)
            if scan.take(".."):
                value = self.range(value, kind, operator, start, timely=timely)
            values.append(value)
            kinds.add(kind)
            if not scan.take(","):
                break
            if not several:
                raise scan.error(f"one value for '{operator}' (lists go with '==' and '!=')", start)
        instant = not kinds.isdisjoint(_TIMELY)
        if instant and not kinds <= _TIMELY:
            raise scan.error("a list of either dates and times or other values, not both", start)
        return Compare(path, operator, tuple(values), instant)

    def range(self, low: Any, kind: str, operator: str, start: int, *, timely: bool) -> Range:
        scan = self.scan
        if operator not in ("==", "!="):
            raise scan.error(f"one value for '{operator}' (ranges go with '==' and '!=')", start)
        if kind == "boolean":
            raise scan.error("a number, text, date or time as a bound of a range", start)
        end = scan.at
        high, high_kind = self.value(expands=False, timely=timely)
        scan.skip()
        if high_kind != kind:
            raise scan.error(f"a {kind} as the upper bound, like the lower one", end)
        return Range(low, high)

    def value(self, *, expands: bool, timely: bool) -> tuple[Any, str]:
        """Return the value that comes next and its kind: text, number, boolean, date or time."""
        scan = self.scan
        start = scan.at
        if scan.peek() == '"':
            text = self.string()
            timed = read_moment(text) if timely else None
            if timed is not None:
                return text, "time" if timed.daily else "date"
            return (self.expand(text) if expands else text), "text"
        moment = scan.match(_MOMENT)
        if moment is not None:
            timed = read_moment(moment)
            if timed is None:
                raise scan.error("a date or time that exists", start)
            return moment.replace(",", "."), "time" if timed.daily else "date"
        number = scan.match(_NUMBER)
        if number is not None:
            return self.number(number, start), "number"
        boolean = scan.match(_BOOLEAN)
        if boolean is not None:
            return boolean == "true", "boolean"
        return self.word(expands=expands), "text"

    def number(self, text: str, start: int) -> int | float:
        if len(text) <= _LONGEST_NUMBER:
            value: int | float = json.loads(text)
            if isinstance(value, int) and abs(value) >= 1 << 63:
                value = float(value)
            if math.isfinite(value):
                return value
        raise self.scan.error("a number that fits 64 bits", start)

    def word(self, *, expands: bool) -> str:
        """Return the bare URI, or term to be expanded, that comes next."""
        scan = self.scan
        start = scan.at
        word = scan.match(_WORD)
        if word is not None and (_URI.fullmatch(word) or (expands and _NAME.fullmatch(word))):
            return self.expand(word) if expands else word
        if word is not None and word[0] in "“”＂「『'":
            raise scan.error('a text in straight double quotes ("…")', start)
        raise scan.error(_VALUE, start)

    def string(self) -> str:
        scan = self.scan
        start = scan.at
        literal = scan.match(_STRING)
        if literal is None:
            raise scan.error('a text that ends with a double quote (")', start)
        try:
            text = json.loads(literal, strict=False)
            text.encode()
        except (ValueError, UnicodeEncodeError) as error:
            raise scan.error("a text with the escapes of JSON", start) from error
        return str(text)

    def pattern(self) -> str:
        """Return the pattern that comes next: quoted, or bare up to `;`, `|` or `)` outside brackets."""
        scan = self.scan
        start = scan.at
        if scan.peek() == '"':
            literal = scan.match(_STRING)
            if literal is None:
                raise scan.error('a pattern that ends with a double quote (")', start)
            # escapes unknown to JSON are the pattern's own; a backspace can only mean a word boundary
            known = _UNKNOWN_ESCAPE.sub(lambda m: m.group() if m.group(1) else "\\" + m.group(), literal)
            text = str(json.loads(known, strict=False)).replace("\b", r"\b")
        else:
            text = self.bare_pattern()
        try:
            compile_pattern(text)
        except ValueError as error:
            raise scan.error(f"a regular expression ({error})", start) from error
        scan.skip()
        return text

    def bare_pattern(self) -> str:
        scan = self.scan
        start, depth, bracket, at = scan.at, 0, -1, scan.at
        text = scan.text
        while at < len(text):
            char = text[at]
            if char == "\\":
                at += 1
            elif bracket >= 0:
                if char == "]" and at > bracket + 1:
                    bracket = -1
            elif char == "[":
                bracket = at + 1 if text.startswith("[^", at) else at
            elif char == "(":
                depth += 1
            elif char in ";|)":
                if depth == 0:
                    break
                depth -= char == ")"
            at += 1
        scan.at = min(at, len(text))
        pattern = text[start : scan.at].rstrip()
        if not pattern:
            raise scan.error("a regular expression", start)
        return pattern
