"""Check every Takamatsu CSV: counts, types, places and ids, all counted from the raw file."""

from __future__ import annotations

import csv
import os
from collections import Counter
from pathlib import Path

import pytest

from hiroba.apps.imports.entities import Made
from hiroba.apps.imports.reasons import Reject
from hiroba.apps.imports.source import open_source

ROOT = Path(__file__).parents[4]
DATA = Path(os.environ.get("HIROBA_TEST_DATA", ROOT.parent / "shared" / "data"))
CITY = DATA / "01_city_takamatsu"
pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(not CITY.is_dir(), reason=f"no open data at {CITY}: set HIROBA_TEST_DATA"),
]

EXPECTED = {
    "aed": ("aed", "AED"),
    "bicycle_rental_ports": ("bicycle-rental-ports", "BikeHireDockingStation"),
    "branch_offices": ("branch-offices", "CityOffice"),
    "city_bicycle_parking": ("bicycle-parking", "BicycleParking"),
    "city_tax_settlement": ("tax-settlement", "TaxSettlement"),
    "clinics": ("clinics", "MedicalInstitution"),
    "community_centers": ("community-centers", "CommunityCenter"),
    "cultural_properties": ("cultural-properties", "CulturalProperty"),
    "evacuation_sites": ("evacuation-sites", "EvacuationSite"),
    "events": ("events", "Event"),
    "fire_brigade_posts": ("fire-brigade-posts", "FireBrigadePost"),
    "fire_stations": ("fire-stations", "FireStation"),
    "garbage_collection_calendar": ("waste-collection-calendar", "WasteCollectionSchedule"),
    "garbage_separation": ("waste-sorting", "WasteSortingRule"),
    "hospitals": ("medical-institutions", "MedicalInstitution"),
    "kindergartens": ("kindergartens", "Kindergarten"),
    "libraries": ("libraries", "Library"),
    "middle_schools": ("junior-high-schools", "JuniorHighSchool"),
    "municipal_parking": ("parking", "OffStreetParking"),
    "nursery_schools": ("childcare-facilities", "NurserySchool"),
    "open_data_list": ("open-data-list", "Dataset"),
    "park_and_ride": ("park-and-ride", "OffStreetParking"),
    "parks": ("parks", "Park"),
    "polling_places": ("polling-places", "PollingPlace"),
    "primary_schools": ("primary-schools", "PrimarySchool"),
    "public_toilets": ("public-toilets", "PublicToilet"),
    "public_wifi": ("public-wifi", "WiFiAccessPoint"),
    "recycling_boxes": ("recycling-boxes", "WasteContainer"),
    "regional_support_centers": ("care-support-centers", "CareSupportCenter"),
    "reservoirs": ("reservoirs", "IrrigationPond"),
    "sandbag_sites": ("sandbag-sites", "SandbagStation"),
    "sewer_facilities": ("sewage-plants", "WasteWaterPlant"),
    "tourist_facilities": ("tourist-facilities", "TouristAttraction"),
    "tsunami_evacuation_buildings": ("tsunami-evacuation-buildings", "TsunamiEvacuationBuilding"),
    "water_supply_facilities": ("water-supply-facilities", "WaterSupplyFacility"),
}
WITHOUT_GEOJSON = {
    "city_tax_settlement",
    "garbage_collection_calendar",
    "garbage_separation",
    "open_data_list",
}
MULTIPLE_PLACES = {"events": 2}
"""Rows whose coordinate cells name several places; they stay without a location and are reported."""


def raw(stem: str) -> tuple[list[str], list[list[str]]]:
    with (CITY / f"{stem}.csv").open(encoding="utf-8-sig", newline="") as file:
        header, *rows = list(csv.reader(file))
    return header, rows


def helper(name: str) -> bool:
    return not name or name.startswith(("#", "№", "←"))


def run(path: Path, name: str | None = None) -> tuple[list[Made], list[Reject], str | None, str]:
    (dataset,) = open_source(path, name or path.name)
    results = list(dataset.entities())
    return (
        [item for item in results if isinstance(item, Made)],
        [item for item in results if isinstance(item, Reject)],
        dataset.mapping.id if dataset.mapping else None,
        dataset.type,
    )


def test_every_csv_is_expected() -> None:
    assert {path.stem for path in CITY.glob("*.csv")} == set(EXPECTED)


