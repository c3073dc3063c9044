"""The beginning that a pattern spells out is one that all it matches have."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hiroba.kernel.query.patterns import LAST_CHARACTER, compile_pattern, literal_beginning


@pytest.mark.parametrize(
    ("pattern", "beginning"),
    [
        ("^urn:a:1", "urn:a:1"),
        ("^urn:a:1?", "urn:a:"),
        (r"^a\.b", "a.b"),
        (r"^a\.*", "a"),
        (r"^a\d", "a"),
        ("^a|b", ""),
        ("a", ""),
        ("^(a)", ""),
        ("^[ab]", ""),
        ("^", ""),
    ],
)
def test_what_is_spelled_out(pattern: str, beginning: str) -> None:
    assert literal_beginning(pattern) == beginning


@given(st.text("ab:?*+.\\[]()|{}$^1d", max_size=6), st.text("ab:1.", max_size=6))
def test_all_that_matches_begins_so(rest: str, text: str) -> None:
    pattern = "^a" + rest
    try:
        fits = compile_pattern(pattern)
    except (ValueError, re.error):
        return
    beginning = literal_beginning(pattern)
    if fits(text):
        assert text.startswith(beginning)
        assert beginning <= text < beginning + LAST_CHARACTER
