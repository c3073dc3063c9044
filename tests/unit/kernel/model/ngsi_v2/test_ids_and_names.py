"""Ids, names and service paths of NGSIv2 come back from what they are inside; nothing else takes their place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hiroba.kernel.model.context import CORE
from hiroba.kernel.model.ids import is_uri
from hiroba.kernel.model.ngsi_v2.errors import OrionError
from hiroba.kernel.model.ngsi_v2.names import (
    EVERYWHERE,
    ServicePath,
    attribute_iri,
    check_identifier,
    entity_urn,
    lies_in,
    name_of,
    query_paths,
    shown_id,
    tenant_of,
    update_path,
)


def is_identifier(text: str) -> bool:
    try:
        check_identifier(text, "it")
    except OrionError:
        return False
    return True


identifiers = st.one_of(
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=12),
    st.text(min_size=1, max_size=6),
    st.sampled_from(
        ["observedAt", "scope", "@id", "unitCode", "geo:json", "urn:ngsi-v2:a:b", "水位", "a%3Ab", "Room:1"]
    ),
).filter(is_identifier)


@given(identifiers, identifiers, st.sampled_from(["/", "/a", "/a/b_1"]))
def test_an_id_comes_back_and_is_a_uri_inside(id: str, kind: str, path: str) -> None:
    urn = entity_urn(id, kind, path)
    assert shown_id(urn) == id
    assert is_uri(urn)


@given(identifiers, identifiers, identifiers, identifiers)
def test_two_entities_are_one_only_by_a_uri(id: str, kind: str, other_id: str, other_kind: str) -> None:
    if entity_urn(id, kind) == entity_urn(other_id, other_kind):
        assert id == other_id
        assert kind == other_kind or is_uri(id)


@given(identifiers.filter(lambda name: name not in ("id", "type")))
def test_a_name_comes_back_and_is_no_member_of_ngsi_ld(name: str) -> None:
    iri = attribute_iri(name)
    assert name_of(iri) == name
    assert CORE.compact_name(iri) not in ("observedAt", "unitCode", "scope", "createdAt", "expiresAt", "id", "type")


@pytest.mark.parametrize(
    "text", ["", "a b", "a<b", "a;b", "a(b)", "a'b", 'a"b', "a=b", "a&b", "a#b", "a?b", "a\x00", "x" * 257]
)
def test_what_cannot_be_an_identifier_is_refused(text: str) -> None:
    assert not is_identifier(text)


def test_service_paths() -> None:
    assert query_paths(None) == query_paths("/#") == EVERYWHERE
    assert query_paths("/a/b, /c/#") == (ServicePath(("a", "b")), ServicePath(("c",), True))
    assert query_paths("/") == (ServicePath(),)
    assert update_path(None) is None
    assert update_path("/a/") == "/a"
    inside = {"scope": ["/a/b", "/x"]}
    assert lies_in(inside, query_paths("/a/#"))
    assert lies_in(inside, query_paths("/x"))
    assert not lies_in(inside, query_paths("/a"))
    assert not lies_in(inside, query_paths("/"))
    assert lies_in({}, query_paths("/"))
    assert lies_in({}, EVERYWHERE)
    assert not lies_in({}, query_paths("/a/#"))


@pytest.mark.parametrize(
    "header", ["a", "/a//b", "/a-b", "/" + "x" * 51, "/a" * 11, ",".join(["/a"] * 11), "/a,b", "/#/a", "/a, "]
)
def test_what_is_no_service_path_is_refused(header: str) -> None:
    with pytest.raises(OrionError) as refused:
        query_paths(header)
    assert refused.value.code == 400


@pytest.mark.parametrize("header", ["/a,/b", "/a/#", "/#"])
def test_an_update_goes_to_one_place(header: str) -> None:
    with pytest.raises(OrionError):
        update_path(header)


def test_a_service_is_a_tenant_in_lower_case() -> None:
    assert tenant_of("OpenIoT_1") == "openiot_1"
    assert tenant_of(None) == ""
    for name in ("x" * 51, "a-b", "a/b", "_a", "a b"):
        with pytest.raises(OrionError):
            tenant_of(name)
