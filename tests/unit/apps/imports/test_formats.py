"""Feeds, shapes, features and entities: real files, counted independently, and a Shapefile made here."""

from __future__ import annotations

import csv
import datetime
import io
import json
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pyproj
import pytest
import shapefile

from hiroba.apps.imports.reasons import Reject, Unreadable
from hiroba.apps.imports.source import open_source

Read = Callable[..., Any]
Write = Callable[..., Path]


def records(path: Path, name: str) -> list[dict[str, str]]:
    with zipfile.ZipFile(path) as opened:
        if name not in opened.namelist():
            return []
        return list(csv.DictReader(io.StringIO(opened.read(name).decode("utf-8-sig"))))


@pytest.mark.data
@pytest.mark.parametrize(
    "name",
    [
        "gtfsjp_077434.zip",
        "gtfsjp_401005_shieitosengtfs.zip",
        "gtfsjp_402303tosengtfs.zip",
        "gtfsjp_donanbus_muroran.zip",
        "gtfsjp_mlit_sample.zip",
    ],
)
def test_every_feed_is_read_whole(open_data: Path, read: Read, name: str) -> None:
    path = open_data / "03_gtfs" / name
    _, made, rejects = read(path)
    stops = records(path, "stops.txt")
    kinds = Counter(stop.get("location_type") or "0" for stop in stops)
    dates = {(record["service_id"], record["date"]) for record in records(path, "calendar_dates.txt")}
    services = {record["service_id"] for record in records(path, "calendar.txt")} | {service for service, _ in dates}
    expected = {
        "GtfsAgency": len(records(path, "agency.txt")),
        "GtfsStop": kinds["0"],
        "GtfsStation": kinds["1"],
        "GtfsRoute": len(records(path, "routes.txt")),
        "GtfsShape": len({record["shape_id"] for record in records(path, "shapes.txt")}),
        "GtfsService": len(services),
        "GtfsCalendarRule": len(records(path, "calendar.txt")),
        "GtfsCalendarDateRule": len(dates),
    }
    assert not [reject for reject in rejects if reject.row]
    assert Counter(item.entity["type"] for item in made) == Counter({k: n for k, n in expected.items() if n})
    places = Counter(
        (item.entity["name"]["value"], *item.entity["location"]["value"]["coordinates"])
        for item in made
        if item.entity["type"] in ("GtfsStop", "GtfsStation")
    )
    assert places == Counter((stop["stop_name"], float(stop["stop_lon"]), float(stop["stop_lat"])) for stop in stops)
    ids = {item.entity["id"] for item in made}
    assert len(ids) == len(made)
    for item in made:
        for attribute in item.entity.values():
            if isinstance(attribute, dict) and attribute["type"] == "Relationship":
                targets = attribute["object"]
                assert ids.issuperset(targets if isinstance(targets, list) else [targets])


@pytest.mark.data
def test_shapes_run_in_sequence_and_name_their_route(open_data: Path, read: Read) -> None:
    path = open_data / "03_gtfs" / "gtfsjp_077434.zip"
    _, made, _ = read(path)
    shape = next(item.entity for item in made if item.entity["type"] == "GtfsShape")
    key = shape["id"].rsplit(":", 1)[1]
    points = sorted(
        (int(point["shape_pt_sequence"]), float(point["shape_pt_lon"]), float(point["shape_pt_lat"]))
        for point in records(path, "shapes.txt")
        if point["shape_id"] == key
    )
    assert shape["location"]["value"] == {"type": "LineString", "coordinates": [[x, y] for _, x, y in points]}
    routes = {trip["route_id"] for trip in records(path, "trips.txt") if trip["shape_id"] == key}
    names = {route["route_long_name"] for route in records(path, "routes.txt") if route["route_id"] in routes}
    assert shape["name"]["value"] in names


@pytest.mark.data
def test_service_days(open_data: Path, read: Read) -> None:
    _, made, _ = read(open_data / "03_gtfs" / "gtfsjp_donanbus_muroran.zip")
    rule = next(item.entity for item in made if item.entity["id"].endswith("CalendarRule:1430001056880:weekday"))
    assert (rule["startDate"]["value"], rule["endDate"]["value"]) == ("2020-04-01", "2021-04-01")
    assert [rule[day]["value"] for day in ("monday", "friday", "saturday")] == [True, True, False]


def feed(**files: str) -> bytes:
    texts = {
        "agency": "agency_id,agency_name\nA,市営バス\n",
        "stops": "stop_id,stop_name,stop_lat,stop_lon\n1,駅前,34.34,134.05\n",
        "routes": "route_id,route_type\nR,3\n",
        "calendar": "service_id,monday,start_date,end_date\n平日,1,20240401,20250331\n",
    } | files
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as opened:
        for name, text in texts.items():
            if text:
                opened.writestr(f"feed/{name}.txt", text)
    return buffer.getvalue()


