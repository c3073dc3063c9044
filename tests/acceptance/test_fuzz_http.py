"""Requests made by chance, near to valid ones: never a 500, never a hang, and the server lives on.

FUZZ_EXAMPLES sets how many are made (default: what fits into some twenty seconds).
"""

from __future__ import annotations

import http.client
import json
import os
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hiroba.kernel.api import parameters as known
from real_server import Running

V1 = "/ngsi-ld/v1"
MANY = settings(
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "350")),
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)

odd_texts = st.one_of(
    st.sampled_from(
        ["", " ", "@none", "urn:ngsi-ld:null", "*", "\x00", "٣", "𠮷", "a,b", "..", "null", "9" * 30, "x" * 300]
    ),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
)
numbers = st.one_of(
    st.integers(-5, 5),
    st.sampled_from([0, -1, 2**53, 2**63, 2**64 - 1, -(2**63), 1e308, -1e-308, 0.1, 10**15]),
    st.floats(allow_nan=False, allow_infinity=False),
)
ids = st.one_of(
    st.sampled_from([f"urn:ngsi-ld:Gauge:{number}" for number in range(6)]),
    st.sampled_from(["urn:高松:1", "http://x.example/a?b#c", "no uri", "a:b", "urn:x:%2F/"]),
)
instants = st.sampled_from(
    [
        "2026-04-01T00:00:00Z",
        "2026-04-01T00:00:00.123456Z",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59.999999Z",
        "2026-13-01T00:00:00Z",
        "2026-04-01",
        "yesterday",
        "2026-04-01T00:00:00+09:00",
        "2000-01-01T00:00:00Z",
    ]
)
names = st.sampled_from(
    [
        "level",
        "location",
        "name",
        "type",
        "id",
        "scope",
        "水位",
        "a.b",
        "https://x.example/p",
        "observedAt",
        "@id",
        "@context",
    ]
)
positions = st.lists(numbers, max_size=4)
coordinates = st.one_of(
    positions, st.lists(positions, max_size=5), st.lists(st.lists(positions, max_size=5), max_size=3)
)
geometries = st.builds(
    lambda kind, at: {"type": kind, "coordinates": at},
    st.sampled_from(["Point", "LineString", "Polygon", "MultiPoint", "MultiPolygon", "GeometryCollection", "Blob"]),
    st.one_of(
        st.sampled_from([[134.05, 34.34], [[134, 34], [135, 35]], [[[0, 0], [1, 0], [1, 1], [0, 0]]]]), coordinates
    ),
)
scalars = st.one_of(st.none(), st.booleans(), numbers, odd_texts, ids, instants)
values = st.recursive(
    st.one_of(scalars, geometries),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.one_of(names, odd_texts), inner, max_size=3)
    ),
    max_leaves=8,
)
KINDS = {
    "Property": "value",
    "GeoProperty": "value",
    "Relationship": "object",
    "LanguageProperty": "languageMap",
    "VocabProperty": "vocab",
    "JsonProperty": "json",
    "ListProperty": "valueList",
    "ListRelationship": "objectList",
}
extras = st.dictionaries(
    st.sampled_from(
        ["observedAt", "unitCode", "datasetId", "createdAt", "accuracy", "lang", "deletedAt", "objectType", "entity"]
    ),
    st.one_of(instants, ids, values),
    max_size=2,
)


def instance(kind: str, value: Any, more: dict[str, Any]) -> dict[str, Any]:
    return {"type": kind, KINDS.get(kind, "value"): value, **more}


