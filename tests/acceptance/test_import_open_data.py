"""Real open data goes into a real server by `hiroba import`, and is there as the files say."""

from __future__ import annotations

import csv
import functools
import http.server
import json
import os
import re
import subprocess
import sys
import threading
import zipfile
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import openpyxl
import pytest

from real_server import Running

V1 = "/ngsi-ld/v1"
TYPES = {
    "aed": "AED",
    "bicycle_rental_ports": "BikeHireDockingStation",
    "branch_offices": "CityOffice",
    "city_bicycle_parking": "BicycleParking",
    "city_tax_settlement": "TaxSettlement",
    "clinics": "MedicalInstitution",
    "community_centers": "CommunityCenter",
    "cultural_properties": "CulturalProperty",
    "evacuation_sites": "EvacuationSite",
    "events": "Event",
    "fire_brigade_posts": "FireBrigadePost",
    "fire_stations": "FireStation",
    "garbage_collection_calendar": "WasteCollectionSchedule",
    "garbage_separation": "WasteSortingRule",
    "hospitals": "MedicalInstitution",
    "kindergartens": "Kindergarten",
    "libraries": "Library",
    "middle_schools": "JuniorHighSchool",
    "municipal_parking": "OffStreetParking",
    "nursery_schools": "NurserySchool",
    "open_data_list": "Dataset",
    "park_and_ride": "OffStreetParking",
    "parks": "Park",
    "polling_places": "PollingPlace",
    "primary_schools": "PrimarySchool",
    "public_toilets": "PublicToilet",
    "public_wifi": "WiFiAccessPoint",
    "recycling_boxes": "WasteContainer",
    "regional_support_centers": "CareSupportCenter",
    "reservoirs": "IrrigationPond",
    "sandbag_sites": "SandbagStation",
    "sewer_facilities": "WasteWaterPlant",
    "tourist_facilities": "TouristAttraction",
    "tsunami_evacuation_buildings": "TsunamiEvacuationBuilding",
    "water_supply_facilities": "WaterSupplyFacility",
}
"""Takamatsu's files → the entity type that each becomes."""


