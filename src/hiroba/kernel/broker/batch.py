"""The batch operations (GS CIM 009, 5.6.7 to 5.6.10 and 5.6.20): each entity stands or falls alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from hiroba.kernel.broker import decisions
from hiroba.kernel.broker.broker import Broker
from hiroba.kernel.broker.entities import stamp
from hiroba.kernel.model.entity import Entity
from hiroba.kernel.model.errors import AlreadyExists, HirobaError
from hiroba.kernel.model.expand import Fragment
from hiroba.kernel.store.port import Mutation


@dataclass(slots=True)
class BatchResult:
    """What became of each entity: ids created and updated in the order given, and (id, error) for the others."""

    created: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    errors: list[tuple[str, HirobaError]] = field(default_factory=list)


async def create_entities(broker: Broker, tenant: str, entities: Sequence[Entity]) -> BatchResult:
    """Create entities (5.6.7); of two with one id the first wins (5.5.11.1)."""
    at = stamp()
    return await _carry_out(
        broker, tenant, [Mutation(one["id"], decisions.create(one, at)) for one in entities], create=True
    )


async def upsert_entities(broker: Broker, tenant: str, entities: Sequence[Entity], *, update: bool) -> BatchResult:
    """Create entities, or replace those that are there; with `update` only the given attributes of them (5.6.8)."""
    at = stamp()
    mutations = [Mutation(one["id"], decisions.upsert(one, at, update=update)) for one in entities]
    return await _carry_out(broker, tenant, mutations, create=True)


async def update_entities(
    broker: Broker, tenant: str, fragments: Sequence[tuple[str, Fragment]], *, overwrite: bool
) -> BatchResult:
    """Add attributes to entities, overwriting those that are there or not (5.6.9)."""
    at = stamp()
    mutations = [Mutation(id, decisions.append(id, one, at, overwrite=overwrite)) for id, one in fragments]
    return await _carry_out(broker, tenant, mutations)


async def merge_entities(broker: Broker, tenant: str, fragments: Sequence[tuple[str, Fragment]]) -> BatchResult:
    """Merge fragments into entities to any depth (5.6.20)."""
    at = stamp()
    return await _carry_out(broker, tenant, [Mutation(id, decisions.merge(id, one, at)) for id, one in fragments])


async def delete_entities(broker: Broker, tenant: str, ids: Sequence[str]) -> BatchResult:
    """Delete entities (5.6.10)."""
    return await _carry_out(broker, tenant, [Mutation(id, decisions.delete(id)) for id in ids])


async def _carry_out(
    broker: Broker, tenant: str, mutations: Sequence[Mutation], *, create: bool = False
) -> BatchResult:
    result = BatchResult()
    if not mutations:
        return result
    store = await broker.store.tenant(tenant, create=create)
    for mutation, answer in zip(mutations, await store.mutate(mutations), strict=True):
        if isinstance(answer, HirobaError):
            result.errors.append((mutation.id, answer))
        elif answer == "created":
            result.created.append(mutation.id)
        elif isinstance(answer, decisions.Outcome) and answer.not_updated:
            result.errors.append((mutation.id, _left(answer)))
        else:
            result.updated.append(mutation.id)
    return result


def _left(outcome: decisions.Outcome) -> HirobaError:
    reasons = "; ".join(f"{name}: {reason}" for name, reason in outcome.not_updated.items())
    return AlreadyExists(reasons)
