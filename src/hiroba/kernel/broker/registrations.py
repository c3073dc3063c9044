"""The operations on context source registrations (GS CIM 009, 5.9 and 5.10)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from hiroba.kernel.broker.broker import Broker
from hiroba.kernel.broker.registration_form import (
    INTERVALS,
    Body,
    attributes_of,
    patched_registration,
    read_registration,
)
from hiroba.kernel.broker.registration_matching import Wanted
from hiroba.kernel.model.context import Context
from hiroba.kernel.model.errors import AlreadyExists, BadRequestData, Conflict, NonexistentTenant, ResourceNotFound
from hiroba.kernel.model.ids import check_uri, new_urn
from hiroba.kernel.model.instants import format_instant, now, parse_instant
from hiroba.kernel.query.tree import TypeAnd, TypeIs, TypeQuery
from hiroba.kernel.store.port import EntityQuery, TenantStore

REGISTRATIONS: Final = "registration"
PROXIED: Final = ("exclusive", "redirect")


@dataclass(slots=True, frozen=True)
class Sources:
    """A page of registrations as documents; `count` is that of all that fit."""

    documents: list[Body]
    more: bool
    count: int


async def register_source(broker: Broker, tenant: str, body: Body, context: Context) -> str:
    """Register a context source (5.9.2) and return the registration's id; the tenant comes into being with it.

    Raises BadRequestData naming the member, AlreadyExists, and Conflict where an exclusive or redirect registration
    would stand beside other data.
    """
    record = read_registration(body, context)
    record.setdefault("id", new_urn("ContextSourceRegistration"))
    moment = now()
    _check_expiry(record, moment)
    store = await broker.store.tenant(tenant, create=True)
    async with broker.subscriptions.writing:
        others = dict(await _alive(store, moment))
        if record["id"] in others:
            raise AlreadyExists(f"A registration with the id {record['id']!r} exists already.")
        await _check_conflicts(store, record, others)
        record["createdAt"] = record["modifiedAt"] = format_instant(moment)
        await store.keep_record(REGISTRATIONS, record["id"], record)
    id: str = record["id"]
    return id


async def update_registration(broker: Broker, tenant: str, id: str, patch: Body, context: Context) -> None:
    """Replace some members of a registration (5.9.3); raises ResourceNotFound, BadRequestData and Conflict."""
    check_uri(id, "registration id")
    store = await broker.store.tenant(tenant)
    moment = now()
    async with broker.subscriptions.writing:
        others = dict(await _alive(store, moment))
        record = others.pop(id, None)
        if record is None:
            raise _unknown(id)
        fresh = patched_registration(record, patch, context)
        if "expiresAt" in patch:
            _check_expiry(fresh, moment)
        await _check_conflicts(store, fresh, others)
        fresh["modifiedAt"] = format_instant(moment)
        await store.keep_record(REGISTRATIONS, id, fresh)


async def delete_registration(broker: Broker, tenant: str, id: str) -> None:
    """Delete a registration (5.9.4); raises ResourceNotFound."""
    check_uri(id, "registration id")
    store = await broker.store.tenant(tenant)
    async with broker.subscriptions.writing:
        if id not in dict(await _alive(store, now())):
            raise _unknown(id)
        await store.keep_record(REGISTRATIONS, id, None)


async def retrieve_registration(
    broker: Broker, tenant: str, id: str, context: Context, *, sys_attrs: bool = False
) -> Body:
    """Return a registration as a document, names compacted (5.10.1); raises ResourceNotFound."""
    check_uri(id, "registration id")
    record = dict(await _alive(await broker.store.tenant(tenant), now())).get(id)
    if record is None:
        raise _unknown(id)
    return registration_document(record, context, sys_attrs=sys_attrs)


async def query_registrations(
    broker: Broker,
    tenant: str,
    wanted: Wanted,
    context: Context,
    *,
    limit: int,
    offset: int,
    sys_attrs: bool = False,
) -> Sources:
    """Return the sources that may have what is wanted, each with the information that fits alone (5.10.2).

    Raises BadRequestData for a query without types and attributes.
    """
    if wanted.types is None and not wanted.attrs and wanted.geo is None and wanted.csf is None:
        raise BadRequestData("The query is too wide; give at least one of type, attrs, q and georel.")
    try:
        store = await broker.store.tenant(tenant)
    except NonexistentTenant:
        return Sources([], more=False, count=0)
    fitting = wanted.test()
    found = [
        {**record, "information": parts}
        for _, record in await _alive(store, now())
        if (parts := fitting(record)) is not None
    ]
    page = [registration_document(one, context, sys_attrs=sys_attrs) for one in found[offset : offset + limit]]
    return Sources(page, offset + limit < len(found), len(found))


async def _alive(store: TenantStore, moment: int) -> list[tuple[str, Body]]:
    """Return the registrations that have not expired; those that have are deleted."""
    alive = []
    for id, record in await store.records(REGISTRATIONS):
        if "expiresAt" in record and parse_instant(record["expiresAt"]) <= moment:
            await store.keep_record(REGISTRATIONS, id, None)
        else:
            alive.append((id, record))
    return alive


def _check_expiry(record: Body, moment: int) -> None:
    if "expiresAt" in record and parse_instant(record["expiresAt"]) <= moment:
        raise BadRequestData(f"expiresAt is {record['expiresAt']!r}, which has passed already.")


async def _check_conflicts(store: TenantStore, record: Body, others: dict[str, Body]) -> None:
    """Raise Conflict where an exclusive or redirect registration meets another, or data that is kept here (5.9.2.4)."""
    mode = record.get("mode", "inclusive")
    if mode not in PROXIED:
        return
    for id, other in others.items():
        taken = _overlap(other, record) if other.get("mode") == "exclusive" else False
        if taken or (mode == "exclusive" and other.get("mode") in PROXIED and _overlap(record, other)):
            raise Conflict(f"The {other['mode']} registration {id!r} stands for some of these attributes already.")
    for query in _entities_of(record):
        page = await store.find(query)
        if page.rows:
            raise Conflict(
                f"The entity {page.rows[0].entity['id']!r} is kept here and fits the registration; move it to the "
                f"source and delete it here before the source is registered as {mode}."
            )


def _overlap(record: Body, other: Body) -> bool:
    """Tell whether an exclusive registration shares an entity and an attribute with another one."""
    other = {name: value for name, value in other.items() if name not in INTERVALS}
    for info in record["information"]:
        for entity in info["entities"]:
            one = Wanted(_of_types(entity["type"]), (entity["id"],), None, attributes_of(info))
            if one.test()(other) is not None:
                return True
    return False


def _entities_of(record: Body) -> Iterator[EntityQuery]:
    """Yield the queries that find the entities kept here for which a source is registered."""
    for info in record["information"]:
        attrs = tuple(sorted(attributes_of(info))) or None
        if "entities" not in info:
            yield EntityQuery(attrs=attrs, limit=1)
        for entity in info.get("entities", ()):
            ids = (entity["id"],) if "id" in entity else None
            pattern = entity.get("idPattern")
            yield EntityQuery(ids, pattern, _of_types(entity["type"]), attrs, limit=1)


def _of_types(types: list[str]) -> TypeQuery:
    """Return the selection of entities that have all of these types."""
    parts = tuple(TypeIs(one) for one in types)
    return parts[0] if len(parts) == 1 else TypeAnd(parts)


def registration_document(record: Body, context: Context, *, sys_attrs: bool = False) -> Body:
    """Return a registration as the standard's document, its names compacted by the context of who asks."""
    document: Body = {"id": record["id"], "type": record["type"]}
    for name, value in record.items():
        if name == "information":
            document[name] = [_compact_info(info, context) for info in value]
        elif name == "scope":
            document[name] = value[0] if len(value) == 1 else value
        elif name not in ("properties", "createdAt", "modifiedAt") or (sys_attrs and name != "properties"):
            document[name] = value
    for iri, value in record["properties"].items():
        document[context.compact_name(iri)] = value
    return document


def _compact_info(info: Body, context: Context) -> Body:
    found: Body = {}
    if "entities" in info:
        found["entities"] = [{**one, "type": _compact_types(one["type"], context)} for one in info["entities"]]
    for part in ("propertyNames", "relationshipNames"):
        if part in info:
            found[part] = [context.compact_name(iri) for iri in info[part]]
    return found


def _compact_types(types: list[str], context: Context) -> Any:
    names = [context.compact_name(iri) for iri in types]
    return names[0] if len(names) == 1 else names


def _unknown(id: str) -> ResourceNotFound:
    return ResourceNotFound(f"No registration with the id {id!r} is known.")