def bring(server: Running, tenant: str, *sources: Path | str, code: int = 0, options: tuple[str, ...] = ()) -> str:
    """Run `hiroba import` and return what it printed."""
    command = [sys.executable, "-m", "hiroba.cli.main", "import", *map(str, sources)]
    command += ["--url", server.url, "--tenant", tenant, *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def sums(printed: str) -> tuple[int, ...]:
    """Return the last line of figures of the final table: read, written, unchanged, rejected."""
    lines = re.findall(r"│\s+(\d+) │\s+(\d+) │\s+(\d+) │\s+(\d+) │", printed)
    return tuple(int(figure) for figure in lines[-1])


def entities(server: Running, tenant: str, type: str) -> list[dict[str, Any]]:
    """Return all entities of a type, simplified, by the standard's own door."""
    found: list[dict[str, Any]] = []
    while True:
        path = f"{V1}/entities?type={quote(type)}&format=simplified&limit=1000&offset={len(found)}"
        reply = server.call("GET", path, NGSILD_Tenant=tenant)
        assert reply.status == 200, reply.body
        found += reply.body
        if len(reply.body) < 1000:
            return found


def history_length(server: Running, tenant: str, id: str) -> int:
    """Return how many values an entity's history holds."""
    reply = server.call("GET", f"{V1}/temporal/entities/{quote(id)}", NGSILD_Tenant=tenant)
    assert reply.status == 200, reply.body
    return sum(
        len(part) if isinstance(part, list) else 1 for part in reply.body.values() if isinstance(part, list | dict)
    )


def takamatsu(folder: Path) -> tuple[Counter[str], dict[str, Counter[tuple[float, float]]]]:
    """Return, from the raw files, how many rows say something per type, and where they are."""
    counts: Counter[str] = Counter()
    places: dict[str, Counter[tuple[float, float]]] = defaultdict(Counter)
    for path in sorted(folder.glob("*.csv")):
        with path.open(encoding="utf-8-sig", newline="") as file:
            header, *rows = list(csv.reader(file))
        lat = next((n for n, name in enumerate(header) if name in ("latitude", "緯度")), None)
        lon = next((n for n, name in enumerate(header) if name in ("longitude", "経度")), None)
        data = [n for n, name in enumerate(header) if name and not name.startswith(("#", "№", "←"))]
        for row in rows:
            if not any(row[n] not in ("", "0") for n in data):
                continue
            counts[TYPES[path.stem]] += 1
            try:
                place = (float(row[lon]), float(row[lat])) if lat is not None and lon is not None else (0.0, 0.0)
            except ValueError:
                continue  # a cell that names several places
            if place != (0.0, 0.0):
                places[TYPES[path.stem]][place] += 1
    return counts, places


@pytest.fixture(scope="module")
def city(server: Running, open_data: Path) -> tuple[Running, Path]:
    """The server with all CSVs of Takamatsu, and where they came from."""
    folder = open_data / "01_city_takamatsu"
    printed = bring(server, "takamatsu", *sorted(folder.glob("*.csv")))
    counts, _ = takamatsu(folder)
    assert sums(printed)[1] == sum(counts.values())
    return server, folder


@pytest.mark.data
def test_every_takamatsu_row_is_there_and_where_it_belongs(city: tuple[Running, Path]) -> None:
    server, folder = city
    assert {path.stem for path in folder.glob("*.csv")} == set(TYPES)
    counts, places = takamatsu(folder)
    for type, count in counts.items():
        found = entities(server, "takamatsu", type)
        assert len(found) == count, type
        located = Counter(tuple(one["location"]["coordinates"]) for one in found if "location" in one)
        assert located == places[type], type
        assert {one["type"] for one in found} == {type}


@pytest.mark.data
def test_importing_again_writes_nothing_and_adds_no_history(city: tuple[Running, Path]) -> None:
    server, folder = city
    site = entities(server, "takamatsu", "EvacuationSite")[0]["id"]
    before = history_length(server, "takamatsu", site)
    printed = bring(server, "takamatsu", folder / "evacuation_sites.csv", folder / "aed.csv")
    assert sums(printed) == (193 + 455, 0, 193 + 455, 0)
    assert history_length(server, "takamatsu", site) == before


@pytest.mark.data
def test_an_evacuation_site_is_found_by_the_standards_queries(city: tuple[Running, Path]) -> None:
    server, folder = city
    with (folder / "evacuation_sites.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    row = next(row for row in rows if row["name"] == "栗林小学校")
    query = quote('name=="栗林小学校"')
    reply = server.call("GET", f"{V1}/entities?type=EvacuationSite&q={query}", NGSILD_Tenant="takamatsu")
    (found,) = reply.body
    assert found["capacity"]["value"] == int(row["capacity"])
    near = f"georel=near;maxDistance==50&geometry=Point&coordinates=%5B{row['longitude']},{row['latitude']}%5D"
    reply = server.call("GET", f"{V1}/entities?type=EvacuationSite&{near}", NGSILD_Tenant="takamatsu")
    assert found["id"] in [one["id"] for one in reply.body]


@pytest.mark.data
def test_gsi_shelters(server: Running, open_data: Path) -> None:
    folder = open_data / "01_gsi_shelters"
    bring(server, "gsi", folder)
    for type, part in (("EvacuationSite", "emergency"), ("EvacuationShelter", "evacuation")):
        features = [
            feature for path in folder.glob(f"*_{part}.geojson") for feature in json.loads(path.read_text())["features"]
        ]
        found = entities(server, "gsi", type)
        assert Counter((one["name"], *one["location"]["coordinates"]) for one in found) == Counter(
            (feature["properties"]["施設・場所名"], *feature["geometry"]["coordinates"]) for feature in features
        )


@pytest.mark.data
def test_a_gtfs_jp_feed(server: Running, open_data: Path) -> None:
    path = open_data / "03_gtfs" / "gtfsjp_077434.zip"
    with zipfile.ZipFile(path) as feed:
        texts = {name: feed.read(name).decode("utf-8-sig").splitlines() for name in feed.namelist()}
    stops = list(csv.DictReader(texts["stops.txt"]))
    bring(server, "gtfs", path)
    found = entities(server, "gtfs", "GtfsStop")
    assert Counter((one["name"], *one["location"]["coordinates"]) for one in found) == Counter(
        (stop["stop_name"], float(stop["stop_lon"]), float(stop["stop_lat"]))
        for stop in stops
        if stop["location_type"] == "0"
    )
    assert len(entities(server, "gtfs", "GtfsRoute")) == len(texts["routes.txt"]) - 1
    shapes = {row["shape_id"] for row in csv.DictReader(texts["shapes.txt"])}
    assert len(entities(server, "gtfs", "GtfsShape")) == len(shapes)
    assert len(entities(server, "gtfs", "GtfsCalendarRule")) == len(texts["calendar.txt"]) - 1


@pytest.mark.data
def test_amedas_stations(server: Running, open_data: Path) -> None:
    path = open_data / "02_weather_disaster" / "amedas" / "amedastable.json"
    table = json.loads(path.read_text())
    bring(server, "amedas", path)
    found = {one["id"].rsplit(":", 1)[1]: one for one in entities(server, "amedas", "WeatherStation")}
    assert found.keys() == table.keys()
    for key, station in table.items():
        expected = [station[axis][0] + station[axis][1] / 60 for axis in ("lon", "lat")]
        assert found[key]["location"]["coordinates"] == pytest.approx(expected, abs=1e-6)


@pytest.mark.data
def test_smart_data_models_in_every_writing(server: Running, open_data: Path) -> None:
    folder = open_data / "07_ngsi_examples"
    examples = sorted(folder.glob("*/example*.json*"))
    printed = bring(server, "models", *examples)
    read, written, unchanged, rejected = sums(printed)
    assert (read, rejected) == (len(examples), 0)
    assert written + unchanged == read
    reply = server.call("GET", f"{V1}/types", NGSILD_Tenant="models")
    assert {path.parent.name for path in examples} <= set(reply.body["typeList"])
    weather = entities(server, "models", "WeatherObserved")
    assert {one["temperature"] for one in weather} == {3.3}
    assert all(one["location"]["coordinates"] == [-4.754444444, 41.640833333] for one in weather)


@pytest.mark.data
def test_the_report_names_file_line_column_and_reason(server: Running, open_data: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.csv"
    path = open_data / "01_city_takamatsu" / "events.csv"
    printed = bring(server, "report", path, options=("--report", str(report)))
    assert "緯度" in printed
    with report.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["file"], row["line"], row["column"]) for row in rows] == [
        (str(path), "84", "緯度"),
        (str(path), "220", "緯度"),
    ]
    assert all(row["reason_ja"] and row["reason_en"] for row in rows)


GOOD = "名称,緯度,経度\n駅前広場,34.34,134.05\n"


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.csv", b"%PDF-1.7", "PDF"),
        ("a.xlsx", GOOD.encode(), "CSV"),
        ("a.csv", b"", "empty"),
        ("a.geojson", b'{"type": "FeatureCollection", "features": [', "JSON"),
        ("a.csv", ("名称,緯度,経度\n" + '"' + "x," * 100_000).encode(), "line 2"),
    ],
)
def test_a_bad_file_is_named_and_nothing_is_written(
    server: Running, tmp_path: Path, name: str, content: bytes, told: str
) -> None:
    bad, good = tmp_path / name, tmp_path / "good.csv"
    bad.write_bytes(content)
    good.write_text(GOOD)
    tenant = f"bad_{abs(hash((name, told))) % 10_000}"
    printed = bring(server, tenant, bad, code=1)
    assert told in printed
    assert "1 of 1 could not be imported" in printed
    assert server.call("GET", f"{V1}/types", NGSILD_Tenant=tenant).status == 404, "not even the tenant was made"
    assert sums(bring(server, tenant, good)) == (1, 1, 0, 0)


