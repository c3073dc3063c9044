"""What has expired goes by itself, and those who follow the changes hear of it (GS CIM 009, 4.22)."""

from __future__ import annotations

import json
import time
import urllib.request
from datetime import UTC, datetime, timedelta
from typing import Any

from real_server import Running

V1 = "/ngsi-ld/v1"


def in_seconds(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def first_deletion(answer: Any) -> dict[str, Any]:
    deadline = time.monotonic() + 20
    for line in answer:
        assert time.monotonic() < deadline, "the expired entity is still there"
        if line.startswith(b"data:"):
            told: dict[str, Any] = json.loads(line[5:])
            if told.get("op") == "deleted":
                return told
    raise AssertionError("the stream ended before anything was deleted")


def test_an_expired_entity_is_deleted_and_its_deletion_told(server: Running) -> None:
    tenant = "expiry"
    lasting = {"id": "urn:ngsi-ld:Pass:2", "type": "Pass", "level": {"type": "Property", "value": 1}}
    passing = {**lasting, "id": "urn:ngsi-ld:Pass:1", "expiresAt": in_seconds(1.5)}
    assert server.call("POST", f"{V1}/entities", lasting, NGSILD_Tenant=tenant).status == 201
    request = urllib.request.Request(f"{server.url}/stream?type=Pass&tenant={tenant}")
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert server.call("POST", f"{V1}/entities", passing, NGSILD_Tenant=tenant).status == 201
        told = first_deletion(answer)
    assert (told["id"], told["op"]) == (passing["id"], "deleted")
    reply = server.call("GET", f"{V1}/types/Pass", NGSILD_Tenant=tenant)
    assert reply.body["entityCount"] == 1
    assert server.call("GET", f"{V1}/entities/{passing['id']}", NGSILD_Tenant=tenant).status == 404


def test_one_that_is_renewed_in_time_stays(server: Running) -> None:
    tenant = "renewal"
    entity = {"id": "urn:ngsi-ld:Pass:1", "type": "Pass", "expiresAt": in_seconds(2)}
    assert server.call("POST", f"{V1}/entities", entity, NGSILD_Tenant=tenant).status == 201
    reply = server.call("PATCH", f"{V1}/entities/{entity['id']}", {"expiresAt": in_seconds(3600)}, NGSILD_Tenant=tenant)
    assert reply.status == 204, reply.body
    time.sleep(4.5)
    assert server.call("GET", f"{V1}/entities/{entity['id']}", NGSILD_Tenant=tenant).status == 200
