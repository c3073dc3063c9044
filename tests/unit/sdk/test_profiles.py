"""Profiles: what is wrong in one is said with its place; what is right becomes entities."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from hiroba.sdk import Misfit, ProfileError, load_profiles
from hiroba.sdk.mapping import decode, entities_of, entity_of
from hiroba.sdk.profiles import parse_profile

GAUGE = """
title: {ja: 水位計, en: River gauge}
topic: "rivers/{gauge}/level"
type: RiverGauge
id: "urn:ngsi-ld:RiverGauge:{gauge}"
observedAt: {path: time, zone: "+09:00"}
attributes:
  waterLevel: {path: level, type: number, unit: MTR, scale: 0.01, offset: 1, range: [-10, 50]}
  location: {kind: GeoProperty, lon: at.lon, lat: at.lat, optional: true}
  status: {path: st, values: {0: ok, 1: failed}, optional: true}
  refDevice: {kind: Relationship, path: dev, object: "urn:ngsi-ld:Device:{value}", optional: true}
  raw: {kind: JsonProperty, path: raw, optional: true}
static:
  name: "春日川 {gauge}"
  owner: {kind: Relationship, object: "urn:ngsi-ld:Organization:{gauge}"}
"""
ARRIVED = "2026-04-01T00:00:00.000Z"


def document(**changes: Any) -> dict[str, Any]:
    body: dict[str, Any] = copy.deepcopy(yaml.safe_load(GAUGE))
    body.update(changes)
    return body


def profile(**changes: Any) -> Any:
    return parse_profile(document(**changes), id="gauge", own_keys=("topic",))


def entity(payload: Any, **changes: Any) -> dict[str, Any]:
    return entity_of(profile(**changes), payload, {"gauge": "kasuga-1"}, arrived=ARRIVED)


def test_a_whole_reading() -> None:
    payload = {
        "level": "152", "time": "2026-04-01T09:00:00", "at": {"lon": 134.1, "lat": 34.3},
        "st": 1, "dev": 7, "raw": {"a": [1]},
    }  # fmt: skip
    at = {"observedAt": "2026-04-01T00:00:00.000Z"}
    assert entity(payload) == {
        "id": "urn:ngsi-ld:RiverGauge:kasuga-1",
        "type": "RiverGauge",
        "waterLevel": {"type": "Property", "value": 2.52, "unitCode": "MTR", **at},
        "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [134.1, 34.3]}, **at},
        "status": {"type": "Property", "value": "failed", **at},
        "refDevice": {"type": "Relationship", "object": "urn:ngsi-ld:Device:7", **at},
        "raw": {"type": "JsonProperty", "json": {"a": [1]}, **at},
        "name": {"type": "Property", "value": "春日川 kasuga-1"},
        "owner": {"type": "Relationship", "object": "urn:ngsi-ld:Organization:kasuga-1"},
    }


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ({}, "the reading has no time"),
        ({"time": "yesterday"}, "time: 'yesterday' is not written as 'iso'"),
        ({"time": 5}, "time: 5 is not a text"),
        ({"time": "2026-04-01T09:00:00"}, "waterLevel: there is nothing at 'level'"),
        ({"time": "2026-04-01T09:00:00", "level": "high"}, "waterLevel: 'high' is not a number"),
        ({"time": "2026-04-01T09:00:00", "level": True}, "waterLevel: True is not a number"),
        ({"time": "2026-04-01T09:00:00", "level": None}, "waterLevel: there is nothing at 'level'"),
        ({"time": "2026-04-01T09:00:00", "level": 9999}, "waterLevel: 100.99 is outside of -10 to 50"),
        ({"time": "2026-04-01T09:00:00", "level": 1, "st": 9}, "status: 9 is not among the values"),
        ({"time": "2026-04-01T09:00:00", "level": 1, "st": [1]}, "status: [1] is not among the values"),
        (
            {"time": "2026-04-01T09:00:00", "level": 1, "at": {"lon": 34, "lat": 134}},
            "location: 34, 134 is not a longitude and a latitude",
        ),
        ("text", "the reading has no time"),
        (None, "the reading has no time"),
    ],
)
def test_what_does_not_fit_is_said(payload: Any, reason: str) -> None:
    with pytest.raises(Misfit) as misfit:
        entity(payload)
    assert reason in misfit.value.reason


def test_times() -> None:
    def observed(moment: Any, value: Any) -> str:
        made = entity({"level": 1, "t": value}, observedAt=moment)
        return str(made["waterLevel"]["observedAt"])

    assert observed({"path": "t", "format": "epoch"}, 1775001600) == "2026-04-01T00:00:00.000Z"
    assert observed({"path": "t", "format": "epoch-ms"}, "1775001600500") == "2026-04-01T00:00:00.500Z"
    assert observed("t", "2026-04-01T09:00:00+09:00") == "2026-04-01T00:00:00.000Z"
    assert observed({"path": "t", "format": "%Y/%m/%d %H:%M", "zone": "Asia/Tokyo"}, "2026/04/01 09:00") == ARRIVED
    assert observed({"path": "none", "optional": True}, 0) == ARRIVED
    with pytest.raises(Misfit, match="has no time zone"):
        observed("t", "2026-04-01T09:00:00")
    with pytest.raises(Misfit, match="is not a time since 1970"):
        observed({"path": "t", "format": "epoch"}, 1e18)


def test_names_from_the_payload_and_characters_that_no_id_may_hold() -> None:
    made = entity({"level": 1, "time": ARRIVED, "d": {"n": "春日 川"}}, captures={"gauge": "d.n"})
    assert made["id"] == "urn:ngsi-ld:RiverGauge:春日%20川"
    assert made["name"]["value"] == "春日川 春日 川"
    with pytest.raises(Misfit, match="gauge: there is nothing to name the entity by"):
        entity({"level": 1, "time": ARRIVED}, captures={"gauge": "d.n"})
    with pytest.raises(Misfit, match=r"nothing is known for \{other\}"):
        entity({"level": 1, "time": ARRIVED}, id="urn:x:{other}")


def test_lists_of_readings() -> None:
    good, bad = {"level": 1, "time": ARRIVED}, {"level": "?", "time": ARRIVED}
    names = {"gauge": "g"}
    parts = list(entities_of(profile(), [good, bad, good], names, arrived=ARRIVED))
    assert [type(part) for part in parts] == [dict, Misfit, dict]
    assert isinstance(parts[1], Misfit)
    assert decode(parts[1].part or b"") == bad
    nested = profile(each="data[0].rows")
    assert len(list(entities_of(nested, {"data": [{"rows": [good, good]}]}, names, arrived=ARRIVED))) == 2
    with pytest.raises(Misfit, match="no list of readings"):
        list(entities_of(nested, {"data": []}, names, arrived=ARRIVED))


def test_a_reading_without_any_attribute_is_a_misfit() -> None:
    only_optional = {"location": {"kind": "GeoProperty", "lon": "x", "lat": "y", "optional": True}}
    with pytest.raises(Misfit, match="none of the profile's attributes"):
        entity({"time": ARRIVED}, attributes=only_optional)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"atributes": {}}, r"unknown key 'atributes'; did you mean 'attributes'"),
        ({"attributes": {"a": {"pfad": "x"}}}, r"attributes\.a has an unknown key 'pfad'"),
        ({"attributes": {"a": {"path": "x..["}}}, r"attributes\.a\.path: 'x\.\.\[' is not a path"),
        ({"attributes": {"a": {"type": "float"}}}, r"attributes\.a\.type must be one of number"),
        ({"attributes": {"a": {"kind": "Geo"}}}, r"attributes\.a\.kind must be one of Property"),
        ({"attributes": {"a": {"lon": "x"}}}, r"attributes\.a needs both lon and lat"),
        ({"attributes": {"a": {"lon": "x", "lat": "y"}}}, r"its kind must be GeoProperty"),
        ({"attributes": {"a": {"kind": "Relationship"}}}, r"needs an object"),
        ({"attributes": {"a": {"range": [1]}}}, r"attributes\.a\.range must be"),
        ({"attributes": {"a": {"scale": "x"}}}, r"attributes\.a\.scale must be a number"),
        ({"attributes": []}, r"attributes must be a mapping"),
        ({"observedAt": {"zone": "+09:00"}}, r"observedAt has no path"),
        ({"observedAt": {"path": "t", "zone": "Mars/Base"}}, r"no time zone 'Mars/Base'"),
        ({"static": {"a": {"kind": "Relationship", "value": 1}}}, r"static\.a has no object"),
        ({"samples": [{"source": "x"}]}, r"samples\[0\] has no payload"),
        ({"type": 5}, r"type must be a text, not 5"),
    ],
)
def test_mistakes_in_a_profile_are_named(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(ProfileError, match=named):
        profile(**changes)


def test_folders_of_profiles(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    for folder, title in ((first, "one"), (second, "two")):
        folder.mkdir()
        (folder / "gauge.yaml").write_text(GAUGE.replace("River gauge", title), encoding="utf-8")
    found = load_profiles([first, second], own_keys=("topic",))
    assert found["gauge"].title["en"] == "two"
    assert found["gauge"].keys == {"topic": "rivers/{gauge}/level"}
    with pytest.raises(ProfileError, match="unknown key 'topic'"):
        load_profiles([first])
    (first / "broken.yaml").write_text("a: [", encoding="utf-8")
    with pytest.raises(ProfileError, match=r"broken\.yaml: cannot be read as YAML"):
        load_profiles([first], own_keys=("topic",))
    with pytest.raises(ProfileError, match="is not a folder"):
        load_profiles([tmp_path / "none"])
