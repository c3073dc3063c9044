"""Preconditions, parameters and projections of the HTTP binding on a real server (GS CIM 009, 4.21, 6.3)."""

from __future__ import annotations

import http.client
import json
import threading
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import quote

import pytest

from real_server import Running

V1 = "/ngsi-ld/v1"
SHELTER = {
    "id": "urn:ngsi-ld:Shelter:1",
    "type": "Shelter",
    "name": {"type": "Property", "value": "港小学校"},
    "capacity": {"type": "Property", "value": 300},
    "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [134.05, 34.34]}},
}
AT = f"{V1}/entities/urn:ngsi-ld:Shelter:1"
TENANTS = ({"NGSILD_Tenant": "harbour"}, {"NGSILD_Tenant": "hills"})


@pytest.fixture
def tenant(request: pytest.FixtureRequest) -> str:
    return f"h{zlib.crc32(request.node.name.encode())}"


@pytest.fixture
def city(server: Running, tenant: str) -> Running:
    assert server.call("POST", f"{V1}/entities", SHELTER, NGSILD_Tenant=tenant).status == 201
    return server


def kind_of(body: Any) -> str:
    return str(body["type"]).rsplit("/", 1)[1]


@pytest.mark.parametrize(
    ("method", "path", "kind", "named"),
    [
        ("GET", f"{AT}?limit=3", "InvalidRequest", "limit"),
        ("GET", f"{AT}?options=audit", "InvalidRequest", "audit"),
        ("GET", f"{AT}?options=keyValues,update", "InvalidRequest", "update"),
        ("GET", f"{AT}?format=csv", "InvalidRequest", "csv"),
        ("GET", f"{V1}/entities?type=Shelter&colour=red", "InvalidRequest", "colour"),
        ("GET", f"{V1}/types?type=Shelter", "InvalidRequest", "type"),
        ("DELETE", f"{V1}/entities?type=Shelter&limit=1", "InvalidRequest", "limit"),
        ("GET", f"{V1}/subscriptions?q=a", "InvalidRequest", "q"),
        ("GET", f"{V1}/jsonldContexts?details=maybe", "BadRequestData", "details"),
        ("GET", f"{AT}?join=sideways", "BadRequestData", "join"),
        ("GET", f"{AT}?join=inline&joinLevel=0", "BadRequestData", "joinLevel"),
        ("GET", f"{AT}?join=inline&joinLevel=11", "TooComplexQuery", "joinLevel"),
        ("GET", f"{AT}?join=inline&containedBy=here", "BadRequestData", "containedBy"),
        ("GET", f"{AT}?join=inline&pick=a%7Bb%7Bc%7D%7D", "BadRequestData", "joinLevel"),
        ("GET", f"{AT}?join=inline&omit=a%7Bb%7Bc%7D%7D", "BadRequestData", "joinLevel"),
        ("GET", f"{V1}/entities?type=Shelter&q=a%7Bb%7D==1", "BadRequestData", "join"),
        ("GET", f"{V1}/entities?type=Shelter&q=a%7Bb%7Bc%7D%7D==1&join=flat", "BadRequestData", "joinLevel"),
        ("GET", f"{V1}/temporal/entities?type=Shelter&join=flat", "InvalidRequest", "join"),
        ("GET", f"{AT}?pick=name&attrs=name", "BadRequestData", "attrs"),
        ("GET", f"{AT}?pick=name,,capacity", "BadRequestData", "name"),
        ("GET", f"{AT}?pick=name||capacity", "BadRequestData", "name"),
        ("GET", f"{AT}?pick=name;capacity", "BadRequestData", "name"),
        ("GET", f"{AT}?pick=name%7Bcapacity%7D", "BadRequestData", "join"),
        ("GET", f"{AT}?attrs=id", "BadRequestData", "attrs"),
        ("GET", f"{AT}?pick=river", "ResourceNotFound", "none"),
        ("GET", f"{AT}?omit=id,type,name,capacity,location", "ResourceNotFound", "none"),
        ("GET", f"{AT}?geometryProperty=location", "BadRequestData", "geometryProperty"),
        ("GET", f"{V1}/entities?type=Shelter&geometryProperty=location", "BadRequestData", "geometryProperty"),
        ("GET", f"{V1}/entities?type=*&local=false", "BadRequestData", "local"),
        ("GET", f"{V1}/entities?id=urn:ngsi-ld:Shelter:1", "BadRequestData", "too wide"),
        ("GET", f"{V1}/entities?attrs=createdAt", "BadRequestData", "too wide"),
        ("GET", f"{V1}/entities?q=modifiedAt%3E%222020-01-01T00:00:00Z%22", "BadRequestData", "too wide"),
        ("GET", f"{V1}/entities?type=Shelter&csf=))bad((", "BadRequestData", "character 1"),
        ("DELETE", f"{V1}/entities?id=urn:ngsi-ld:Shelter:1", "BadRequestData", "too wide"),
        ("DELETE", f"{V1}/entities//attrs/name", "BadRequestData", "missing"),
    ],
)
def test_what_an_operation_does_not_know_is_refused(
    city: Running, tenant: str, method: str, path: str, kind: str, named: str
) -> None:
    reply = city.call(method, path, NGSILD_Tenant=tenant)
    assert kind_of(reply.body) == kind, reply.body
    assert named in reply.body["detail"]
    assert city.call("GET", AT, NGSILD_Tenant=tenant).body == SHELTER


