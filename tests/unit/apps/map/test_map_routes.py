"""The map's routes on a real city in memory."""

import asyncio
import gzip
import math
from pathlib import Path
from urllib.parse import quote

import mapbox_vector_tile
import pytest

import hiroba.apps.map as map_app
from hiroba.apps.map.places import place
from hiroba.apps.map.search import Index
from hiroba.apps.map.tiles import Tile
from hiroba.host.local_city import LocalCity
from hiroba.host.manifests import read_manifest, read_texts
from hiroba.sdk import App, errors
from hiroba.sdk.testing import city_in_memory, request

FOLDER = Path(map_app.__file__).parent
MANIFEST = read_manifest(FOLDER, kind="app")
HOME = (133.6655, 34.1130)


@pytest.fixture
async def host():
    async with city_in_memory() as host:
        yield host


@pytest.fixture
async def app(host, tmp_path):
    app = App(MANIFEST, host, data_dir=tmp_path, texts=read_texts(FOLDER))
    map_app.setup(app)
    await app.start()
    yield app
    await app.stop()


def entity(number, *, kind="AED", name=None, geometry=None, lon=HOME[0], lat=HOME[1]):
    geometry = geometry or {"type": "Point", "coordinates": [lon, lat]}
    return {
        "id": f"urn:ngsi-ld:{kind}:{number}",
        "type": kind,
        "name": {"type": "Property", "value": name or f"{kind} {number}"},
        "location": {"type": "GeoProperty", "value": geometry},
    }


