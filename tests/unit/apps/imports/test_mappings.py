"""Every data set is known from its columns, in the municipal standard's new names and in the older ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from hiroba.apps.imports.mapping import FOLDER, mappings, parse

Read = Callable[..., Any]

OLD = (
    "都道府県コード又は市区町村コード,NO,都道府県名,市区町村名,名称,名称_カナ,名称_英語,住所,方書,"
    "緯度,経度,電話番号,内線番号,法人番号,団体名"
)
NEW = (
    "全国地方公共団体コード,ID,地方公共団体名,名称,名称_カナ,名称_英字,所在地_全国地方公共団体コード,町字ID,所在地_連結表記,"
    "所在地_都道府県,所在地_市区町村,所在地_町字,所在地_番地以下,建物名等(方書),緯度,経度,高度の種別,高度の値,"
    "電話番号,内線番号,連絡先メールアドレス,連絡先FormURL,連絡先備考(その他、SNSなど),郵便番号,法人番号,団体名"
)
HOURS = "利用可能曜日,開始時間,終了時間,利用可能日時特記事項"
TAIL = "画像,画像_ライセンス,URL,備考"
TOILETS = (
    "設置位置,男性トイレ総数,男性トイレ数（小便器）,男性トイレ数（和式）,男性トイレ数（洋式）,女性トイレ総数,女性トイレ数（和式）,"
    "女性トイレ数（洋式）,男女共用トイレ総数,男女共用トイレ数（和式）,男女共用トイレ数（洋式）,多機能トイレ数,"
    "車椅子使用者用トイレ有無,乳幼児用設備設置トイレ有無,オストメイト設置トイレ有無,利用開始時間,利用終了時間,利用可能時間特記事項"
)
HAZARDS = (
    "災害種別_洪水,災害種別_崖崩れ、土石流及び地滑り,災害種別_高潮,災害種別_地震,災害種別_津波,災害種別_大規模な火事,"
    "災害種別_内水氾濫,災害種別_火山現象,指定避難所との重複,想定収容人数,対象となる町会・自治会"
)
EVENT = (
    "開始日,終了日,開始時間,終了時間,開始日時特記事項,説明,料金(基本),料金(詳細),連絡先名称,連絡先電話番号,連絡先内線番号,"
    "主催者,場所名称,住所,方書,緯度,経度,アクセス方法,駐車場情報,定員,参加申込終了日,参加申込終了時間,参加申込方法,カテゴリー"
)
STANDARD = {
    "aed": (f"設置位置,{HOURS},小児対応設備の有無", "AED"),
    "care-services": (f"{HOURS},FAX番号,事業所番号,実施サービスの種類,定員,法人の名称", "CareService"),
    "medical-institutions": (
        "医療機関の種類,FAX番号,診療曜日,診療開始時間,診療終了時間,診療日時特記事項,時間外における対応,医療機関コード,診療科目,病床数",
        "MedicalInstitution",
    ),
    "cultural-properties": (
        "文化財分類,種類,場所名称,員数(数),員数(単位),所有者等,文化財指定日,説明",
        "CulturalProperty",
    ),
    "tourist-facilities": (
        f"{HOURS},料金(基本),料金(詳細),説明,説明_英語,アクセス方法,駐車場情報",
        "TouristAttraction",
    ),
    "public-wifi": ("設置者,SSID,提供エリア", "WiFiAccessPoint"),
    "public-toilets": (TOILETS, "PublicToilet"),
    "fire-hydrants": ("種別,口径,設置位置", "FireHydrant"),
    "evacuation-sites": (HAZARDS, "EvacuationSite"),
    "public-facilities": (f"POIコード,アクセス方法,駐車場情報,{HOURS},説明,バリアフリー情報", "PublicFacility"),
    "childcare-facilities": (f"種別,収容定員,受入年齢,{HOURS},一時預かりの有無", "NurserySchool"),
}


def file_of(columns: str, **values: str) -> str:
    """A CSV with one row that has these values."""
    names = columns.split(",")
    quoted = ",".join(f'"{name}"' for name in names)
    cells = ",".join(f'"{values.get(name, "")}"' for name in names)
    return f"{quoted}\n{cells}\n"


@pytest.mark.parametrize("edition", ["old", "new"])
@pytest.mark.parametrize("dataset", sorted(STANDARD))
def test_the_standard_data_sets(write: Callable[..., Any], read: Read, dataset: str, edition: str) -> None:
    special, type = STANDARD[dataset]
    columns = ",".join([OLD if edition == "old" else NEW, special, TAIL])
    area, id, address = (
        ("都道府県コード又は市区町村コード", "NO", "住所")
        if edition == "old"
        else ("全国地方公共団体コード", "ID", "所在地_連結表記")
    )
    values = {
        area: "372013", id: "0001", "名称": "試験", address: "香川県高松市番町1-8-15",
        "緯度": "34.34", "経度": "134.05", "電話番号": "087-839-2011",
    }  # fmt: skip
    found, (made,), rejects = read(write("data.csv", file_of(columns, **values)))
    assert found.mapping.id == dataset
    assert not rejects
    entity = made.entity
    assert entity["id"] == f"urn:ngsi-ld:{type}:372013:0001"
    assert entity["name"]["value"] == "試験"
    assert entity["address"]["value"]["streetAddress"] == "香川県高松市番町1-8-15"
    assert entity["contactPoint"]["value"] == {"telephone": "087-839-2011"}
    assert entity["location"]["value"]["coordinates"] == [134.05, 34.34]
    unknown = {b.header for b in found.plan.bindings if not found.mapping.field_for(b.header)}
    assert unknown <= {"法人の名称", "参加申込終了時間"}, "every column of the standard has a name of its own"


@pytest.mark.parametrize(
    "columns",
    [
        f"都道府県コード又は市区町村コード,NO,都道府県名,市区町村名,イベント名,イベント名_カナ,イベント名_英語,{EVENT},URL,備考",
        f"全国地方公共団体コード,ID,地方公共団体名,イベント名,イベント名_カナ,イベント名_英字,{EVENT},URL,備考",
    ],
)
def test_events(write: Callable[..., Any], read: Read, columns: str) -> None:
    values = {
        "イベント名": "夏まつり", "開始日": "令和6年8月12日", "終了日": "2024/8/14", "開始時間": "10:00",
        "場所名称": "中央公園",
        "緯度": "34.34", "経度": "134.05", "料金(基本)": "無料", "主催者": "高松市", "連絡先電話番号": "087-839-2011",
    }  # fmt: skip
    found, (made,), rejects = read(write("data.csv", file_of(columns, **values)))
    assert (found.mapping.id, rejects) == ("events", [])
    plain = {name: part["value"] for name, part in made.entity.items() if isinstance(part, dict)}
    assert (plain["name"], plain["startDate"], plain["endDate"]) == ("夏まつり", "2024-08-12", "2024-08-14")
    assert (plain["startTime"], plain["venue"], plain["price"], plain["organizer"]) == (
        "10:00",
        "中央公園",
        "無料",
        "高松市",
    )


def test_hazards_of_the_standard(write: Callable[..., Any], read: Read) -> None:
    text = file_of(
        f"{NEW},{HAZARDS}",
        名称="体育館",
        緯度="34.3",
        経度="134.0",
        災害種別_洪水="1",
        災害種別_津波="0",
        想定収容人数="300",
    )
    _, (made,), rejects = read(write("data.csv", text))
    assert not rejects
    assert made.entity["floodSafety"]["value"] == "suitable"
    assert made.entity["tsunamiSafety"]["value"] == "unsuitable"
    assert "earthquakeSafety" not in made.entity
    assert made.entity["capacity"]["value"] == 300


@pytest.mark.parametrize("lat", ["緯度", "latitude", "lat", "Latitude", "ＬＡＴ"])
@pytest.mark.parametrize("lon", ["経度", "longitude", "lng", "lon"])
def test_any_table_with_coordinates_becomes_the_type_that_is_named(
    write: Callable[..., Any], read: Read, lat: str, lon: str
) -> None:
    text = f"店名,{lat},{lon},席数,コード,←データの項目名を入力,\nうどん屋,34.34,134.05,30,007,ここから,\n"
    found, (made,), rejects = read(write("shops.csv", text), type="Restaurant")
    assert (found.mapping, rejects) == (None, [])
    plain = {name: part["value"] for name, part in made.entity.items() if isinstance(part, dict)}
    assert plain == {
        "name": "うどん屋",
        "席数": 30,
        "コード": "007",
        "location": {"type": "Point", "coordinates": [134.05, 34.34]},
        "source": "table-shops",
    }
    assert made.entity["type"] == "Restaurant"


def test_attribute_names_are_safe(write: Callable[..., Any], read: Read) -> None:
    text = "名前,lat,lon,type,value,2024年,単価(円),a b:c,@id\nX,34.3,134.0,t,1,2,3,4,5\n"
    _, (made,), _ = read(write("x.csv", text), type="T")
    assert set(made.entity) == {
        "id", "type", "name", "location", "source", "type_", "value_", "c_2024年", "単価_円", "a_b_c", "id_",
    }  # fmt: skip


def test_every_mapping_is_whole() -> None:
    for name, mapping in mappings().items():
        assert mapping.title.keys() == {"ja", "en"}
        assert mapping.recognise.columns, name
        assert mapping.type[0].isupper()
        columns = [column for field in mapping.fields.values() for column in field.columns]
        assert len(mapping.by_column) >= len(set(columns)) - 12, f"{name} gives columns to two attributes"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"color": "red"}, "color"),
        ({"id": "other"}, "id"),
        ({"title": {"ja": "x"}}, "title"),
        ({"attributes": {"a": {"columns": ["b"], "type": "nonesuch"}}}, "nonesuch"),
        ({"attributes": {"a.b.c": ["d"]}}, "dot"),
        ({"recognise": {"files": "x"}}, "files"),
        ({"recognise": {"file": "("}}, "pattern"),
    ],
)
def test_a_broken_mapping_is_named(change: dict[str, Any], named: str) -> None:
    document = {"id": "x", "title": {"ja": "x", "en": "x"}, "type": "X", **change}
    with pytest.raises(ValueError, match=f"mapping x.*{named}"):
        parse(document, name="x")


def test_the_models_named_are_those_in_use() -> None:
    document = json.loads((FOLDER.parent / "models" / "smart-data-models.json").read_text())
    made = {mapping.type for mapping in mappings().values()}
    for name, link in document["types"].items():
        assert link.endswith(name)
        assert name in made or name.startswith("Gtfs")