def test_a_feed_in_a_folder_with_a_bad_stop(write: Write, read: Read) -> None:
    header = "stop_id,stop_name,stop_lat,stop_lon,parent_station\n"
    stops = header + "1,駅前,34.34,134.05,\n2,海上,134.05,34.34,\n3,港,34.35,134.06,9\n"
    _, made, rejects = read(write("gtfs.zip", feed(stops=stops)))
    assert [item.entity["name"]["value"] for item in made if item.entity["type"] == "GtfsStop"] == ["駅前", "港"]
    assert [(reject.line, reject.column, reject.reason.code, reject.row) for reject in rejects] == [
        (3, "stops.txt stop_lat", "swapped_coordinates", True),
        (4, "stops.txt parent_station", "gtfs_unknown", False),
    ]


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({"routes": ""}, "gtfs_missing"),
        ({"calendar": ""}, "gtfs_missing"),
        ({"stops": "stop_id,stop_name\n1,駅前\n"}, "gtfs_column"),
    ],
)
def test_a_feed_without_what_it_needs_is_refused(write: Write, files: dict[str, str], code: str) -> None:
    (dataset,) = open_source(write("gtfs.zip", feed(**files)), "gtfs.zip")
    with pytest.raises(Unreadable) as error:
        list(dataset.entities())
    assert error.value.reason.code == code


PLACES = [("中央公園", 134.0452297, 34.34092056), ("東公園", 134.15, 34.25)]


def zipped_shapefile(zone: int | None, *, encoding: str = "cp932", prj: bool = True, cpg: bool = False) -> bytes:
    """A layer of two points in a plane rectangular zone of JGD2011 (None: in degrees)."""
    system = pyproj.CRS.from_epsg(6668 if zone is None else 6668 + zone)
    project = pyproj.Transformer.from_crs("EPSG:6668", system, always_xy=True).transform
    shp, shx, dbf = io.BytesIO(), io.BytesIO(), io.BytesIO()
    with shapefile.Writer(shp=shp, shx=shx, dbf=dbf, encoding=encoding, shapeType=shapefile.POINT) as layer:
        layer.field("名称", "C", size=40)
        layer.field("定員", "N")
        for number, (name, lon, lat) in enumerate(PLACES):
            layer.point(*project(lon, lat))
            layer.record(name, number * 10)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as opened:
        for ending, stream in (("shp", shp), ("shx", shx), ("dbf", dbf)):
            opened.writestr(f"data/公園.{ending}", stream.getvalue())
        if prj:
            opened.writestr("data/公園.prj", system.to_wkt("WKT1_ESRI"))
        if cpg:
            opened.writestr("data/公園.cpg", encoding)
    return buffer.getvalue()


@pytest.mark.parametrize("zone", [None, 4, 9])
@pytest.mark.parametrize("encoding", ["cp932", "utf-8"])
def test_a_shapefile_of_any_zone_lands_where_it_is(write: Write, read: Read, zone: int | None, encoding: str) -> None:
    content = zipped_shapefile(zone, encoding=encoding, cpg=encoding == "cp932")
    dataset, made, rejects = read(write("parks.zip", content))
    assert (dataset.sniffed.format, dataset.mapping.id) == ("shapefile", "parks")
    assert not rejects
    for item, (name, lon, lat) in zip(made, PLACES, strict=True):
        assert item.entity["name"]["value"] == name
        assert item.entity["location"]["value"]["coordinates"] == pytest.approx([lon, lat], abs=1e-6)
    assert made[1].entity["capacity"]["value"] == 10


def test_a_shapefile_without_projection_is_taken_only_in_degrees(write: Write, read: Read) -> None:
    _, made, _ = read(write("parks.zip", zipped_shapefile(None, prj=False)))
    assert len(made) == 2
    with pytest.raises(Unreadable) as error:
        open_source(write("parks.zip", zipped_shapefile(4, prj=False)), "parks.zip")
    assert error.value.reason.code == "no_projection"


