"""The operations that write histories (GS CIM 009, 5.6.11 to 5.6.16); the present state of entities stays as it is."""

from __future__ import annotations

from typing import Any

from hiroba.kernel.broker import decisions
from hiroba.kernel.broker.broker import Broker
from hiroba.kernel.broker.entities import stamp, write_one
from hiroba.kernel.model.entity import Instance
from hiroba.kernel.model.errors import BadRequestData, HirobaError, ResourceNotFound
from hiroba.kernel.model.ids import check_uri, new_instance_id
from hiroba.kernel.model.temporal import TemporalFragment, stamped
from hiroba.kernel.model.temporal import stamp as stamp_instance
from hiroba.kernel.store.port import HistoryAdd, HistoryCut, HistoryEdit, TenantStore


async def upsert_temporal(broker: Broker, tenant: str, given: TemporalFragment) -> bool:
    """Create a temporal evolution or add to the one that is there; answers whether it was created (5.6.11)."""
    if given.id is None:
        raise BadRequestData("The temporal evolution has no id; a URI is expected.")
    if not given.types:
        raise BadRequestData("The temporal evolution has no type.")
    store = await broker.store.tenant(tenant, create=True)
    return bool(await _added(store, given.id, given, create=True) == "created")


async def add_temporal_attributes(broker: Broker, tenant: str, id: str, given: TemporalFragment) -> None:
    """Add instances to a temporal evolution (5.6.12); raises ResourceNotFound."""
    check_uri(id, "entity id")
    store = await broker.store.tenant(tenant)
    if await _added(store, id, given, create=False) is None:
        raise _unknown(id)


async def _added(store: TenantStore, id: str, given: TemporalFragment, *, create: bool) -> Any:
    at = stamp()
    attrs = stamped(given.attrs, at, new_instance_id)
    answer = await _amend(store, HistoryAdd(id, attrs, given.types, create))
    if answer == "updated" and given.types:
        # an entity has one list of types, for its present and for its past
        await write_one(store, id, decisions.add_types(given.types, at))
    return answer


async def delete_temporal_attribute(
    broker: Broker, tenant: str, id: str, iri: str, *, dataset: str | None = None, all_instances: bool = False
) -> None:
    """Take an attribute out of a temporal evolution: its default instances, those of a dataset, or all (5.6.13)."""
    check_uri(id, "entity id")
    store = await broker.store.tenant(tenant)
    removed = await _amend(store, HistoryCut(id, iri, dataset, all_instances))
    if removed is None:
        raise _unknown(id)
    if not removed:
        raise decisions.missing(iri, id, dataset)


async def modify_temporal_instance(
    broker: Broker, tenant: str, id: str, iri: str, *, instance_id: str, instance: Instance
) -> None:
    """Put another instance in the place of the one with this instanceId (5.6.14)."""
    check_uri(id, "entity id")
    check_uri(instance_id, "instanceId")
    store = await broker.store.tenant(tenant)
    instead = stamp_instance(instance, stamp(), instance_id)
    _found(await _amend(store, HistoryCut(id, iri, instance_id=instance_id, instead=instead)), id, instance_id)


async def delete_temporal_instance(broker: Broker, tenant: str, id: str, iri: str, *, instance_id: str) -> None:
    """Take the instance with this instanceId out of a temporal evolution (5.6.15)."""
    check_uri(id, "entity id")
    check_uri(instance_id, "instanceId")
    store = await broker.store.tenant(tenant)
    _found(await _amend(store, HistoryCut(id, iri, instance_id=instance_id)), id, instance_id)


async def delete_temporal(broker: Broker, tenant: str, id: str) -> None:
    """Remove a whole temporal evolution (5.6.16); an entity that is there stays, with no past."""
    check_uri(id, "entity id")
    store = await broker.store.tenant(tenant)
    if not await _amend(store, HistoryCut(id)):
        raise _unknown(id)


async def _amend(store: TenantStore, edit: HistoryEdit) -> Any:
    (answer,) = await store.amend((edit,))
    if isinstance(answer, HirobaError):
        raise answer
    return answer


def _found(removed: int | None, id: str, instance_id: str) -> None:
    if removed is None:
        raise _unknown(id)
    if not removed:
        raise ResourceNotFound(f"The attribute of {id!r} has no instance {instance_id!r}.")


def _unknown(id: str) -> ResourceNotFound:
    return ResourceNotFound(f"No temporal evolution of an entity with the id {id!r} is known.")