def test_an_address_without_its_id_is_told_so(city: Running, tenant: str) -> None:
    for method, path in (("PUT", f"{V1}/entities/"), ("PATCH", f"{V1}/entities/"), ("PATCH", f"{V1}/entities//attrs")):
        reply = city.call(method, path, SHELTER, NGSILD_Tenant=tenant)
        assert (reply.status, kind_of(reply.body)) == (400, "BadRequestData")
    assert city.call("PUT", f"{V1}/entities", SHELTER, NGSILD_Tenant=tenant).status == 405


@pytest.mark.parametrize(
    ("projection", "members"),
    [
        ("pick=name|capacity", {"name", "capacity"}),
        ("pick=id,name", {"id", "name"}),
        ("omit=type|location", {"id", "name", "capacity"}),
        ("attrs=name,river", {"id", "type", "name"}),
    ],
)
def test_projections(city: Running, tenant: str, projection: str, members: set[str]) -> None:
    assert set(city.call("GET", f"{AT}?{projection}", NGSILD_Tenant=tenant).body) == members


def test_a_query_leaves_out_what_a_projection_empties(city: Running, tenant: str) -> None:
    bare = {"id": "urn:ngsi-ld:Shelter:2", "type": "Shelter"}
    city.call("POST", f"{V1}/entities", bare, NGSILD_Tenant=tenant)
    path = f"{V1}/entities?type=Shelter&count=true"
    picked = city.call("GET", f"{path}&pick=name", NGSILD_Tenant=tenant)
    assert picked.body == [{"name": SHELTER["name"]}]
    assert picked.headers["NGSILD-Results-Count"] == "1"
    assert len(city.call("GET", f"{path}&pick=id,name", NGSILD_Tenant=tenant).body) == 2


