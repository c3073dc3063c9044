"""The operations of NGSIv2 on registrations: who else has which entities and attributes."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlsplit
from uuid import uuid4

from hiroba.kernel.broker.broker import Broker
from hiroba.kernel.broker.ngsi_v2.entities import store_of
from hiroba.kernel.model.instants import format_instant, now
from hiroba.kernel.model.ngsi_v2.errors import OrionError, bad_request
from hiroba.kernel.model.ngsi_v2.names import check_identifier, has_forbidden, query_paths
from hiroba.kernel.model.ngsi_v2.values import moment_of

ORION_REGISTRATIONS: Final = "registrationNgsiV2"
MODES: Final = ("none", "query", "update", "all")
STATUSES: Final = ("active", "inactive")
Body = dict[str, Any]


def registration_path(header: str | None) -> str:
    """Return the one service path that a registration is about; raises OrionError."""
    paths = query_paths(header) if header else ()
    if len(paths) > 1:
        raise bad_request("more than one service path for registration")
    if paths and paths[0].below:
        raise bad_request("Bad Character")
    return paths[0].text if paths else "/"


async def create_registration(broker: Broker, tenant: str, path: str, body: Any) -> str:
    """Keep a registration and return its id; raises OrionError."""
    clean = check_registration(body)
    id = uuid4().hex[:24]
    store = await broker.store.tenant(tenant, create=True)
    record = {"body": {"id": id, **clean}, "path": path, "createdAt": format_instant(now())}
    await store.keep_record(ORION_REGISTRATIONS, id, record)
    return id


async def retrieve_registration(broker: Broker, tenant: str, id: str) -> Body:
    """Return a registration; raises OrionError."""
    store = await store_of(broker, tenant)
    record = await store.record(ORION_REGISTRATIONS, id) if store is not None else None
    if record is None:
        raise _unknown()
    return _document(record)


async def list_registrations(
    broker: Broker, tenant: str, path: str | None, *, limit: int, offset: int
) -> tuple[list[Body], int]:
    """Return a page of the registrations, oldest first, and how many there are; `path` only those about just it."""
    store = await store_of(broker, tenant)
    records = await store.records(ORION_REGISTRATIONS) if store is not None else []
    found = [_document(record) for _, record in records if path is None or record["path"] == path]
    return found[offset : offset + limit], len(found)


async def delete_registration(broker: Broker, tenant: str, id: str) -> None:
    """Forget a registration; raises OrionError."""
    store = await store_of(broker, tenant)
    if store is None or await store.record(ORION_REGISTRATIONS, id) is None:
        raise _unknown()
    await store.keep_record(ORION_REGISTRATIONS, id, None)


def check_registration(body: Any) -> Body:
    """Return a checked registration; raises OrionError."""
    if not isinstance(body, dict):
        raise bad_request("not a JSON object")
    if not body:
        raise bad_request("empty payload")
    clean: Body = {}
    if "description" in body:
        if not isinstance(body["description"], str):
            raise bad_request("/description/ must be a JSON string")
        if has_forbidden(body["description"]):
            raise bad_request("forbidden characters in /description/")
        clean["description"] = body["description"]
    clean["dataProvided"] = _data(body.get("dataProvided"))
    clean["provider"] = _provider(body.get("provider"))
    expires = body.get("expires")
    if expires not in (None, ""):
        at = moment_of(expires)
        if at is None:
            raise bad_request("expires has an invalid format")
        clean["expires"] = format_instant(at)
    status = body.get("status", "active")
    if status == "expired":
        status = "active"
    if status not in STATUSES:
        raise bad_request("status is not valid: it has to be either active or inactive")
    return {**clean, "status": status}


def _data(raw: Any) -> Body:
    if not isinstance(raw, dict):
        raise bad_request(
            "the field /dataProvided/ is missing in payload" if raw is None else "/dataProvided/ is no object"
        )
    entities = raw.get("entities")
    if not isinstance(entities, list):
        raise bad_request(
            "the field /entities/ is missing in payload" if entities is None else "/entities/ is not an array"
        )
    if not entities:
        raise bad_request("/entities/ is empty")
    attrs = raw.get("attrs", [])
    if not isinstance(attrs, list):
        raise bad_request("the field /attrs/ must be a JSON array")
    for one in attrs:
        check_identifier(one, "attribute name")
    return {"entities": [_entity(one) for one in entities], "attrs": attrs}


def _entity(raw: Any) -> Body:
    if not isinstance(raw, dict):
        raise bad_request("/entities/ vector item is not an object")
    if "typePattern" in raw:
        raise OrionError(501, "NotImplemented", "typePattern is not supported")
    if "id" not in raw and "idPattern" not in raw:
        raise bad_request("/entities/ vector item does not have /id/ nor /idPattern/")
    if "id" in raw and "idPattern" in raw:
        raise bad_request("/entities/ vector item has both /id/ and /idPattern/")
    if "idPattern" in raw and raw["idPattern"] != ".*":
        raise OrionError(501, "NotImplemented", "Unsupported idPattern")
    clean: Body = {name: raw[name] for name in ("id", "idPattern", "type") if name in raw}
    if "id" in clean:
        check_identifier(clean["id"], "entity id")
    if "type" in clean:
        check_identifier(clean["type"], "entity type")
    return clean


def _provider(raw: Any) -> Body:
    if not isinstance(raw, dict):
        raise bad_request("the field /provider/ is missing in payload" if raw is None else "/provider/ is no object")
    http = raw.get("http")
    if not isinstance(http, dict) or not isinstance(http.get("url"), str):
        raise bad_request("the field /url/ is missing in payload")
    try:
        parts = urlsplit(http["url"])
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fine = False
    if not fine or has_forbidden(http["url"]) or any(one.isspace() for one in http["url"]):
        raise bad_request("Invalid URL parsing notification url")
    if raw.get("legacyForwarding"):
        raise OrionError(501, "NotImplemented", "legacyForwarding is NGSIv1, which is not supported")
    mode = raw.get("supportedForwardingMode", "all")
    if mode not in MODES:
        raise bad_request("invalid value of /supportedForwardingMode/")
    return {"http": {"url": http["url"]}, "supportedForwardingMode": mode, "legacyForwarding": False}


def _document(record: Body) -> Body:
    body: Body = record["body"]
    at = moment_of(body.get("expires"))
    expired = at is not None and at <= now()
    return {**body, "status": "expired" if expired else body["status"]}


def _unknown() -> OrionError:
    return OrionError(404, "NotFound", "The requested registration has not been found. Check id")
