"""Which types and attributes a tenant's entities use (GS CIM 009, 5.7.5 to 5.7.10)."""

from __future__ import annotations

from collections.abc import Sequence

from hiroba.kernel.broker.broker import Broker
from hiroba.kernel.model.errors import ResourceNotFound
from hiroba.kernel.store.port import AttributeUse, TypeUse


async def type_uses(broker: Broker, tenant: str) -> Sequence[TypeUse]:
    """Return the entity types in use with their attributes and how many entities have each."""
    return await (await broker.store.tenant(tenant)).type_uses()


async def type_use(broker: Broker, tenant: str, iri: str) -> tuple[TypeUse, dict[str, AttributeUse]]:
    """Return one entity type and how its attributes are used; raises ResourceNotFound for one not in use."""
    store = await broker.store.tenant(tenant)
    for use in await store.type_uses():
        if use.type == iri:
            uses = {one.attribute: one for one in await store.attribute_uses()}
            return use, {name: uses[name] for name in use.attributes if name in uses}
    raise ResourceNotFound(f"No entity of the type {iri!r} is known.")


async def attribute_uses(broker: Broker, tenant: str) -> Sequence[AttributeUse]:
    """Return the attributes in use."""
    return await (await broker.store.tenant(tenant)).attribute_uses()


async def attribute_use(broker: Broker, tenant: str, iri: str) -> AttributeUse:
    """Return how one attribute is used; raises ResourceNotFound for one not in use."""
    for use in await attribute_uses(broker, tenant):
        if use.attribute == iri:
            return use
    raise ResourceNotFound(f"No entity has the attribute {iri!r}.")
