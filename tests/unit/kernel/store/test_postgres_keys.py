"""Keys of values sort as the values do, and no two values share one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hiroba.kernel.store.postgres.keys import (
    beginning_bounds,
    id_key,
    number_bounds,
    scope_bounds,
    scope_key,
    value_key,
)

numbers = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.integers(2**53 - 3, 2**53 + 3),
    st.floats(allow_nan=False),
    st.sampled_from([0, -0.0, 0.0, 2**53 + 1, -(2**53) - 1]),
)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)


@given(numbers, numbers)
def test_numbers_lie_within_their_bounds(one: float, other: float) -> None:
    low, high = sorted((one, other))
    bottom, top = number_bounds(low, high)
    assert bottom <= value_key(low) < top
    assert bottom <= value_key(high) < top
    assert (value_key(one) == value_key(other)) is (one == other)
    if float(one) < float(other):
        assert value_key(one) < value_key(other)
        assert not number_bounds(one, one)[0] <= value_key(other) < number_bounds(one, one)[1]


def test_numbers_that_are_too_large_to_compare_are_beyond_all() -> None:
    assert number_bounds(10**400, None)[0] > value_key(1e308)
    assert number_bounds(None, -(10**400))[1] <= value_key(-1e308)


@given(texts, texts)
def test_texts_sort_by_code_point_between_numbers_and_the_rest(one: str, other: str) -> None:
    assert (value_key(one) < value_key(other)) is (one < other)
    assert value_key(2**62) < value_key(one) < value_key(b"")


@given(texts, texts)
def test_long_ids_and_scopes_keep_their_beginnings_and_are_never_mixed_up(one: str, more: str) -> None:
    low, high = beginning_bounds(one)
    assert low <= id_key(one + more) < high
    assert (id_key(one) == id_key(more)) is (one == more)
    low, high = scope_bounds("/" + one)
    assert low <= scope_key(f"/{one}/{more}") < high
    assert (scope_key(one * 5) == scope_key(more * 5)) is (one == more)
