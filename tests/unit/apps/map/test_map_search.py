"""The index of names: spellings meet, the best comes first, what is gone is gone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hiroba.apps.map.folding import fold, grams, phrase, words
from hiroba.apps.map.places import Place, address, entity_place
from hiroba.apps.map.search import Index
from hiroba.sdk import errors


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ポート", "ﾎﾟｰﾄ"),
        ("ポート", "ぽーと"),
        ("ヴィラ", "ゔぃら"),
        ("ＡＥＤ１２", "aed12"),
        ("港町 二丁目", "港町二丁目"),
        ("コミュニティ・センター", "こみゅにてぃせんたー"),
        ("㈱汐見", "(株)汐見"),
    ],
)
def test_spellings_of_one_name_fold_to_the_same(one, other):
    assert fold(one) == fold(other)


@pytest.mark.parametrize(("one", "other"), [("はし", "ばし"), ("きよう", "きょう"), ("東", "西")])
def test_different_names_stay_different(one, other):
    assert fold(one) != fold(other)


@given(st.text(max_size=40))
def test_folding_twice_changes_nothing_more(text):
    assert fold(fold(text)) == fold(text)


def kept(name, *others, id=None, kind="Building", address="", lon=133.66, lat=34.11):
    id = id or f"urn:ngsi-ld:{kind}:{name}"
    return Place(id, kind, name, (name, *others), address, lon, lat, "point")


@pytest.fixture
def index(tmp_path):
    index = Index(tmp_path / "places.db")
    yield index
    index.close()


def found(index, text, **more):
    return [hit.name for hit in index.search("", text, limit=more.pop("limit", 20), **more)]


def test_a_name_is_found_in_any_script_from_any_part(index):
    index.write("", [kept("港町ポートビル", "ミナトマチポートビル"), kept("松原公園")], seq=1)
    for text in ("港町", "ﾎﾟｰﾄ", "ぽーと", "みなとまち", "ビル", "ル", "港町ポートビル", "港 ビル"):
        assert found(index, text) == ["港町ポートビル"], text
    assert found(index, "港松") == []
    assert found(index, "港 公園") == []


def test_the_better_match_comes_first(index):
    places = [
        kept("新松原公園管理棟"),
        kept("松原公園前"),
        kept("港の家", address="汐見市松原公園町1"),
        kept("松原公園"),
        kept("緑地", "松原公園"),
    ]
    index.write("", places, seq=1)
    assert found(index, "松原公園") == ["松原公園", "緑地", "松原公園前", "新松原公園管理棟", "港の家"]
    assert found(index, "松原公園", limit=2) == ["松原公園", "緑地"]


def test_an_address_and_an_id_lead_to_the_place(index):
    index.write("", [kept("集会所", id="urn:ngsi-ld:Building:kasuga-1", address="香川県高松市春日町12-3")], seq=1)
    for text in (
        "春日町１２",
        "高松市 集会所",
        "kasuga",
        "urn:ngsi-ld:Building:kasuga-1",
        "urn:ngsi-ld:Build",
    ):
        assert found(index, text) == ["集会所"], text


def test_nothing_asked_is_nothing_found_and_odd_letters_break_nothing(index):
    index.write("", [kept("松原公園")], seq=1)
    for text in ("", "   ", '"', "* OR *", "NEAR(", "公園) OR (", "'; DROP TABLE place; --", "\x00", "𠮷"):
        assert found(index, text) in ([], ["松原公園"])
    assert found(index, "松原") == ["松原公園"]


def test_a_changed_name_replaces_the_old_one_and_a_deleted_place_is_gone(index):
    index.write("", [kept("旧役場", id="urn:x:1")], seq=1)
    index.write("", [kept("資料館", id="urn:x:1")], seq=2)
    assert found(index, "旧役場") == []
    assert found(index, "資料館") == ["資料館"]
    index.write("", [], ["urn:x:1"], seq=3)
    assert found(index, "資料館") == []
    assert index.shapes("") == {}


def test_tenants_and_types_are_kept_apart(index):
    index.write("", [kept("中央橋", kind="Bridge"), kept("中央駅", kind="Station")], seq=1)
    index.write("minato", [kept("中央市場")], seq=1)
    assert set(found(index, "中央")) == {"中央橋", "中央駅"}
    assert found(index, "中央", types=["Station"]) == ["中央駅"]
    assert [hit.name for hit in index.search("minato", "中央", limit=5)] == ["中央市場"]
    index.forget("")
    assert found(index, "中央") == []
    assert index.progress("") is None
    assert [hit.name for hit in index.search("minato", "中央", limit=5)] == ["中央市場"]


def test_progress_and_places_outlive_the_process(tmp_path):
    index = Index(tmp_path / "places.db")
    index.write("", [kept("松原公園")], seq=41)
    index.close()
    again = Index(tmp_path / "places.db")
    assert again.progress("").seq == 41
    assert [hit.name for hit in again.search("", "松原", limit=5)] == ["松原公園"]
    again.close()


def test_a_file_of_another_edition_is_made_anew(tmp_path):
    (tmp_path / "places.db").write_bytes(b"")
    index = Index(tmp_path / "places.db")
    assert index.progress("") is None
    index.write("", [kept("松原公園")], seq=1)
    index.close()


def test_the_extent_leaves_out_the_few_that_lie_elsewhere(index):
    places = [kept(f"{n}", lon=133.6 + n / 10000, lat=34.1 + n / 10000) for n in range(999)]
    index.write("", [*places, kept("迷子", lon=0.0, lat=0.0), kept("無所属", lon=None, lat=None)], seq=1)
    west, south, east, _ = index.extent("")
    assert 133.6 <= west < 133.61
    assert 34.1 <= south < 34.11
    assert 133.69 < east < 133.7
    assert index.extent("nowhere") is None


@given(text=st.text(alphabet="汐見港町あいう12ab", min_size=1, max_size=12), data=st.data())
def test_every_part_of_a_name_is_a_phrase_of_its_grams(text, data):
    start = data.draw(st.integers(0, len(text) - 1))
    part = text[start : data.draw(st.integers(start + 1, len(text)))]
    tokens = grams(text).split()
    if len(part) == 1:
        assert any(token.startswith(part) for token in tokens)
        return
    asked = phrase(part).strip('"').split()
    assert any(tokens[at : at + len(asked)] == asked for at in range(len(tokens)))


def test_words_split_at_any_blank():
    assert words("港町　ビル\t１") == ["港町", "びる", "1"]


def test_what_is_kept_of_an_entity():
    entity = {
        "id": "urn:ngsi-ld:GtfsStop:1",
        "type": "GtfsStop",
        "name": {"type": "LanguageProperty", "languageMap": {"en": "Port", "ja": "港"}},
        "alternateName": {"type": "Property", "value": ["みなと", "minato"]},
        "address": {
            "type": "Property",
            "value": {
                "addressRegion": "香川県",
                "addressLocality": "汐見市",
                "streetAddress": "港町1",
                "addressCountry": "JP",
            },
        },
        "location": {
            "type": "GeoProperty",
            "value": {"type": "LineString", "coordinates": [[133.6, 34.1], [133.8, 34.1]]},
        },
    }
    assert entity_place(entity) == Place(
        "urn:ngsi-ld:GtfsStop:1", "GtfsStop", "港", ("港", "Port", "みなと", "minato"), "香川県汐見市港町1",
        133.7, 34.1, "line",
    )  # fmt: skip


def test_an_entity_without_name_and_place_is_kept_all_the_same():
    bare = entity_place({"id": "urn:x:1", "type": ["A", "B"], "location": {"type": "GeoProperty", "value": None}})
    assert bare == Place("urn:x:1", "A")


def test_a_damaged_index_is_made_anew(tmp_path):
    (tmp_path / "places.db").write_bytes(b"this is no database at all" * 100)
    index = Index(tmp_path / "places.db")
    index.write("", [kept("松原公園")], seq=1)
    assert found(index, "松原") == ["松原公園"]
    index.close()


def test_a_file_that_cannot_be_used_is_told_in_the_words_of_the_sdk(tmp_path):
    with pytest.raises(errors.StoreUnavailable, match="index of names"):
        Index(tmp_path / "missing" / "places.db")


@pytest.mark.parametrize(
    "value",
    [
        {"type": "Polygon", "coordinates": []},
        {"type": "MultiPolygon", "coordinates": []},
        {"type": "Polygon", "coordinates": [[[0, 0], [1, 1]]]},
        {"type": "Hypercube", "coordinates": [1, 2]},
        {"type": "LineString", "coordinates": ["a", "b"]},
        "POINT (1 2)",
    ],
)
def test_a_location_that_is_none_leaves_an_entity_without_a_place(value):
    entity = {"id": "urn:x:1", "type": "A", "location": {"type": "GeoProperty", "value": value}}
    assert (entity_place(entity).lon, entity_place(entity).shape) == (None, "")


@pytest.mark.parametrize(
    ("parts", "line"),
    [
        (("香川県", "高松市", "香川県高松市瀬戸内町18-2"), "香川県高松市瀬戸内町18-2"),
        ((None, "香川県高松市", "香川県高松市瀬戸内町18-2"), "香川県高松市瀬戸内町18-2"),
        (("香川県", "高松市", "高松市番町1"), "香川県高松市番町1"),
        (("香川県", "高松市", "番町1"), "香川県高松市番町1"),
        (("Kagawa", "Takamatsu", "1 Bancho"), "1 Bancho, Takamatsu, Kagawa"),
    ],
)
def test_an_address_says_every_part_once(parts, line):
    keys = ("addressRegion", "addressLocality", "streetAddress")
    value = {key: part for key, part in zip(keys, parts, strict=True) if part}
    assert address({"type": "Property", "value": value}) == line
