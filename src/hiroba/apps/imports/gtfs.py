"""Read GTFS and GTFS-JP feeds: agencies, stops, routes, shapes and service days as Smart Data Models."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hiroba.apps.imports import archive, keys, places
from hiroba.apps.imports.dates import to_date
from hiroba.apps.imports.entities import Made
from hiroba.apps.imports.reasons import Reason, Reject, Unfit, Unreadable, short
from hiroba.apps.imports.values import to_number

NEEDED = {
    "agency.txt": ("agency_name",),
    "stops.txt": ("stop_id", "stop_name", "stop_lat", "stop_lon"),
    "routes.txt": ("route_id", "route_type"),
}
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_STOP_TYPES = {"": "GtfsStop", "0": "GtfsStop", "1": "GtfsStation", "2": "GtfsAccessPoint"}

Entity = dict[str, Any]
Record = tuple[int, dict[str, str]]
Result = Iterator[Made | Reject]


@dataclass(slots=True)
class Feed:
    """An open feed: its files, the area that stands in ids (the first agency's id), what its files name."""

    opened: zipfile.ZipFile
    names: dict[str, str]
    area: str = ""
    agencies: dict[str, str] = field(default_factory=dict)
    stop_types: dict[str, str] = field(default_factory=dict)
    routes: dict[str, str] = field(default_factory=dict)
    services: set[str] = field(default_factory=set)
    shape_routes: dict[str, set[str]] = field(default_factory=dict)

    def urn(self, type: str, key: str) -> str:
        """Return an entity's id."""
        return keys.urn(type, self.area, key)


def read_feed(path: Path) -> Result:
    """Yield the entities of a feed, and rejects whose column begins with the file's name.

    Raises Unreadable when a file or column without which nothing makes sense is not there.
    """
    with archive.open_archive(path) as opened:
        feed = Feed(opened, archive.members(opened))
        for name, columns in NEEDED.items():
            _need(feed, name, columns)
        if "calendar.txt" not in feed.names and "calendar_dates.txt" not in feed.names:
            raise Unreadable("gtfs_missing", file="calendar.txt")
        _survey(feed)
        for part in (_agencies, _stops, _routes, _shapes, _services, _calendar, _calendar_dates):
            yield from part(feed)


def _need(feed: Feed, name: str, columns: tuple[str, ...]) -> None:
    if name not in feed.names:
        raise Unreadable("gtfs_missing", file=name)
    with _text(feed, name) as text:
        header = [column.strip() for column in next(csv.reader(text), [])]
    for column in columns:
        if column not in header:
            raise Unreadable("gtfs_column", file=name, column=column)


def _text(feed: Feed, name: str) -> io.TextIOWrapper:
    return io.TextIOWrapper(feed.opened.open(feed.names[name]), "utf-8-sig", errors="strict", newline="")


def _records(feed: Feed, name: str) -> Iterator[Record]:
    if name not in feed.names:
        return
    try:
        with _text(feed, name) as text:
            reader = csv.reader(text)
            header = [column.strip() for column in next(reader, [])]
            for cells in reader:
                if any(cells):
                    yield (
                        reader.line_num,
                        {column: cell.strip() for column, cell in zip(header, cells, strict=False)},
                    )
    except (UnicodeDecodeError, csv.Error, zipfile.BadZipFile, OSError) as error:
        raise Unreadable("broken_zip", error=f"{name}: {error}") from error


def _survey(feed: Feed) -> None:
    """Learn what the files say about one another before entities are made."""
    for _, agency in _records(feed, "agency.txt"):
        key = agency.get("agency_id") or agency.get("agency_name", "")
        feed.area = feed.area or key
        feed.agencies[agency.get("agency_id", "")] = key
    for _, stop in _records(feed, "stops.txt"):
        feed.stop_types[stop.get("stop_id", "")] = _STOP_TYPES.get(stop.get("location_type", ""), "")
    for _, route in _records(feed, "routes.txt"):
        feed.routes[route.get("route_id", "")] = route.get("route_long_name") or route.get("route_short_name", "")
    for _, trip in _records(feed, "trips.txt"):
        if trip.get("shape_id"):
            feed.shape_routes.setdefault(trip["shape_id"], set()).add(trip.get("route_id", ""))
    for name in ("calendar.txt", "calendar_dates.txt"):
        feed.services |= {record.get("service_id", "") for _, record in _records(feed, name)}


def _property(entity: Entity, name: str, value: Any) -> None:
    if value not in ("", None, []):
        entity[name] = {"type": "Property", "value": value}


def _link(entity: Entity, name: str, target: Any) -> None:
    if target:
        entity[name] = {"type": "Relationship", "object": target}


def _begin(feed: Feed, type: str, key: str) -> Entity:
    entity: Entity = {"id": feed.urn(type, key), "type": type}
    _property(entity, "source", f"gtfs/{feed.area}")
    return entity


def _operated(feed: Feed, entity: Entity, agency: str = "") -> None:
    key = feed.agencies.get(agency) or (next(iter(feed.agencies.values()), "") if not agency else "")
    if key:
        _link(entity, "operatedBy", feed.urn("GtfsAgency", key))


def _agencies(feed: Feed) -> Result:
    official = {record.get("agency_id"): record for _, record in _records(feed, "agency_jp.txt")}
    for line, agency in _records(feed, "agency.txt"):
        key = agency.get("agency_id") or agency.get("agency_name", "")
        if not key:
            yield Reject(line, Reason("no_entity_id"), "agency.txt")
            continue
        entity = _begin(feed, "GtfsAgency", key)
        _property(entity, "name", agency.get("agency_name"))
        _property(entity, "page", agency.get("agency_url"))
        _property(entity, "timezone", agency.get("agency_timezone"))
        _property(entity, "language", agency.get("agency_lang"))
        _property(entity, "phone", agency.get("agency_phone"))
        more = official.get(agency.get("agency_id"), {})
        _property(entity, "alternateName", more.get("agency_official_name"))
        address = {"postalCode": more.get("agency_zip_number"), "streetAddress": more.get("agency_address")}
        _property(entity, "address", {name: value for name, value in address.items() if value})
        if not entity.get("address", {}).get("value"):
            entity.pop("address", None)
        yield Made(line, entity)


def _stops(feed: Feed) -> Result:
    for line, stop in _records(feed, "stops.txt"):
        key = stop.get("stop_id", "")
        type = feed.stop_types.get(key, "")
        if not key or not type:
            # generic nodes and boarding areas only serve paths inside a station
            if not key:
                yield Reject(line, Reason("no_entity_id"), "stops.txt")
            continue
        entity = _begin(feed, type, key)
        try:
            location = places.point(places.to_degrees(stop.get("stop_lat")), places.to_degrees(stop.get("stop_lon")))
        except Unfit as error:
            value = f"{stop.get('stop_lat')}, {stop.get('stop_lon')}"
            yield Reject(line, error.reason, "stops.txt stop_lat", value)
            continue
        if location:
            entity["location"] = {"type": "GeoProperty", "value": location}
        _property(entity, "name", stop.get("stop_name"))
        _property(entity, "code", stop.get("stop_code") or key)
        _property(entity, "description", stop.get("stop_desc") if stop.get("stop_desc") != "0" else "")
        _property(entity, "page", stop.get("stop_url"))
        _property(entity, "zoneCode", stop.get("zone_id"))
        _property(entity, "platformCode", stop.get("platform_code"))
        _property(entity, "wheelChairAccessible", stop.get("wheelchair_boarding"))
        parent = stop.get("parent_station", "")
        if parent and feed.stop_types.get(parent):
            _link(entity, "hasParentStation", feed.urn(feed.stop_types[parent], parent))
        elif parent:
            reason = Reason("gtfs_unknown", {"file": "stops.txt", "value": parent})
            yield Reject(line, reason, "stops.txt parent_station", parent, row=False)
        _operated(feed, entity)
        yield Made(line, entity)


def _routes(feed: Feed) -> Result:
    parents = {record.get("route_id"): record for _, record in _records(feed, "routes_jp.txt")}
    for line, route in _records(feed, "routes.txt"):
        key = route.get("route_id", "")
        if not key:
            yield Reject(line, Reason("no_entity_id"), "routes.txt")
            continue
        entity = _begin(feed, "GtfsRoute", key)
        _property(entity, "name", route.get("route_long_name") or route.get("route_short_name"))
        _property(entity, "shortName", route.get("route_short_name"))
        _property(entity, "description", route.get("route_desc"))
        _property(entity, "routeType", route.get("route_type"))
        _property(entity, "page", route.get("route_url"))
        _property(entity, "routeColor", route.get("route_color"))
        _property(entity, "routeTextColor", route.get("route_text_color"))
        _property(entity, "sortOrder", route.get("route_sort_order"))
        _property(entity, "parentRoute", route.get("jp_parent_route_id"))
        more = parents.get(key, {})
        _property(entity, "originStop", more.get("origin_stop"))
        _property(entity, "viaStop", more.get("via_stop"))
        _property(entity, "destinationStop", more.get("destination_stop"))
        _operated(feed, entity, route.get("agency_id", ""))
        yield Made(line, entity)


def _shapes(feed: Feed) -> Result:
    lines: dict[str, list[tuple[float, float, float]]] = {}
    begins: dict[str, int] = {}
    for line, point in _records(feed, "shapes.txt"):
        key = point.get("shape_id", "")
        begins.setdefault(key, line)
        try:
            lines.setdefault(key, []).append(_shape_point(point))
        except Unfit as error:
            yield Reject(line, error.reason, "shapes.txt", short(point), row=False)
    for key, points in lines.items():
        if len(points) < 2:
            yield Reject(begins[key], Reason("unknown_geometry", {"kind": "LineString"}), "shapes.txt", key)
            continue
        entity = _begin(feed, "GtfsShape", key)
        path = [[lon, lat] for _, lon, lat in sorted(points, key=lambda point: point[0])]
        entity["location"] = {"type": "GeoProperty", "value": {"type": "LineString", "coordinates": path}}
        routes = sorted(route for route in feed.shape_routes.get(key, ()) if route in feed.routes)
        _property(entity, "name", feed.routes[routes[0]] if routes else key)
        targets = [feed.urn("GtfsRoute", route) for route in routes]
        _link(entity, "hasRoute", targets[0] if len(targets) == 1 else targets)
        yield Made(begins[key], entity)


def _shape_point(point: dict[str, str]) -> tuple[float, float, float]:
    """Return (sequence, lon, lat)."""
    placed = places.point(places.to_degrees(point.get("shape_pt_lat")), places.to_degrees(point.get("shape_pt_lon")))
    if placed is None:
        raise Unfit("not_a_coordinate")
    lon, lat = placed["coordinates"]
    return float(to_number(point.get("shape_pt_sequence") or "0")), lon, lat


def _services(feed: Feed) -> Result:
    for key in sorted(feed.services - {""}):
        entity = _begin(feed, "GtfsService", key)
        _property(entity, "name", key)
        _operated(feed, entity)
        yield Made(0, entity)


def _calendar(feed: Feed) -> Result:
    for line, record in _records(feed, "calendar.txt"):
        key = record.get("service_id", "")
        entity = _begin(feed, "GtfsCalendarRule", key)
        try:
            _property(entity, "startDate", to_date(record.get("start_date", "")))
            _property(entity, "endDate", to_date(record.get("end_date", "")))
        except Unfit as error:
            yield Reject(line, error.reason, "calendar.txt start_date, end_date", short(record))
            continue
        for day in _DAYS:
            _property(entity, day, record.get(day) == "1")
        _property(entity, "name", key)
        _link(entity, "hasService", feed.urn("GtfsService", key))
        yield Made(line, entity)


def _calendar_dates(feed: Feed) -> Result:
    for line, record in _records(feed, "calendar_dates.txt"):
        key = record.get("service_id", "")
        try:
            date = to_date(record.get("date", ""))
        except Unfit as error:
            yield Reject(line, error.reason, "calendar_dates.txt date", record.get("date", ""))
            continue
        entity = _begin(feed, "GtfsCalendarDateRule", f"{key}:{date}")
        _property(entity, "name", f"{key} {date}")
        _property(entity, "appliesOn", date)
        _property(entity, "exceptionType", record.get("exception_type"))
        _link(entity, "hasService", feed.urn("GtfsService", key))
        yield Made(line, entity)