def test_a_query_document_projects_as_the_address_does(city: Running, tenant: str) -> None:
    path = f"{V1}/entityOperations/query"
    document = {"type": "Query", "entities": [{"type": "Shelter"}]}
    for extra, members in (
        ({"pick": ["name"]}, {"name"}),
        ({"omit": ["name", "type"]}, {"id", "capacity", "location"}),
    ):
        reply = city.call("POST", path, document | extra, NGSILD_Tenant=tenant)
        assert [set(one) for one in reply.body] == [members]
    for wrong in ({"temporalQ": {"timerel": "after", "timeAt": "2020-01-01T00:00:00Z"}}, {"joinLevel": 0}):
        assert city.call("POST", path, document | wrong, NGSILD_Tenant=tenant).status == 400
    untyped = {"type": "Query", "entities": [{"id": SHELTER["id"]}]}
    assert city.call("POST", path, untyped, NGSILD_Tenant=tenant).status == 400


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", f"{AT}/attrs", {"capacity": 9}),
        ("POST", f"{AT}/attrs", {"capacity": 9}),
        ("PATCH", f"{AT}/attrs/capacity", {"value": 9}),
        ("PUT", f"{AT}/attrs/capacity", {"value": 9}),
        ("PATCH", AT, {"capacity": 9}),
        ("PUT", AT, SHELTER | {"capacity": 9}),
        ("DELETE", f"{AT}/attrs/capacity", None),
        ("DELETE", AT, None),
    ],
)
def test_a_type_selection_keeps_a_write_from_other_entities(
    city: Running, tenant: str, method: str, path: str, body: Any
) -> None:
    assert city.call(method, f"{path}?type=River", body, NGSILD_Tenant=tenant).status == 404
    assert city.call("GET", AT, NGSILD_Tenant=tenant).body == SHELTER
    reply = city.call(method, f"{path}?type=Shelter", body, NGSILD_Tenant=tenant)
    assert reply.status == 204
    assert "Content-Length" not in reply.headers
    after = city.call("GET", AT, NGSILD_Tenant=tenant)
    assert after.status == 404 or after.body.get("capacity") in (None, {"type": "Property", "value": 9})