def grid(count, *, kind="AED"):
    return [
        entity(number, kind=kind, lon=133.6 + number % 100 / 1000, lat=34.06 + number // 100 / 1000)
        for number in range(count)
    ]


async def tile(app, path, **headers):
    return await request(app, "GET", f"/tiles/{path}.mvt", headers=headers)


def at(zoom, lon=HOME[0], lat=HOME[1]):
    """Return the path of the tile that a position is in."""
    side = 1 << zoom
    down = (1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2
    return f"{zoom}/{int((lon + 180) / 360 * side)}/{int(down * side)}"


def features(answered):
    body = gzip.decompress(answered.body) if "content-encoding" in answered.headers else answered.body
    found = mapbox_vector_tile.decode(body, default_options={"y_coord_down": True})
    return found["entities"]["features"] if found else []


async def test_a_single_entity_is_on_its_tile_with_what_a_click_needs(app, host):
    await host.city().write([entity(1, name="市役所 AED")])
    answered = await tile(app, f"AED/{at(14)}")
    assert answered.status == 200
    assert answered.headers["content-type"] == "application/vnd.mapbox-vector-tile"
    (feature,) = features(answered)
    assert feature["geometry"]["type"] == "Point"
    assert feature["properties"] == {"id": "urn:ngsi-ld:AED:1", "name": "市役所 AED", "n": 1, "type": "AED"}
    assert features(await tile(app, f"AED/{at(14, lat=34.2)}")) == []
    assert features(await tile(app, f"Bench/{at(14)}")) == []


async def test_many_points_are_clusters_from_afar_and_themselves_when_near(app, host):
    await host.city().write(grid(900))
    far = features(await tile(app, f"AED/{at(8)}"))
    assert sum(feature["properties"]["n"] for feature in far) == 900
    assert len(far) < 40
    near = features(await tile(app, f"AED/{at(14, 133.65, 34.064)}"))
    assert near
    assert all(feature["properties"]["n"] == 1 and feature["properties"]["id"] for feature in near)


async def test_the_tiles_of_a_zoom_together_hold_every_point_once(app, host):
    await host.city().write(grid(900))
    for zoom in (10, 13, 15):
        first, last = (Tile(*map(int, at(zoom, lon, lat).split("/"))) for lon, lat in ((133.6, 34.07), (133.7, 34.06)))
        tiles = [
            features(await tile(app, f"AED/{zoom}/{x}/{y}"))
            for x in range(first.x, last.x + 1)
            for y in range(first.y, last.y + 1)
        ]
        assert sum(feature["properties"]["n"] for found in tiles for feature in found) == 900, zoom


async def test_few_points_are_not_clustered_even_from_afar(app, host):
    await host.city().write(grid(30))
    found = features(await tile(app, f"AED/{at(9)}"))
    assert [feature["properties"]["n"] for feature in found] == [1] * 30


async def test_points_in_one_place_can_each_be_picked_when_near(app, host):
    await host.city().write([entity(number) for number in range(5)])
    found = features(await tile(app, f"AED/{at(16)}"))
    assert {feature["properties"]["id"] for feature in found} == {f"urn:ngsi-ld:AED:{n}" for n in range(5)}


async def test_lines_and_areas_are_drawn(app, host):
    line = {"type": "LineString", "coordinates": [[133.64, 34.113], [133.70, 34.096]]}
    ring = [[133.66, 34.11], [133.67, 34.11], [133.67, 34.12], [133.66, 34.12], [133.66, 34.11]]
    area = {"type": "Polygon", "coordinates": [ring]}
    await host.city().write([entity(1, kind="River", geometry=line), entity(1, kind="Park", geometry=area)])
    river = features(await tile(app, f"River/{at(14, 133.67, 34.1045)}"))
    park = features(await tile(app, f"Park/{at(12)}"))
    assert [feature["geometry"]["type"] for feature in river] == ["LineString"]
    assert [feature["geometry"]["type"] for feature in park] == ["Polygon"]
    assert river[0]["properties"]["id"] == "urn:ngsi-ld:River:1"
    assert len(features(await tile(app, f"River,Park/{at(12)}"))) == 2


async def test_an_unchanged_tile_is_answered_304_and_a_changed_one_anew(app, host):
    await host.city().write([entity(1)])
    first = await tile(app, f"AED/{at(14)}")
    again = await tile(app, f"AED/{at(14)}", **{"if-none-match": first.headers["etag"]})
    assert (again.status, again.body) == (304, b"")
    await host.city().write([entity(2)])
    changed = await tile(app, f"AED/{at(14)}", **{"if-none-match": first.headers["etag"]})
    assert changed.status == 200
    assert len(features(changed)) == 2
    await host.city().delete(["urn:ngsi-ld:AED:1"])
    assert len(features(await tile(app, f"AED/{at(14)}"))) == 1


async def test_a_new_reading_leaves_the_tile_as_it_was_and_a_new_name_does_not(app, host):
    await host.city().write([entity(1)])
    first = await tile(app, f"AED/{at(14)}")
    etag = {"if-none-match": first.headers["etag"]}
    await host.city().write([{"id": "urn:ngsi-ld:AED:1", "type": "AED", "battery": {"type": "Property", "value": 0.5}}])
    assert (await tile(app, f"AED/{at(14)}", **etag)).status == 304
    await host.city().write(
        [{"id": "urn:ngsi-ld:AED:1", "type": "AED", "name": {"type": "Property", "value": "新しい名前"}}]
    )
    renamed = await tile(app, f"AED/{at(14)}", **etag)
    assert renamed.status == 200
    assert features(renamed)[0]["properties"]["name"] == "新しい名前"


async def test_a_large_tile_is_packed_for_who_can_unpack_it(app, host):
    await host.city().write(grid(200))
    plain = await tile(app, f"AED/{at(9)}")
    packed = await tile(app, f"AED/{at(9)}", **{"accept-encoding": "gzip, br"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert len(packed.body) < len(plain.body)


async def test_tiles_asked_for_at_once_are_all_answered(app, host):
    await host.city().write(grid(300))
    answers = await asyncio.gather(*(tile(app, f"AED/{at(9)}") for _ in range(20)))
    assert {answered.body for answered in answers} == {answers[0].body}
    assert len(features(answers[0])) > 0


@pytest.mark.parametrize("path", ["AED/2/4/0", "AED/40/0/0", "AED/0/0/1"])
async def test_a_tile_outside_the_world_is_not_found(app, path):
    answered = await tile(app, path)
    assert answered.status == 404
    assert "there is no tile" in answered.json()["detail"]


async def test_layers_are_the_types_in_use(app, host):
    line = {"type": "LineString", "coordinates": [[133.64, 34.113], [133.70, 34.096]]}
    await host.city().write([*grid(3), entity(1, kind="Thingamabob", geometry=line)])
    fields = (await request(app, "GET", "/layers")).json()
    layers = {layer["type"]: layer for field in fields for layer in field["layers"]}
    assert layers["AED"]["count"] == 3
    assert layers["AED"]["shapes"] == ["point"]
    assert layers["AED"]["title"]["ja"]
    assert layers["Thingamabob"]["shapes"] == ["line"]
    assert fields[-1]["field"] == "other"
    assert fields[0]["field"] != "other"


async def test_a_place_just_written_is_found_by_its_name(app, host):
    await host.city().write([entity(1, name="港町ポートビル"), entity(2, name="松原公園")])
    (hit,) = (await request(app, "GET", f"/search?text={quote('ﾎﾟｰﾄ')}")).json()
    assert hit["id"] == "urn:ngsi-ld:AED:1"
    assert (hit["type"], hit["name"], hit["address"]) == ("AED", "港町ポートビル", "")
    assert (hit["lon"], hit["lat"]) == pytest.approx(HOME)
    await host.city().delete(["urn:ngsi-ld:AED:1"])
    assert (await request(app, "GET", f"/search?text={quote('港')}")).json() == []
    assert len((await request(app, "GET", f"/search?text={quote('松原')}&type=AED&limit=1")).json()) == 1
    assert (await request(app, "GET", f"/search?text={quote('松原')}&type=Bench")).json() == []


@pytest.mark.parametrize("query", ["text=a&limit=0", "text=a&limit=x", "text=a&limit=1000", "text=" + "a" * 201])
async def test_a_senseless_search_is_refused(app, query):
    answered = await request(app, "GET", f"/search?{query}")
    assert answered.status == 400
    assert answered.json()["type"] == errors.ERROR_BASE + "InvalidRequest"


async def test_the_extent_holds_the_places(app, host):
    assert (await request(app, "GET", "/extent")).json() is None
    await host.city().write(grid(100))
    assert (await request(app, "GET", "/extent")).json() == pytest.approx([133.6, 34.06, 133.699, 34.06])


async def test_the_backgrounds_name_their_source(app):
    (pale, *others) = (await request(app, "GET", "/settings")).json()["backgrounds"]
    assert pale["id"] == "pale"
    for background in (pale, *others):
        assert "国土地理院" in background["attribution"]
        assert background["title"].keys() == {"ja", "en"}
        assert "{z}/{x}/{y}" in background["tiles"]


async def test_tenants_are_kept_apart(app, host):
    await host.city("minato").write([entity(1, name="港の灯り")])
    found = (await request(app, "GET", f"/search?text={quote('港')}&tenant=minato")).json()
    assert [hit["name"] for hit in found] == ["港の灯り"]
    assert (await request(app, "GET", f"/search?text={quote('港')}")).json() == []
    assert len(features(await request(app, "GET", f"/tiles/AED/{at(14)}.mvt?tenant=minato"))) == 1
    assert features(await tile(app, f"AED/{at(14)}")) == []
    assert (await request(app, "GET", "/layers?tenant=nowhere")).json() == []


async def test_the_index_goes_on_where_it_stood(host, tmp_path):
    await host.city().write([entity(1, name="松原公園")])
    for number, name in ((2, "夕凪展望台"), (3, "汐見埼灯台")):
        app = App(MANIFEST, host, data_dir=tmp_path, texts={})
        map_app.setup(app)
        await app.start()
        hits = (await request(app, "GET", f"/search?text={quote('松原公園')}")).json()
        assert [hit["name"] for hit in hits] == ["松原公園"]
        await app.stop()
        await host.city().write([entity(number, name=name)])  # while nobody follows
    app = App(MANIFEST, host, data_dir=tmp_path, texts={})
    map_app.setup(app)
    await app.start()
    for name in ("夕凪展望台", "汐見埼灯台"):
        hits = (await request(app, "GET", f"/search?text={quote(name)}")).json()
        assert [hit["name"] for hit in hits] == [name]
    await app.stop()


async def test_an_index_that_knows_more_than_the_city_is_made_anew(host, tmp_path):
    ahead = Index(tmp_path / "places.db")
    ahead.write("", [place("urn:ngsi-ld:AED:9", ["AED"], entity(9, name="まぼろし"))], seq=10**9)
    ahead.close()
    await host.city().write([entity(1, name="松原公園")])
    app = App(MANIFEST, host, data_dir=tmp_path, texts={})
    map_app.setup(app)
    await app.start()
    assert (await request(app, "GET", f"/search?text={quote('松原')}")).json()
    assert (await request(app, "GET", f"/search?text={quote('まぼろし')}")).json() == []
    await app.stop()


async def test_what_moves_all_the_time_does_not_make_the_rest_be_read_again(app, host, monkeypatch):
    await host.city().write([*grid(300), *(entity(n, kind="Vehicle", lon=133.65, lat=34.065) for n in range(3))])
    asked: list[str] = []
    cells = LocalCity.cells

    async def watched(self, types, **more):
        asked.append(types)
        return await cells(self, types, **more)

    monkeypatch.setattr(LocalCity, "cells", watched)
    path = f"AED,Vehicle/{at(9, 133.65, 34.065)}"
    seen = []
    for step in range(12):
        await host.city().write([entity(1, kind="Vehicle", lon=133.65 + step / 10000, lat=34.065)])
        seen.append(await tile(app, path))
    for answered in seen:
        assert sum(feature["properties"]["n"] for feature in features(answered)) == 303
    assert len({answered.headers["etag"] for answered in seen}) == 12
    assert "AED,Vehicle" in asked[:5]
    assert asked[-5:] == ["Vehicle"] * 5
    await host.city().write([entity(1000, lon=133.65, lat=34.065)])
    assert sum(feature["properties"]["n"] for feature in features(await tile(app, path))) == 304
    assert asked[-1] == "AED"
