"""The town as data: complete in both languages, on land, wide enough in types and fields, the same every time."""

import datetime
import re
from collections import Counter

import pytest
import shapely
from shapely.geometry import LineString, Point, Polygon

from hiroba.demo import places

TODAY = datetime.date(2026, 4, 1)
TOWN = places.load()
ENTITIES = places.entities(TOWN, TODAY)
BY_ID = {entity["id"]: entity for entity in ENTITIES}


def test_it_is_the_same_town_every_time():
    assert places.entities(places.load(), TODAY) == ENTITIES


def test_ids_are_unique_and_uris():
    assert len(BY_ID) == len(ENTITIES)
    assert all(re.fullmatch(r"urn:ngsi-ld:\w+:shiomi-[a-z0-9-]+", id) for id in BY_ID)


def test_there_is_something_of_many_types():
    counts = Counter(entity["type"] for entity in ENTITIES)
    assert len(counts) >= 25
    assert counts["EvacuationSite"] >= 12
    assert counts["RiverGauge"] >= 6
    assert 300 <= len(ENTITIES) <= 1000


@pytest.mark.parametrize("entity", ENTITIES, ids=lambda entity: entity["id"])
def test_every_entity_has_a_place_and_a_name_in_japanese_and_english(entity):
    assert entity["name"]["value"]
    assert entity["nameEnglish"]["value"].isprintable()
    assert not re.search(r"[ぁ-んァ-ヶ一-龠]", entity["nameEnglish"]["value"])
    assert re.search(r"[ぁ-んァ-ヶ一-龠]", entity["name"]["value"])
    assert entity["location"]["type"] == "GeoProperty"
    assert re.fullmatch(r"[ァ-ヶー　 0-9A-Zー]*", entity.get("nameKana", {}).get("value", ""))


DISTRICTS = {key: Polygon(district["ring"]) for key, district in TOWN.land["districts"].items()}
AFLOAT = ("WaterObserved", "WaterQualityObserved")


def test_the_districts_share_their_borders_and_leave_no_gap():
    land = shapely.union_all(list(DISTRICTS.values()))
    assert land.geom_type == "Polygon"
    assert not land.interiors
    assert land.area == pytest.approx(sum(district.area for district in DISTRICTS.values()))


def test_the_coast_is_the_seaward_edge_of_the_land():
    edge = shapely.union_all(list(DISTRICTS.values())).exterior
    coast = LineString(TOWN.land["coast"]["coastline"]["line"])
    assert edge.buffer(0.00001).contains(coast)
    assert coast.length > 0.04


def test_all_places_stand_on_the_land_of_their_district_and_only_gauges_afloat():
    land = shapely.union_all(list(DISTRICTS.values()))
    away = [site.id for site in TOWN.sites if site.type not in AFLOAT and not land.contains(Point(site.at))]
    assert away == []
    near = land.buffer(0.0012)
    assert [site.id for site in TOWN.sites if not near.contains(Point(site.at))] == []
    afloat = [site.id for site in TOWN.sites if not land.contains(Point(site.at))]
    assert "urn:ngsi-ld:WaterObserved:shiomi-tide-port" in afloat
    elsewhere = [
        site.id
        for site in TOWN.sites
        if not DISTRICTS[site.district].buffer(0.0015 if site.type in AFLOAT else 0.0003).contains(Point(site.at))
    ]
    assert elsewhere == []


def test_nothing_stands_in_a_pond_but_what_floats_there():
    ponds = shapely.union_all([Polygon(pond["ring"]) for pond in TOWN.land["ponds"].values()])
    wet = [site.id for site in TOWN.sites if ponds.buffer(-0.00001).contains(Point(site.at))]
    assert [id for id in wet if "Water" not in id] == ["urn:ngsi-ld:SolarPowerPlant:shiomi-pond"]


def test_stations_stand_on_the_railway():
    (railway,) = TOWN.land["railways"].values()
    line = LineString(railway["line"])
    assert len(TOWN.of("GtfsStation")) == 3
    assert max(line.distance(Point(station.at)) for station in TOWN.of("GtfsStation")) < 0.00001
    assert BY_ID["urn:ngsi-ld:GtfsRoute:shiomi-shiomisen"]["routeType"]["value"] == "2"


def test_nothing_stands_in_the_river_but_what_belongs_there():
    rivers = [LineString(river["line"]) for river in TOWN.land["rivers"].values()]
    wet = (
        "RiverGauge",
        "WaterQualityObserved",
        "WaterObserved",
        "Vehicle",
        "Streetlight",
        "TrafficFlowObserved",
        "GtfsStop",
    )
    inside = [
        site.id
        for site in TOWN.sites
        if site.type not in wet and min(river.distance(Point(site.at)) for river in rivers) < 0.0003
    ]
    assert inside == []


def test_geometry_is_of_points_lines_and_areas():
    kinds = {entity["type"]: entity["location"]["value"]["type"] for entity in ENTITIES}
    assert kinds["River"] == kinds["RoadSegment"] == kinds["GtfsRoute"] == "LineString"
    assert kinds["AdministrativeArea"] == "Polygon"
    for entity in ENTITIES:
        assert shapely.is_valid(shapely.geometry.shape(entity["location"]["value"])), entity["id"]


def test_relationships_lead_to_entities_of_the_town():
    targets = [
        member["object"]
        for entity in ENTITIES
        for member in entity.values()
        if isinstance(member, dict) and member.get("type") == "Relationship"
    ]
    assert targets
    assert [target for target in targets if target not in BY_ID] == []


def test_events_lie_ahead():
    for event in (entity for entity in ENTITIES if entity["type"] == "Event"):
        start = datetime.date.fromisoformat(event["startDate"]["value"])
        assert TODAY <= start <= datetime.date.fromisoformat(event["endDate"]["value"])


def test_measures_carry_their_units_and_the_simulation_stays_hidden():
    gauge = BY_ID["urn:ngsi-ld:RiverGauge:shiomi-ohashi"]
    assert gauge["dangerLevel"] == {"type": "Property", "value": 3.3, "unitCode": "MTR"}
    assert gauge["standbyLevel"]["value"] < gauge["warningLevel"]["value"] < gauge["evacuationLevel"]["value"]
    for hidden in ("gain", "lag", "normalLevel"):
        assert hidden not in gauge


def test_bus_stops_stand_along_their_line():
    for key, bus in TOWN.land["buses"].items():
        way = LineString(places.bus_line(TOWN.land, key))
        stops = [site for site in TOWN.of("GtfsStop") if site.code.startswith(f"{key}-")]
        assert len(stops) == len(bus["stops"])
        assert max(way.distance(Point(stop.at)) for stop in stops) < 0.0002


def test_distances_are_metres():
    geodesic = 923  # one hundredth of a degree of longitude at 34.11° north
    assert places.metres((133.66, 34.11), (133.67, 34.11)) == pytest.approx(geodesic, rel=0.01)
    assert places.metres((133.66, 34.11), (133.66, 34.12)) == pytest.approx(1109, rel=0.01)
