"""The operations on the attributes of one entity (GS CIM 009, 5.6.2 to 5.6.5 and 5.6.19)."""

from __future__ import annotations

from hiroba.kernel.broker import decisions
from hiroba.kernel.broker.broker import Broker
from hiroba.kernel.broker.entities import only_of, stamp, write_one
from hiroba.kernel.model.entity import Instance
from hiroba.kernel.model.errors import BadRequestData
from hiroba.kernel.model.expand import Fragment
from hiroba.kernel.model.ids import check_uri
from hiroba.kernel.query.tree import TypeQuery


async def append_attributes(
    broker: Broker, tenant: str, id: str, fragment: Fragment, *, overwrite: bool, types: TypeQuery | None = None
) -> decisions.Outcome:
    """Add attributes to an entity; those that are there are overwritten, or left (5.6.3)."""
    check_uri(id, "entity id")
    store = await broker.store.tenant(tenant)
    decide = decisions.append(id, fragment, stamp(), overwrite=overwrite)
    outcome: decisions.Outcome = await write_one(store, id, only_of(types, id, decide))
    return outcome


async def update_attributes(
    broker: Broker, tenant: str, id: str, fragment: Fragment, *, types: TypeQuery | None = None
) -> decisions.Outcome:
    """Overwrite attributes of an entity; an NGSI-LD Null deletes one (5.6.2)."""
    check_uri(id, "entity id")
    store = await broker.store.tenant(tenant)
    outcome: decisions.Outcome = await write_one(store, id, only_of(types, id, decisions.update(id, fragment, stamp())))
    return outcome


async def partial_update_attribute(
    broker: Broker, tenant: str, id: str, iri: str, patch: Instance, *, types: TypeQuery | None = None
) -> None:
    """Overwrite members of one attribute instance (5.6.4)."""
    _check(id, iri)
    store = await broker.store.tenant(tenant)
    await write_one(store, id, only_of(types, id, decisions.partial_update(id, iri, patch, stamp())))


async def replace_attribute(
    broker: Broker, tenant: str, id: str, iri: str, instance: Instance, *, types: TypeQuery | None = None
) -> None:
    """Exchange one attribute instance (5.6.19)."""
    _check(id, iri)
    store = await broker.store.tenant(tenant)
    await write_one(store, id, only_of(types, id, decisions.replace_attribute(id, iri, instance, stamp())))


async def delete_attribute(
    broker: Broker,
    tenant: str,
    id: str,
    iri: str,
    *,
    dataset: str | None = None,
    all_instances: bool = False,
    types: TypeQuery | None = None,
) -> None:
    """Remove one instance of an attribute, or all of them; `iri` may be `scope` (5.6.5)."""
    check_uri(id, "entity id")
    store = await broker.store.tenant(tenant)
    decide = decisions.delete_attribute(id, iri, stamp(), dataset=dataset, all_instances=all_instances)
    await write_one(store, id, only_of(types, id, decide))


def _check(id: str, iri: str) -> None:
    check_uri(id, "entity id")
    if iri == "scope":
        raise BadRequestData("scope is not an attribute; change it by updating the entity.")