def test_a_shapefile_cut_off_is_refused(write: Write) -> None:
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(zipped_shapefile(4))) as whole,
        zipfile.ZipFile(buffer, "w") as cut,
    ):
        for name in whole.namelist():
            content = whole.read(name)
            cut.writestr(name, content[: len(content) // 2] if name.endswith((".dbf", ".shp")) else content)
    with pytest.raises(Unreadable) as error:
        open_source(write("parks.zip", buffer.getvalue()), "parks.zip")
    assert error.value.reason.code == "broken_shape"


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "type"),
    [
        ("372013_takamatsu_emergency.geojson", "EvacuationSite"),
        ("372013_takamatsu_evacuation.geojson", "EvacuationShelter"),
        ("372081_mitoyo_emergency.geojson", "EvacuationSite"),
        ("372081_mitoyo_evacuation.geojson", "EvacuationShelter"),
        ("182010_fukui_evacuation.geojson", "EvacuationShelter"),
    ],
)
def test_gsi_shelters(open_data: Path, read: Read, name: str, type: str) -> None:
    path = open_data / "01_gsi_shelters" / name
    features = json.loads(path.read_text())["features"]
    _, made, rejects = read(path)
    assert not rejects
    assert [
        (item.entity["type"], item.entity["id"].rsplit(":", 1)[1], item.entity["name"]["value"]) for item in made
    ] == [(type, f["properties"]["共通ID"], f["properties"]["施設・場所名"]) for f in features]
    assert [item.entity["location"]["value"] for item in made] == [feature["geometry"] for feature in features]
    for hazard, attribute in (("津波", "tsunamiSafety"), ("洪水", "floodSafety")):
        wanted = [f["properties"].get(hazard) == "1" for f in features]
        assert [item.entity.get(attribute, {}).get("value") == "suitable" for item in made] == wanted