def test_a_zip_bomb_is_refused(server: Running, tmp_path: Path) -> None:
    path = tmp_path / "feed.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("stops.txt", b"0" * 300_000_000)
    assert "times its size" in bring(server, "bomb", path, code=1)
    assert server.call("GET", "/health").status == 200


def test_an_address_a_folder_and_a_workbook_of_sheets(server: Running, tmp_path: Path) -> None:
    folder = tmp_path / "publish"
    folder.mkdir()
    (folder / "notes.md").write_text("no data")
    book = openpyxl.Workbook()
    book.active.title = "公園"
    for sheet, name in ((book.active, "東公園"), (book.create_sheet("図書館"), "東図書館")):
        sheet.append(["名称", "緯度", "経度"])
        sheet.append([name, 34.34, 134.05])
    book.save(folder / "一覧.xlsx")
    (folder / "広場.csv").write_bytes(GOOD.encode("cp932"))
    printed = bring(server, "sheets", folder)
    assert sums(printed) == (3, 3, 0, 0)
    assert [one["name"] for one in entities(server, "sheets", "Library")] == ["東図書館"]
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as publisher:
        threading.Thread(target=publisher.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{publisher.server_port}/"
        assert sums(bring(server, "sheets", address + quote("広場.csv"))) == (1, 0, 1, 0)
        assert "HTTP 404" in bring(server, "sheets", address + "none.csv", code=1)
        publisher.shutdown()


def test_nobody_there_and_nothing_to_read(server: Running, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(GOOD)
    command = [sys.executable, "-m", "hiroba.cli.main", "import"]
    for arguments, told in (
        ([str(path), "--url", "http://127.0.0.1:9"], "hiroba serve"),
        ([str(tmp_path / "none.csv"), "--url", server.url], "none.csv"),
        ([str(tmp_path / "empty"), "--url", server.url], "empty"),
    ):
        (tmp_path / "empty").mkdir(exist_ok=True)
        done = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=60)
        assert done.returncode == 1
        assert told in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1


def test_a_report_that_cannot_be_written_is_told_before_anything_is(server: Running, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(GOOD)
    report = ("--report", str(tmp_path / "nowhere" / "report.csv"))
    assert "report.csv: cannot be written: No such file" in bring(server, "reportless", path, code=1, options=report)
    assert server.call("GET", f"{V1}/types", NGSILD_Tenant="reportless").status == 404


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read(server: Running, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(GOOD)
    path.chmod(0)
    assert "a.csv: cannot be read: Permission denied" in bring(server, "locked", path, code=1)


def test_import_and_undo_and_export_at_the_apps_door(start_server: Callable[..., Running], tmp_path: Path) -> None:
    store = tmp_path / "store"
    server = start_server("--store", str(store))
    upload = server.call("POST", "/apps/imports/uploads?tenant=t", GOOD.encode("cp932"), X_File_Name=quote("広場.csv"))
    assert (upload.status, upload.body["encoding"], upload.body["type"]) == (201, "cp932", "Park")
    begun = server.call("POST", f"/apps/imports/uploads/{upload.body['upload']}/run?tenant=t", {"retire": False})
    job = f"/apps/imports/jobs/{begun.body['job']}"
    while (state := server.call("GET", f"{job}?tenant=t").body)["state"] == "running":
        pass
    assert (state["state"], state["written"]) == ("done", 1)
    sheet = server.call("GET", "/apps/imports/export?type=Park&format=csv&tenant=t").body.decode("utf-8-sig")
    (row,) = csv.DictReader(sheet.splitlines())
    assert (row["name"], row["latitude"], row["longitude"]) == ("駅前広場", "34.34", "134.05")
    server.stop()
    again = start_server("--store", str(store))
    assert again.call("POST", f"{job}/undo?tenant=t").body["state"] == "undone"
    assert again.call("GET", f"{V1}/entities?type=Park", NGSILD_Tenant="t").body == []