fitting = st.one_of(
    st.builds(instance, st.just("Property"), values, extras),
    st.builds(instance, st.just("GeoProperty"), geometries, extras),
    st.builds(instance, st.just("Relationship"), st.one_of(ids, st.lists(ids, max_size=3)), extras),
    st.builds(
        instance,
        st.just("LanguageProperty"),
        st.dictionaries(odd_texts, st.one_of(odd_texts, values), max_size=2),
        extras,
    ),
)
attributes = st.one_of(
    fitting,
    st.builds(instance, st.sampled_from([*KINDS, "Nonsense"]), values, extras),
    st.lists(fitting, max_size=3),
    values,
)
entities = st.builds(
    lambda id, kind, attrs, more: {"id": id, "type": kind, **attrs, **more},
    ids,
    st.one_of(st.sampled_from(["Gauge", "Probe", ["Gauge", "Probe"]]), values),
    st.dictionaries(names, attributes, max_size=3),
    st.dictionaries(st.sampled_from(["scope", "expiresAt", "createdAt"]), st.one_of(instants, values), max_size=1),
)
geo_queries = st.fixed_dictionaries(
    {
        "georel": st.sampled_from(
            ["near;maxDistance==1000", "within", "equals", "disjoint", "near;minDistance==-1", "by", ""]
        ),
        "geometry": st.sampled_from(["Point", "Polygon", "LineString", "MultiPolygon", "Blob"]),
        "coordinates": st.one_of(coordinates, values),
    }
)
q_parts = st.sampled_from(
    [
        "level",
        "level>1",
        'name=="a"',
        "level==1..5",
        "name~=a.*",
        "!level",
        "level[a.b]",
        "level.observedAt>2026-04-01T00:00:00Z",
        "(",
        ")",
        ";",
        "|",
        "水位",
        "==",
        "type",
        "level==",
        "~=(",
        "location.x",
        "name=={",
        '"',
        "\\",
        "level==true",
    ]
)
qs = st.one_of(
    st.lists(q_parts, max_size=4).map("".join), st.lists(q_parts, min_size=1, max_size=3).map(";".join), odd_texts
)
subscriptions = st.builds(
    lambda body, more: {**body, **more},
    st.fixed_dictionaries(
        {
            "type": st.sampled_from(["Subscription", "Subscription", "Other"]),
            "entities": st.one_of(st.just([{"type": "Gauge"}]), values),
            "notification": st.one_of(
                st.fixed_dictionaries({"endpoint": st.just({"uri": "http://127.0.0.1:9/x"})}),
                st.fixed_dictionaries({"endpoint": st.fixed_dictionaries({"uri": odd_texts, "receiverInfo": values})}),
                values,
            ),
        }
    ),
    st.dictionaries(
        st.sampled_from(
            [
                "id",
                "q",
                "geoQ",
                "scopeQ",
                "watchedAttributes",
                "throttling",
                "timeInterval",
                "isActive",
                "expiresAt",
                "lang",
                "notificationTrigger",
                "jsonldContext",
                "datasetId",
                "csf",
                "status",
                "format",
            ]
        ),
        st.one_of(values, qs, geo_queries, instants),
        max_size=3,
    ),
)
query_documents = st.builds(
    lambda more: {"type": "Query", **more},
    st.dictionaries(
        st.sampled_from(
            ["entities", "attrs", "q", "geoQ", "scopeQ", "temporalQ", "pick", "omit", "lang", "ordering", "orderBy"]
        ),
        st.one_of(
            values,
            qs,
            geo_queries,
            st.just([{"type": "Gauge"}]),
            st.builds(lambda at: {"timerel": "after", "timeAt": at}, instants),
        ),
        max_size=4,
    ),
)
bodies = st.one_of(
    entities, st.lists(entities, max_size=3), subscriptions, query_documents, st.lists(ids, max_size=3), values
)
PATHS = [
    "/entities", "/entities/{id}", "/entities/{id}/attrs", "/entities/{id}/attrs/{name}", "/types", "/types/{name}",
    "/attributes", "/attributes/{name}", "/subscriptions", "/subscriptions/{id}", "/temporal/entities",
    "/temporal/entities/{id}", "/temporal/entityOperations/query", "/jsonldContexts", "/jsonldContexts/{id}",
    *(f"/entityOperations/{name}" for name in ("create", "upsert", "update", "merge", "delete", "query")),
]  # fmt: skip
parameters = st.fixed_dictionaries(
    {},
    optional={
        "type": st.one_of(st.sampled_from(["Gauge", "Gauge,Probe", "(Gauge;Probe)", "*", "Gauge|"]), odd_texts),
        "id": ids,
        "idPattern": st.sampled_from([".*", "(((", "^urn.*1$", "a{9999}", "[", "\\p{Han}"]),
        "q": qs,
        "scopeQ": st.one_of(st.sampled_from(["/a", "/a/#", "/+/b", "#", "/a;/b", "/"]), odd_texts),
        "georel": st.sampled_from(["near;maxDistance==1000", "within", "contains", "near;maxDistance=1", "near"]),
        "geometry": st.sampled_from(["Point", "Polygon", "Blob"]),
        "coordinates": st.one_of(coordinates.map(json.dumps), odd_texts),
        "geoproperty": names,
        "attrs": names,
        "pick": names,
        "omit": names,
        "lang": st.sampled_from(["ja", "*", "en;q=0.5,ja", ";;", ""]),
        "options": st.sampled_from(
            ["keyValues", "sysAttrs", "concise", "temporalValues", "aggregatedValues", "update", "noOverwrite"]
        ),
        "format": st.sampled_from(["simplified", "concise", "x"]),
        "limit": st.sampled_from(["0", "1", "1000", "1001", "-1", "x", "9" * 20]),
        "offset": st.sampled_from(["0", "5", "9" * 11, "-1"]),
        "count": st.sampled_from(["true", "false", "x"]),
        "local": st.sampled_from(["true", "false"]),
        "orderBy": st.sampled_from(["id", "level", "!level", "name;desc", "level[", "location;dist-asc", ","]),
        "timerel": st.sampled_from(["before", "after", "between", "x"]),
        "timeAt": instants,
        "endTimeAt": instants,
        "timeproperty": st.sampled_from(["observedAt", "modifiedAt", "createdAt", "deletedAt", "x"]),
        "lastN": st.sampled_from(["1", "0", "5", "x", "9" * 25]),
        "aggrMethods": st.sampled_from(["sum", "avg,min,max", "stddev,sumsq", "totalCount,distinctCount", "x"]),
        "aggrPeriodDuration": st.sampled_from(["PT1H", "P1M", "PT0S", "P9999Y", "P1Y2M3DT4H", "PT0.000001S", "x"]),
        "observedAt": instants,
        "datasetId": st.one_of(ids, st.just("@none")),
        "deleteAll": st.sampled_from(["true", "x"]),
        "details": st.sampled_from(["true", "x"]),
        "reload": st.sampled_from(["true", "false"]),
        "geometryProperty": names,
    },
)
headers = st.fixed_dictionaries(
    {},
    optional={
        "NGSILD-Tenant": st.sampled_from(["fuzz", "other", "高".encode().decode("latin-1"), "../x", "a b", ".", "-"]),
        "Accept": st.sampled_from(
            ["application/json", "application/ld+json", "application/geo+json", "*/*;q=0", "x", ""]
        ),
        "Content-Type": st.sampled_from(
            ["application/json", "application/ld+json", "application/merge-patch+json", "x", ""]
        ),
        "Link": st.sampled_from(['<urn:x>; rel="http://www.w3.org/ns/json-ld#context"', "<>;rel=", "<", "a"]),
        "Prefer": st.sampled_from(["body=json", "body=ld+json", "x"]),
        "Last-Event-ID": st.sampled_from(["0", "x"]),
    },
)


