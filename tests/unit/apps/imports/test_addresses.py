"""Parts of an address: each where it belongs, said once, nothing lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hiroba.apps.imports.addresses import sorted_out


def parts(region: str | None, locality: str | None, street: str | None) -> dict[str, Any]:
    named = {"addressRegion": region, "addressLocality": locality, "streetAddress": street}
    return {key: value for key, value in named.items() if value is not None}


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ((None, "香川県高松市", "香川県高松市瀬戸内町18-2"), ("香川県", "高松市", "瀬戸内町18-2")),
        (("香川県", "高松市", "高松市番町1-2"), ("香川県", "高松市", "番町1-2")),
        (("香川県", "香川県高松市", "番町1-2"), ("香川県", "高松市", "番町1-2")),
        ((None, "北海道札幌市", "北海道札幌市中央区北1条"), ("北海道", "札幌市", "中央区北1条")),
        ((None, "神奈川県横浜市", "西区1"), ("神奈川県", "横浜市", "西区1")),
        ((None, "山県市", "高木1"), (None, "山県市", "高木1")),
        ((None, None, "香川県高松市番町1-2"), (None, None, "香川県高松市番町1-2")),
        (("香川県", "高松市", "香川県高松市"), ("香川県", "高松市", "高松市")),
        (("香川県", "高松市", None), ("香川県", "高松市", None)),
        ((None, "香川県", None), (None, "香川県", None)),
        (("Kagawa", "Takamatsu", "1 Bancho"), ("Kagawa", "Takamatsu", "1 Bancho")),
    ],
)
def test_parts_are_where_they_belong(given: tuple[str, ...], wanted: tuple[str, ...]) -> None:
    assert sorted_out(parts(*given)) == parts(*wanted)


def test_what_is_not_known_stays() -> None:
    address = {"buildingName": "2階", "streetAddress": "番町1", "postalCode": "760-0017", "addressLocality": "高松市"}
    assert sorted_out(address) == address
    assert list(sorted_out(address)) == ["postalCode", "addressLocality", "streetAddress", "buildingName"]


@pytest.mark.data
@pytest.mark.parametrize("name", ["372013_takamatsu_emergency.geojson", "372013_takamatsu_evacuation.geojson"])
def test_shelters_of_the_whole_country_name_prefecture_and_city_once(open_data: Path, read: Any, name: str) -> None:
    path = open_data / "01_gsi_shelters" / name
    features = json.loads(path.read_text())["features"]
    _, made, _ = read(path)
    for item, feature in zip(made, features, strict=True):
        address = item.entity["address"]["value"]
        assert (address["addressRegion"], address["addressLocality"]) == ("香川県", "高松市")
        assert "香川県高松市" + address["streetAddress"] == feature["properties"]["住所"]
