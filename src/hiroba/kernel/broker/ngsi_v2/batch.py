"""The batch update of NGSIv2: many entities in one transaction, each for itself, and one answer for all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from hiroba.kernel.broker.broker import Broker
from hiroba.kernel.broker.entities import stamp
from hiroba.kernel.broker.ngsi_v2 import decisions
from hiroba.kernel.broker.ngsi_v2.decisions import How, Outcome
from hiroba.kernel.broker.ngsi_v2.entities import Place, Target, locate
from hiroba.kernel.model.errors import HirobaError
from hiroba.kernel.model.ngsi_v2.attributes import GivenEntity
from hiroba.kernel.model.ngsi_v2.errors import OrionError, partial_update, unprocessable
from hiroba.kernel.model.ngsi_v2.names import DEFAULT_TYPE, ROOT, entity_urn, is_coded
from hiroba.kernel.store.port import Mutation, TenantStore

ACTIONS: Final = ("append", "appendStrict", "update", "delete", "replace")
_CREATING: Final = ("append", "appendStrict")


@dataclass(slots=True)
class _Score:
    """What became of a batch: labels of entities that are not there, (label, attributes) that failed, successes."""

    absent: list[str] = field(default_factory=list)
    failed: list[tuple[str, list[str]]] = field(default_factory=list)
    done: int = 0
    existing: int = 0


async def update(broker: Broker, place: Place, action: str, entities: Sequence[GivenEntity], *, how: How) -> None:
    """Carry out one action on many entities; raises OrionError telling what was left undone."""
    store = await broker.store.tenant(place.tenant, create=True)
    at, score = stamp(), _Score()
    mutations: list[Mutation] = []
    labels: list[str] = []
    for given in entities:
        target = Target(given.id, given.type, place.paths)
        try:
            mutations.append(await _mutation(store, place, action, given, at=at, how=how))
            labels.append(target.label)
        except OrionError as error:
            if error.code != 404:
                raise
            score.absent.append(target.label)
    for label, answer in zip(labels, await store.mutate(mutations) if mutations else (), strict=True):
        _count(score, label, answer)
    _tell(score, strict=action == "appendStrict")


async def _mutation(
    store: TenantStore, place: Place, action: str, given: GivenEntity, *, at: str, how: How
) -> Mutation:
    target = Target(given.id, given.type, place.paths)
    if action in _CREATING:
        urn, kind, path = await _future(store, place, target)
        entity = decisions.built(urn, kind, path, given.attrs)
        return Mutation(
            urn,
            decisions.append(entity, given.attrs, at, how=how, belongs=target.belongs, strict=action == "appendStrict"),
        )
    urn = await _present(store, place, target)
    belongs = target.belongs
    if action == "update":
        return Mutation(urn, decisions.change(given.attrs, at, how=how, belongs=belongs, only="present"))
    if action == "replace":
        return Mutation(urn, decisions.replace(given.attrs, at, how=how, belongs=belongs))
    if given.attrs:
        return Mutation(urn, decisions.remove_attributes(list(given.attrs), at, belongs=belongs))
    return Mutation(urn, decisions.delete(urn, belongs=belongs))


async def _future(store: TenantStore, place: Place, target: Target) -> tuple[str, str, str]:
    """Return the id inside, type and path of an entity that is there or is to be made."""
    kind, path = target.type or DEFAULT_TYPE, place.path or ROOT
    urn = entity_urn(target.id, kind, path)
    if is_coded(target.id) and (target.type is None or place.path is None):
        try:
            return (await locate(store, target)).entity["id"], kind, path
        except OrionError as error:
            if error.code != 404:
                raise
    return urn, kind, path


async def _present(store: TenantStore, place: Place, target: Target) -> str:
    """Return the id inside of an entity that should be there; raises OrionError when it cannot be told."""
    if not is_coded(target.id):
        return target.id
    if target.type is not None:
        urn = entity_urn(target.id, target.type, place.path or ROOT)
        if await store.get(urn) is not None:
            return urn
    id: str = (await locate(store, target)).entity["id"]
    return id


def _count(score: _Score, label: str, answer: object) -> None:
    if isinstance(answer, OrionError) and answer.code == 404:
        score.absent.append(label)
        return
    if isinstance(answer, HirobaError):
        raise answer
    score.existing += 1
    if isinstance(answer, Outcome) and answer.failed:
        score.failed.append((label, answer.failed))
        score.done += answer.done
        return
    score.done += 1


def _tell(score: _Score, *, strict: bool) -> None:
    """Raise what a client is told when something was left undone."""
    parts = [f"{label} - [ {', '.join(names)} ]" for label, names in score.failed]
    parts += [f"{label} - [entity itself]" for label in score.absent]
    if not parts:
        return
    kind = "one or more of the attributes in the request already exist: " if strict else "do not exist: "
    reason = kind + ", ".join(parts)
    if not score.existing:
        raise OrionError(404, "NotFound", reason)
    raise partial_update(reason) if score.done else unprocessable(reason)