@pytest.mark.parametrize("stem", sorted(EXPECTED))
def test_counts_types_and_places(stem: str) -> None:
    header, rows = raw(stem)
    made, rejects, mapping, type = run(CITY / f"{stem}.csv")
    assert (mapping, type) == EXPECTED[stem]
    says = [
        [cell for name, cell in zip(header, row, strict=True) if not helper(name) and cell not in ("", "0", "-")]
        for row in rows
    ]
    assert len(made) == sum(1 for cells in says if cells)
    assert sum(1 for reject in rejects if reject.row) == sum(1 for cells in says if not cells)
    assert all(item.entity["type"] == type for item in made)
    assert len({item.entity["id"] for item in made}) == len(made)
    lat, lon = (
        next((header.index(n) for n in names if n in header), None)
        for names in (("latitude", "緯度"), ("longitude", "経度"))
    )
    if lat is None or lon is None:
        assert not any("location" in item.entity for item in made)
        return
    expected = Counter()
    for row in rows:
        try:
            place = (float(row[lon]), float(row[lat]))
        except ValueError:
            continue
        if place != (0.0, 0.0):
            expected[place] += 1
    found = Counter(
        tuple(item.entity["location"]["value"]["coordinates"]) for item in made if "location" in item.entity
    )
    assert found == expected
    unplaced = [r for r in rejects if r.reason.code == "not_a_coordinate"]
    assert len(unplaced) == MULTIPLE_PLACES.get(stem, 0)


@pytest.mark.parametrize("stem", sorted(EXPECTED))
def test_the_name_of_the_file_is_not_needed(stem: str) -> None:
    _, _, mapping, _ = run(CITY / f"{stem}.csv", "data.csv")
    assert mapping == EXPECTED[stem][0]


@pytest.mark.parametrize("stem", sorted(set(EXPECTED) - WITHOUT_GEOJSON))
def test_geojson_of_the_same_rows_has_the_same_ids(stem: str) -> None:
    path = CITY / f"{stem}.geojson"
    csv_made, *_ = run(CITY / f"{stem}.csv")
    json_made, _, mapping, _ = run(path)
    assert mapping == EXPECTED[stem][0]
    by_id = {item.entity["id"]: item.entity for item in csv_made}
    assert json_made
    for item in json_made:
        assert item.entity == by_id[item.entity["id"]]


def test_official_ids_are_keys_and_row_numbers_are_not() -> None:
    hospitals, *_ = run(CITY / "hospitals.csv")
    _, rows = raw("hospitals")
    assert [item.entity["id"] for item in hospitals] == [
        f"urn:ngsi-ld:MedicalInstitution:372013:{row[0]}" for row in rows
    ]
    ponds, *_ = run(CITY / "reservoirs.csv")
    _, rows = raw("reservoirs")
    assert [item.entity["id"].rsplit(":", 1)[1] for item in ponds] == [row[3] for row in rows]
    parks, *_ = run(CITY / "parks.csv")
    assert not any(item.entity["id"].rsplit(":", 1)[1].isdigit() and len(item.entity["id"]) < 40 for item in parks)


def test_values_are_typed() -> None:
    sites, *_ = run(CITY / "evacuation_sites.csv")
    header, rows = raw("evacuation_sites")
    first = sites[0].entity
    assert first["name"]["value"] == rows[0][header.index("name")]
    assert first["capacity"] == {"type": "Property", "value": 238, "unitCode": "C62"}
    assert first["elevation"] == {"type": "Property", "value": 1.7, "unitCode": "MTR"}
    assert (first["floodSafety"]["value"], first["largestFloodSafety"]["value"]) == (
        "suitable",
        "conditional",
    )
    assert first["designatedShelter"]["value"] is True
    capacity = header.index("capacity")
    assert sum(item.entity.get("capacity", {}).get("value", 0) for item in sites) == sum(
        int(row[capacity]) for row in rows if row[capacity]
    )


def test_line_breaks_and_trailing_columns_survive() -> None:
    made, *_ = run(CITY / "events.csv")
    header, rows = raw("events")
    assert header.count("") == 12
    assert [item.entity["name"]["value"] for item in made] == [
        " ".join(part.strip() for part in row[header.index("行事名")].strip().split("\n")) for row in rows
    ]
    assert all("c_" not in name and name for item in made for name in item.entity)