def ask(server: Running, method: str, path: str, body: bytes | None, sent: dict[str, str]) -> tuple[int, bytes]:
    """Return status and body of an answer that has to come within ten seconds."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.request(method, path, body, sent)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def check(server: Running, method: str, path: str, *, body: bytes | None, sent: dict[str, str]) -> None:
    status, told = ask(server, method, path, body, sent)
    assert status < 500 or b"LdContextNotAvailable" in told, (method, path, body, sent, status, told)
    if status >= 400 and told:
        problem = json.loads(told)
        assert problem["detail"], problem
    elif told:
        json.loads(told)


@pytest.fixture(scope="module", autouse=True)
def some_entities(server: Running) -> None:
    """Give the requests something to meet."""
    attrs: dict[str, Any] = {
        "level": {"type": "Property", "value": 1.5, "observedAt": "2026-04-01T00:00:00Z"},
        "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [134.05, 34.34]}},
        "name": {"type": "LanguageProperty", "languageMap": {"ja": "川", "en": "river"}},
    }
    batch = [{"id": f"urn:ngsi-ld:Gauge:{number}", "type": "Gauge", **attrs} for number in range(6)]
    for tenant in ("", "fuzz"):
        more = {"NGSILD_Tenant": tenant} if tenant else {}
        assert server.call("POST", f"{V1}/entityOperations/upsert", batch, **more).status == 201


@MANY
@given(
    method=st.sampled_from(["GET", "POST", "PATCH", "PUT", "DELETE"]),
    path=st.sampled_from(PATHS),
    id=st.one_of(ids, odd_texts),
    name=st.one_of(names, odd_texts),
    query=parameters,
    sent=headers,
    body=st.one_of(st.none(), bodies, bodies),
)
def test_any_request(
    server: Running,
    method: str,
    path: str,
    *,
    id: str,
    name: str,
    query: dict[str, str],
    sent: dict[str, str],
    body: Any,
) -> None:
    address = V1 + path.format(id=quote(id, safe=""), name=quote(name, safe=""))
    if query:
        address += "?" + urlencode(query)
    data = None if body is None else json.dumps(body).encode()
    check(server, method, address, body=data, sent={"Content-Type": "application/json", **sent})


@MANY
@given(
    where=st.sampled_from(
        [
            ("POST", "/entities"),
            ("POST", "/entityOperations/upsert"),
            ("POST", "/entities/{id}/attrs"),
            ("PATCH", "/entities/{id}"),
            ("PUT", "/entities/{id}"),
            ("PATCH", "/entities/{id}/attrs"),
            ("POST", "/entityOperations/merge"),
        ]
    ),
    entity=entities,
)
def test_entities_near_to_valid_ones(server: Running, where: tuple[str, str], entity: dict[str, Any]) -> None:
    method, path = where
    body: Any = [entity] if "Operations" in path else entity
    sent = {"Content-Type": "application/json", "NGSILD-Tenant": "fuzz"}
    address = V1 + path.format(id=quote(str(entity["id"]), safe=""))
    check(server, method, address, body=json.dumps(body).encode(), sent=sent)
    shown = f"{V1}/entities/{quote(str(entity['id']), safe='')}"
    for more in ("", "?options=concise", "?options=keyValues&lang=ja", "?options=sysAttrs"):
        check(server, "GET", shown + more, body=None, sent=sent)
    check(server, "GET", shown, body=None, sent={**sent, "Accept": "application/geo+json"})
    check(server, "GET", f"{V1}/temporal{shown[len(V1) :]}?options=temporalValues", body=None, sent=sent)


READS = {
    "/entities": known.QUERY.names,
    "/entities/urn:ngsi-ld:Gauge:1": known.RETRIEVE.names,
    "/temporal/entities": known.HISTORIES.names,
    "/temporal/entities/urn:ngsi-ld:Gauge:1": known.HISTORY.names,
}


@MANY
@given(
    path=st.sampled_from([*READS, "/subscriptions", "/entityOperations/query", "/temporal/entityOperations/query"]),
    query=parameters,
    body=st.one_of(subscriptions, query_documents),
)
def test_queries_and_subscriptions_near_to_valid_ones(
    server: Running, path: str, query: dict[str, str], body: Any
) -> None:
    sent = {"NGSILD-Tenant": "fuzz"}
    if path in READS:
        chosen = {name: value for name, value in {"type": "Gauge", **query}.items() if name in READS[path]}
        if "temporal" in path:
            chosen = {"timerel": "after", "timeAt": "2000-01-01T00:00:00Z", **chosen}
        check(server, "GET", f"{V1}{path}?{urlencode(chosen)}", body=None, sent=sent)
    else:
        sent["Content-Type"] = "application/json"
        check(server, "POST", V1 + path, body=json.dumps(body).encode(), sent=sent)


def test_the_server_lives_on(server: Running) -> None:
    assert server.call("GET", "/ready").status == 200
    reply = server.call("POST", f"{V1}/entities", {"id": "urn:ngsi-ld:Last:1", "type": "Last"})
    assert reply.status == 201
    assert "Traceback" not in server.log.read_text()