def test_a_body_needs_its_length_and_a_media_type(city: Running, tenant: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", city.port, timeout=10)
    headers = {"Content-Type": "application/json", "NGSILD-Tenant": tenant, "Transfer-Encoding": "chunked"}
    connection.request("PATCH", f"{AT}/attrs", iter([b'{"capacity": 9}']), headers, encode_chunked=True)
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (411, b"")
    connection.close()
    refused = city.call("PATCH", f"{AT}/attrs", b"capacity=9", NGSILD_Tenant=tenant, Content_Type="text/plain")
    assert (refused.status, refused.body) == (415, None)
    assert city.call("GET", AT, NGSILD_Tenant=tenant).body == SHELTER


@pytest.mark.parametrize("accept", ["application/json;q=nonsense", "application/json;q=7, text/html", "*/*;q=0.2"])
def test_a_weight_that_is_none_does_not_decide(city: Running, tenant: str, accept: str) -> None:
    assert city.call("GET", AT, NGSILD_Tenant=tenant, Accept=accept).status == 200


def test_page_links_name_the_page_and_its_media_type(city: Running, tenant: str) -> None:
    city.call("POST", f"{V1}/entities", SHELTER | {"id": "urn:ngsi-ld:Shelter:2"}, NGSILD_Tenant=tenant)
    path = f"{V1}/entities/?type=Shelter&limit=1&count=true&idPattern=Shelter:.*"
    for accept in ("application/json", "application/ld+json"):
        links = city.call("GET", path, NGSILD_Tenant=tenant, Accept=accept).headers.get_all("Link") or []
        target = f"<{V1}/entities?count=true&idPattern=Shelter:.*&limit=1&offset=1&type=Shelter>"
        assert f'{target}; rel="next"; type="{accept}"' in links


def test_a_batch_tells_of_each_entity(server: Running, tenant: str) -> None:
    twice = server.call("POST", f"{V1}/entityOperations/create", [SHELTER, SHELTER], NGSILD_Tenant=tenant)
    assert twice.status == 207
    assert twice.body["success"] == [SHELTER["id"]]
    assert [kind_of(one["error"]) for one in twice.body["errors"]] == ["AlreadyExists"]
    gone = server.call("POST", f"{V1}/entityOperations/delete", [SHELTER["id"]] * 2, NGSILD_Tenant=tenant)
    assert gone.status == 207
    assert gone.body["success"] == [SHELTER["id"]]
    assert [kind_of(one["error"]) for one in gone.body["errors"]] == ["ResourceNotFound"]


class Contexts(BaseHTTPRequestHandler):
    ANSWERS: ClassVar = {
        "/none": b'{"note": "no context"}',
        "/text": b"this is { not json",
        "/good": b'{"@context": {}}',
    }

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.ANSWERS[self.path])

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def remote() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Contexts) as door:
        threading.Thread(target=door.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{door.server_port}"
        door.shutdown()


def test_a_remote_context_that_is_none_is_bad_data(server: Running, tenant: str, remote: str) -> None:
    def create(context: Any) -> Any:
        return server.call(
            "POST",
            f"{V1}/entities",
            SHELTER | {"@context": context},
            NGSILD_Tenant=tenant,
            Content_Type="application/ld+json",
        )

    for path in ("/none", "/text"):
        reply = create(remote + path)
        assert (reply.status, kind_of(reply.body)) == (400, "BadRequestData")
    assert kind_of(create([remote + "/good", 5]).body) == "BadRequestData"
    unknown = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-of-nobody.jsonld"
    assert kind_of(create(unknown).body) == "LdContextNotAvailable"
    assert server.call("GET", AT, NGSILD_Tenant=tenant).status == 404
    assert create([remote + "/good"]).status == 201


def test_a_batch_stands_without_the_entities_whose_context_is_not_there(
    server: Running, tenant: str, remote: str
) -> None:
    lost = SHELTER | {"id": "urn:ngsi-ld:Shelter:2", "@context": "http://127.0.0.1:9/context.jsonld"}
    batch = [SHELTER | {"@context": remote + "/good"}, lost]
    reply = server.call(
        "POST", f"{V1}/entityOperations/create", batch, NGSILD_Tenant=tenant, Content_Type="application/ld+json"
    )
    assert reply.status == 207
    assert reply.body["success"] == [SHELTER["id"]]
    assert [kind_of(one["error"]) for one in reply.body["errors"]] == ["LdContextNotAvailable"]


def test_a_hosted_context_belongs_to_its_tenant(server: Running, tenant: str) -> None:
    body = {"@context": {"水位": "https://example.jp/terms/waterLevel"}}
    at = server.call("POST", f"{V1}/jsonldContexts", body, NGSILD_Tenant=tenant).headers["Location"]
    other = tenant + "_other"
    assert server.call("GET", at, NGSILD_Tenant=other).status == 404
    assert server.call("DELETE", at, NGSILD_Tenant=other).status == 404
    assert server.call("DELETE", at).status == 404
    assert at not in json.dumps(server.call("GET", f"{V1}/jsonldContexts", NGSILD_Tenant=other).body)
    told = server.call("GET", f"{at}?details=true", NGSILD_Tenant=tenant).body
    assert (told["kind"], told["numberOfHits"]) == ("Hosted", 0)
    assert told["createdAt"].endswith("Z")
    # who follows a Link header knows no tenant
    assert server.call("GET", at, Accept="application/ld+json").body == body
    assert server.call("GET", f"{at}?details=true", NGSILD_Tenant=tenant).body["numberOfHits"] == 2
    assert server.call("DELETE", at, NGSILD_Tenant=tenant).status == 204
    core = quote("https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.9.jsonld", safe="")
    assert server.call("DELETE", f"{V1}/jsonldContexts/{core}").status == 400


def test_entities_are_ordered_by_distance(city: Running, tenant: str) -> None:
    far = {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [134.5, 34.34]}}
    for id, more in (("2", {"location": far}), ("3", {})):
        extra = {"id": f"urn:ngsi-ld:Shelter:{id}", "type": "Shelter", **more}
        assert city.call("POST", f"{V1}/entities", extra, NGSILD_Tenant=tenant).status == 201
    path = f"{V1}/entities?type=Shelter&pick=id&orderFrom=[134.49,34.34]&orderBy=location;"
    for direction, expected in (("dist-asc", "213"), ("dist-desc", "123")):
        reply = city.call("GET", path + direction, NGSILD_Tenant=tenant)
        assert "".join(one["id"][-1] for one in reply.body) == expected
    document = {
        "type": "Query",
        "entities": [{"type": "Shelter"}],
        "ordering": {
            "orderBy": ["location;dist-asc"],
            "coordinates": [[134.5, 34], [134.5, 35]],
            "geometry": "LineString",
        },
        "pick": ["id"],
    }
    reply = city.call("POST", f"{V1}/entityOperations/query", document, NGSILD_Tenant=tenant)
    assert "".join(one["id"][-1] for one in reply.body) == "213"


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ("orderBy=location;dist-asc", "BadRequestData"),
        ("orderBy=name&collation=!!nope", "BadRequestData"),
        ("orderBy=name&collation=sv", "OperationNotSupported"),
    ],
)
def test_an_order_that_cannot_be_kept_is_refused(city: Running, tenant: str, query: str, kind: str) -> None:
    assert kind_of(city.call("GET", f"{V1}/entities?type=Shelter&{query}", NGSILD_Tenant=tenant).body) == kind


