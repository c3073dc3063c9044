"""Times and the names of things (GS CIM 009, 4.6.2, 4.6.3 and RFC 3986)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hiroba.kernel.model.errors import BadRequestData, shown
from hiroba.kernel.model.ids import check_uri, is_uri, new_instance_id, new_urn
from hiroba.kernel.model.instants import check_instant, format_instant, is_instant, now, parse_instant
from hiroba.kernel.model.names import is_language, is_name, is_type_name


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:01.5Z", 1_500_000),
        ("1970-01-01T00:00:01,000001Z", 1_000_001),
        ("2026-04-01T09:30:00.123456Z", 1_775_035_800_123_456),
        ("1969-12-31T23:59:59.999Z", -1000),
    ],
)
def test_a_date_time_is_a_point_in_time(text: str, instant: int) -> None:
    assert is_instant(text)
    assert check_instant(text, "observedAt") == text
    assert parse_instant(text) == instant


@pytest.mark.parametrize(
    "text",
    [
        "2026-04-01",
        "2026-04-01T09:30Z",
        "2026-04-01T09:30:00",
        "2026-04-01T09:30:00+09:00",
        "2026-04-01T09:30:00.1234567Z",
        "2026-04-01T09:30:00.Z",
        "2026-04-01 09:30:00Z",
        "2026-02-30T00:00:00Z",
        "2026-04-01T24:00:01Z",
        "20260401T093000Z",
        "２０２６-04-01T09:30:00Z",
        "2026-04-01T09:30:00Z\n",
        "",
        None,
        1_775_035_800,
    ],
)
def test_anything_else_is_refused_with_the_member_named(text: object) -> None:
    assert not is_instant(text)
    with pytest.raises(BadRequestData, match="observedAt is "):
        check_instant(text, "observedAt")


@given(st.integers(-62_135_596_800_000, 253_402_300_799_999))
def test_what_is_written_is_read_back_to_the_millisecond(milliseconds: int) -> None:
    assert parse_instant(format_instant(milliseconds * 1000)) == milliseconds * 1000


def test_now_is_in_microseconds() -> None:
    assert parse_instant("2025-01-01T00:00:00Z") < now() < parse_instant("9999-01-01T00:00:00Z")


@pytest.mark.parametrize("text", ["urn:ngsi-ld:Building:1", "https://a.example/x?y#z", "urn:市:避難場所-1", "a:b"])
def test_uris_are_taken(text: str) -> None:
    assert is_uri(text)
    assert check_uri(text, "id") == text


@pytest.mark.parametrize(
    "text", ["", "plain", "urn:", ":x", "1a:b", "urn:a b", "urn:<a>", "urn:a\n", 'urn:"a"', None, 5, []]
)
def test_what_is_no_uri_is_refused_with_the_member_named(text: object) -> None:
    assert not is_uri(text)
    with pytest.raises(BadRequestData, match="object is "):
        check_uri(text, "object")


def test_new_names_are_uris_and_never_twice() -> None:
    assert is_uri(new_urn("Subscription"))
    assert new_urn("Subscription").startswith("urn:ngsi-ld:Subscription:")
    assert len({new_instance_id() for _ in range(100)}) == 100


@pytest.mark.parametrize("text", ["a", "水位", "ルート", "a_1", "N-TOT", "Ａ"])
def test_names_of_any_script_are_names(text: str) -> None:
    assert is_name(text)


@pytest.mark.parametrize("text", ["", "_a", "1a", "-a", "a b", "a(b", "a.b", "a;b", "水・位", "a\u0000"])
def test_names_with_other_characters_are_none(text: str) -> None:
    assert not is_name(text)
    assert not is_type_name(text)


def test_types_may_be_prefixed_names_or_uris() -> None:
    assert is_type_name("town:River")
    assert is_type_name("防災:水位")
    assert is_type_name("https://town.example/River")
    assert not is_type_name("防災:水<位")


def test_language_tags() -> None:
    assert is_language("ja")
    assert is_language("zh-Hant-TW")
    assert is_language("@none")
    assert not is_language("日本語")
    assert not is_language("@all")


def test_messages_show_values_briefly() -> None:
    assert shown("x" * 500) == repr("x" * 500)[:80] + "…"
    assert [shown(one) for one in (None, True, [], {}, 1.5, "a")] == [
        "null",
        "true",
        "an array",
        "an object",
        "1.5",
        "'a'",
    ]
