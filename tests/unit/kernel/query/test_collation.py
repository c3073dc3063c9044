"""Orders of texts by language (GS CIM 009, 4.23.3; RFC 6067)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hiroba.kernel.model.errors import BadRequestData, OperationNotSupported
from hiroba.kernel.query.collation import ROOTED, parse_collation


def ordered(tag: str, texts: str) -> str:
    return " ".join(sorted(texts.split(), key=parse_collation(tag).key()))


@pytest.mark.parametrize("tag", ["und", "und-x-icu", "en", "fr-FR", "root", "de-u-co-standard", "und-u-ks-level3"])
def test_the_root_ranks_accents_and_case_behind_letters(tag: str) -> None:
    assert ordered(tag, "b á Z a A z ä 10 é e f") == "10 a A á ä b e é f z Z"


def test_the_root_ranks_kana_by_their_sounds_and_kanji_behind_them() -> None:
    assert ordered("und", "漢 カ が あ か ガ 亜 a 一") == "a あ か カ が ガ 一 亜 漢"


def test_german_phone_books_rank_umlauts_as_two_letters() -> None:
    assert ordered("und", "Ärger Adler Aerger Af Zebra") == "Adler Aerger Af Ärger Zebra"
    assert ordered("de-u-co-phonebk", "Ärger Adler Aerger Af Zebra") == "Adler Aerger Ärger Af Zebra"


def test_japanese_ranks_kanji_by_the_national_standard() -> None:
    # 亜 (16-01) 愛 (16-06) 一 (16-76) 漢 (20-33) 鰐 (47-44), the second level 弌 (48-01), then what is in neither
    assert ordered("ja", "侊 弌 漢 鰐 一 愛 亜 わ a") == "a わ 亜 愛 一 漢 鰐 弌 侊"
    assert ordered("ja", "さい さー さう") == "さー さい さう"


@pytest.mark.parametrize(
    ("strength", "same"),
    [("level1", ["a", "A", "á"]), ("level2", ["a", "A"]), ("level3", ["a"]), ("identic", ["a"])],
)
def test_strengths(strength: str, same: list[str]) -> None:
    key = parse_collation(f"und-u-ks-{strength}").key()
    assert [text for text in ("a", "A", "á", "b") if key(text) == key("a")] == same


@pytest.mark.parametrize("tag", ["!!nope", "", "x", "und-u-ks", "und-u-kss-level1", "de_DE"])
def test_what_is_no_tag_is_refused(tag: str) -> None:
    with pytest.raises(BadRequestData, match="collation"):
        parse_collation(tag)


@pytest.mark.parametrize("tag", ["sv", "fr-CA", "de-u-co-eor", "en-u-co-phonebk", "und-u-kn-true", "zh-u-co-pinyin"])
def test_orders_that_are_not_known_are_refused(tag: str) -> None:
    with pytest.raises(OperationNotSupported, match="not known here"):
        parse_collation(tag)


@given(
    st.sampled_from([*sorted(ROOTED), "ja", "de-u-co-phonebk", "ja-u-ks-level1"]),
    st.lists(st.text(max_size=8), max_size=8),
)
def test_any_texts_can_be_ordered(tag: str, texts: list[str]) -> None:
    key = parse_collation(tag).key()
    ascending = sorted(texts, key=key)
    assert [key(text) for text in ascending] == sorted(key(text) for text in texts)
    assert sorted(ascending) == sorted(texts)