def test_a_collation_orders_as_a_language_does(city: Running, tenant: str) -> None:
    """4.23.3; without one texts keep the order of their code points."""
    names = ["Zebra", "Ähre", "apfel", "漢", "あ", "ア"]
    for number, name in enumerate(names):
        body = {"id": f"urn:ngsi-ld:Word:{number}", "type": "Word", "name": name}
        assert city.call("POST", f"{V1}/entities", body, NGSILD_Tenant=tenant).status == 201
    for collation, expected in (
        ("", ["Zebra", "apfel", "Ähre", "あ", "ア", "漢"]),
        ("&collation=und", ["Ähre", "apfel", "Zebra", "あ", "ア", "漢"]),
        ("&collation=de-u-co-phonebk", ["Ähre", "apfel", "Zebra", "あ", "ア", "漢"]),
    ):
        query = f"type=Word&orderBy=name{collation}&options=keyValues"
        reply = city.call("GET", f"{V1}/entities?{query}", NGSILD_Tenant=tenant)
        assert [one["name"] for one in reply.body] == expected, collation


def test_a_body_that_is_no_object_is_an_invalid_request(city: Running, tenant: str) -> None:
    reply = city.call("POST", f"{V1}/entities", [], NGSILD_Tenant=tenant)
    assert (reply.status, kind_of(reply.body)) == (400, "InvalidRequest")


def test_each_tenant_has_a_name_of_its_own_among_brokers(server: Running) -> None:
    at = f"{V1}/info/sourceIdentity"
    own, harbour, hills = (server.call("GET", at, **headers).body for headers in ({}, *TENANTS))
    assert own["type"] == "ContextSourceIdentity"
    assert own["id"] == harbour["id"]
    assert own["contextSourceUptime"].startswith("PT")
    assert own["contextSourceTimeAt"].endswith("Z")
    assert len({one["contextSourceAlias"] for one in (own, harbour, hills)}) == 3
    assert server.call("GET", at, **TENANTS[0]).body["contextSourceAlias"] == harbour["contextSourceAlias"]


def test_a_reader_of_an_earlier_version_is_served(city: Running, tenant: str) -> None:
    grade = {"grade": {"type": "VocabProperty", "vocab": "Good"}}
    assert city.call("POST", f"{AT}/attrs", grade, NGSILD_Tenant=tenant).status == 204
    earlier = city.call("GET", AT, NGSILD_Tenant=tenant, Prefer="ngsi-ld=1.5")
    assert (earlier.status, earlier.headers["Preference-Applied"]) == (203, "ngsi-ld=1.5")
    assert earlier.body["grade"] == {"type": "Property", "value": "Good"}
    own = city.call("GET", AT, NGSILD_Tenant=tenant, Prefer="ngsi-ld=1.9")
    assert (own.status, own.body) == (200, SHELTER | grade)
    assert "Preference-Applied" not in city.call("GET", AT, NGSILD_Tenant=tenant, Prefer="respond-async").headers