@pytest.mark.data
def test_amedas_stations_have_degrees_and_minutes(open_data: Path, read: Read) -> None:
    folder = open_data / "02_weather_disaster" / "amedas"
    _, from_csv, _ = read(folder / "ame_master_20260324.csv")
    _, from_json, rejects = read(folder / "amedastable.json")
    table = json.loads((folder / "amedastable.json").read_text())
    assert not rejects
    assert {item.entity["id"] for item in from_json} == {f"urn:ngsi-ld:WeatherStation:amedas:{key}" for key in table}
    for item in from_json:
        station = table[item.entity["id"].rsplit(":", 1)[1]]
        (lat, lat_minutes), (lon, lon_minutes) = station["lat"], station["lon"]
        expected = [lon + lon_minutes / 60, lat + lat_minutes / 60]
        assert item.entity["location"]["value"]["coordinates"] == pytest.approx(expected, abs=1e-6)
        assert item.entity["name"]["value"] == station["kjName"]
    with (folder / "ame_master_20260324.csv").open(encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert len(from_csv) == len(rows)
    assert from_csv[0].entity["nameKana"]["value"] == "ソウヤミサキ"
    assert from_csv[0].entity["startedOn"]["value"] == "1978-10-30"
    twice = [item.entity["id"] for item in from_csv if item.entity["id"].endswith("-2")]
    assert len(twice) == sum(n - 1 for n in Counter(row["観測所番号"] for row in rows).values())


@pytest.mark.data
def test_shift_jis_and_utf8_say_the_same(open_data: Path, read: Read) -> None:
    codes = open_data / "04_geo_population" / "codes"
    sjis, made_sjis, _ = read(codes / "localgovjp-2019-sjis.csv")
    utf8, made_utf8, _ = read(codes / "localgovjp-utf8.csv")
    assert (sjis.sniffed.encoding, utf8.sniffed.encoding) == ("cp932", "utf-8-sig")
    ids = [{item.entity["id"] for item in made} for made in (made_sjis, made_utf8)]
    assert "urn:ngsi-ld:Municipality:jp:372013" in ids[0] & ids[1]
    assert len(ids[0] & ids[1]) > 1900


@pytest.mark.data
def test_population_tables_of_three_editions(open_data: Path, read: Read) -> None:
    folder = open_data / "04_geo_population" / "takamatsu"
    dates = []
    for name in ("201904.csv", "202404.csv", "202602.xlsx"):
        _, made, rejects = read(folder / f"population_by_district_age_{name}")
        assert (len(made), rejects) == (235, [])
        dates.append(made[0].entity["dateObserved"]["value"])
        sums = ("population", "malePopulation", "femalePopulation")
        whole = [item.entity for item in made if set(sums) <= set(item.entity)]
        assert len(whole) > 220
        for entity in whole:
            total, men, women = (entity[key]["value"] for key in sums)
            assert total == men + women
    assert dates == ["2019-04-01", "2024-04-01", "2026-02-01"]


@pytest.mark.data
def test_metadata_lines_around_a_header(open_data: Path, read: Read) -> None:
    dataset, made, rejects = read(open_data / "04_geo_population" / "takamatsu" / "moving_in_out.csv")
    assert (dataset.mapping.id, len(made), rejects) == ("migration", 12, [])
    assert made[0].line == 10
    assert made[0].entity["menInFromElsewhere"]["value"] == 337


@pytest.mark.data
def test_headers_of_three_lines_and_units(open_data: Path) -> None:
    folder = open_data / "06_sensor_timeseries" / "electricity"
    (hokuriku,) = open_source(folder / "hokuriku_area_jisseki_202305.csv", "hokuriku.csv", type="EnergySupply")
    assert hokuriku.table is not None
    assert hokuriku.table.columns[:4] == ["DATE", "TIME", "エリア需要", "原子力"]
    assert hokuriku.table.units[2] == "MWh"
    (shikoku,) = open_source(folder / "shikoku_area_jukyu2023.csv", "shikoku.csv", type="EnergySupply")
    assert shikoku.table is not None
    assert shikoku.table.columns[:3] + shikoku.table.columns[8:11] == [
        "DATE", "TIME", "エリア需要", "太陽光 実績", "制御量", "風力 実績",
    ]  # fmt: skip
    assert next(iter(shikoku.table.rows())).line == 10  # type: ignore[union-attr]
    (tepco,) = open_source(folder / "tepco_20220923_power_usage.csv", "tepco.csv", type="PowerUsage")
    rejects = [item for item in tepco.entities() if isinstance(item, Reject)]
    assert {reject.reason.code for reject in rejects} >= {"too_few_cells"}


def test_excel_cells_become_what_a_csv_would_say(write: Write, read: Read) -> None:
    book = openpyxl.Workbook()
    cover = book.active
    cover.title = "空"
    sheet = book.create_sheet("公園")
    sheet.append(["公園一覧（令和6年）"])
    sheet.append([])
    sheet.append(["名称", "緯度", "経度", "開始時間", "更新日", "定員", "URL"])
    sheet.append(["(人)" if n == 5 else None for n in range(7)])
    sheet.append(["中央公園", 34.34, 134.05, datetime.time(9, 0), datetime.datetime(2024, 4, 1), 120.0, None])
    sheet.append(["東公園", "３４．３５", "134.06", "9時30分", "令和6年4月1日", "約80人", "なし"])
    buffer = io.BytesIO()
    book.save(buffer)
    dataset, made, rejects = read(write("parks.xlsx", buffer.getvalue()))
    assert (dataset.mapping.id, [item.line for item in made]) == ("parks", [5, 6])
    first, second = (item.entity for item in made)
    assert first["openingHoursSpecification"]["value"] == [{"opens": "09:00"}]
    assert second["openingHoursSpecification"]["value"] == [{"opens": "09:30"}]
    assert first["dateModified"]["value"] == second["dateModified"]["value"] == "2024-04-01"
    assert (first["capacity"]["value"], second["capacity"]["value"]) == (120, 80)
    assert second["location"]["value"]["coordinates"] == [134.06, 34.35]
    assert [(reject.line, reject.column, reject.row) for reject in rejects] == [(6, "URL", False)]


def test_ngsi_in_every_writing_becomes_the_same(write: Write, read: Read) -> None:
    point = {"type": "Point", "coordinates": [134.05, 34.34]}
    id = "urn:ngsi-ld:Room:1"
    writings: list[dict[str, Any]] = [
        {
            "id": id,
            "type": "Room",
            "temperature": {"type": "Property", "value": 21.5, "unitCode": "CEL", "observedAt": "2024-01-01T00:00:00Z"},
            "location": {"type": "GeoProperty", "value": point},
            "owner": {"type": "Relationship", "object": "urn:ngsi-ld:Person:1"},
        },
        {
            "id": id,
            "type": "Room",
            "temperature": {"value": 21.5, "unitCode": "CEL", "observedAt": "2024-01-01T09:00:00+09:00"},
            "location": {"value": point, "type": "GeoProperty"},
            "owner": {"object": "urn:ngsi-ld:Person:1"},
        },
        {
            "id": id,
            "type": "Room",
            "temperature": {
                "type": "Number",
                "value": 21.5,
                "metadata": {
                    "unitCode": {"type": "Text", "value": "CEL"},
                    "TimeInstant": {"type": "DateTime", "value": "2024-01-01T00:00:00"},
                },
            },
            "location": {"type": "geo:point", "value": "34.34, 134.05"},
            "owner": {"type": "Relationship", "value": "urn:ngsi-ld:Person:1"},
        },
    ]
    found = []
    for writing in writings:
        _, (made,), rejects = read(write("a.json", json.dumps(writing)))
        assert not rejects
        entity = made.entity
        entity["temperature"]["observedAt"] = entity["temperature"]["observedAt"].replace(".000", "")
        found.append(entity)
    assert found[0] == found[1] == found[2] == writings[0]
    _, (plain,), _ = read(
        write("a.json", json.dumps([{"id": "room 1", "type": "Room", "temperature": 21.5, "location": point}]))
    )
    assert plain.entity == {
        "id": "urn:ngsi-ld:Room:room%201",
        "type": "Room",
        "temperature": {"type": "Property", "value": 21.5},
        "location": {"type": "GeoProperty", "value": point},
    }
