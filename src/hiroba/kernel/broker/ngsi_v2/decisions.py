"""What NGSIv2's writes make of an entity's present state; pure, as those of NGSI-LD."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from hiroba.kernel.broker.decisions import Draft, create
from hiroba.kernel.broker.decisions import delete as delete_whole
from hiroba.kernel.model.entity import NULL, Entity
from hiroba.kernel.model.ngsi_v2.attributes import EXPIRES, Given, expiry_of, written
from hiroba.kernel.model.ngsi_v2.errors import no_attribute, no_entity, unprocessable
from hiroba.kernel.model.ngsi_v2.names import ROOT, ServicePath, attribute_iri, lies_in, type_iri
from hiroba.kernel.model.ngsi_v2.rendering import default_instance
from hiroba.kernel.store.port import Decide, Verdict

Belongs = Callable[[Entity], bool]


@dataclass(slots=True, frozen=True)
class How:
    """How attributes are written: metadata replaced rather than kept, and told even if nothing differs."""

    override: bool = False
    forced: bool = False


@dataclass(slots=True)
class Outcome:
    """What became of the attributes of one entity: how many were written, and which could not be."""

    there: bool = True
    done: int = 0
    failed: list[str] = field(default_factory=list)


def belonging(type: str | None, paths: tuple[ServicePath, ...]) -> Belongs:
    """Return the test whether an entity is of a type (any, for None) and in one of the service paths."""
    iri = type_iri(type) if type is not None else None
    return lambda entity: (iri is None or iri in entity["type"]) and lies_in(entity, paths)


def built(urn: str, type: str, path: str, attrs: dict[str, Given]) -> Entity:
    """Return a new entity; raises OrionError."""
    entity: Entity = {"id": urn, "type": [type_iri(type)]}
    if path != ROOT:
        entity["scope"] = [path]
    kept = {}
    for name, given in attrs.items():
        if name == EXPIRES:
            entity["expiresAt"] = expiry_of(given)
        elif (instance := written(given, None)) is not None:
            kept[attribute_iri(name)] = [instance]
    entity["attrs"] = kept
    return entity


def create_new(entity: Entity, at: str) -> Decide:
    """Create an entity, or refuse when its id is taken."""

    def decide(present: Entity | None) -> Verdict:
        if present is not None:
            raise unprocessable("Already Exists")
        return create(entity, at)(None)

    return decide


def append(entity: Entity, attrs: dict[str, Given], at: str, *, how: How, belongs: Belongs, strict: bool) -> Decide:
    """Create the entity, or add attributes to it; strict ones must not be there. Answers "created" or an Outcome."""

    def decide(present: Entity | None) -> Verdict:
        if present is None:
            return create(entity, at)(None)
        if not belongs(present):
            raise unprocessable("Already Exists")
        return _put(present, attrs, at, how, lambda there: not (strict and there))

    return decide


def change(attrs: dict[str, Given], at: str, *, how: How, belongs: Belongs, only: str = "any") -> Decide:
    """Write attributes of an entity that is there: `any`, those that are `present`, or those that are `absent`.

    Answers an Outcome.
    """

    def decide(present: Entity | None) -> Verdict:
        if present is None or not belongs(present):
            raise no_entity()
        return _put(present, attrs, at, how, lambda there: only == "any" or there is (only == "present"))

    return decide


def replace(attrs: dict[str, Given], at: str, *, how: How, belongs: Belongs) -> Decide:
    """Exchange all attributes of an entity that is there."""

    def decide(present: Entity | None) -> Verdict:
        if present is None or not belongs(present):
            raise no_entity()
        draft = Draft(present, at)
        kept = {attribute_iri(name) for name in attrs}
        for iri, instances in present["attrs"].items():
            if iri not in kept:
                for instance in instances:
                    draft.remove(iri, instance.get("datasetId"))
        if EXPIRES not in attrs:
            draft.set_expiry(NULL)
        outcome = Outcome()
        for name, given in attrs.items():
            _write(draft, name, given, How(override=True, forced=how.forced))
            outcome.done += 1
        return draft.verdict(outcome)

    return decide


def write_attribute(name: str, given: Given, at: str, *, how: How, belongs: Belongs) -> Decide:
    """Write one attribute that is there."""

    def decide(present: Entity | None) -> Verdict:
        if present is None or not belongs(present):
            raise no_entity()
        if not _has(present, name):
            raise no_attribute()
        return _put(present, {name: given}, at, how, lambda there: True)

    return decide


def remove_attributes(names: list[str], at: str, *, belongs: Belongs) -> Decide:
    """Remove attributes; answers an Outcome with those that are not there."""

    def decide(present: Entity | None) -> Verdict:
        if present is None or not belongs(present):
            raise no_entity()
        draft = Draft(present, at)
        outcome = Outcome()
        for name in names:
            if not _has(draft.entity, name):
                outcome.failed.append(name)
                continue
            outcome.done += 1
            if name == EXPIRES and EXPIRES_IRI not in draft.entity["attrs"]:
                draft.set_expiry(NULL)
                continue
            iri = attribute_iri(name)
            for instance in list(draft.entity["attrs"][iri]):
                draft.remove(iri, instance.get("datasetId"))
        return draft.verdict(outcome)

    return decide


def delete(urn: str, *, belongs: Belongs) -> Decide:
    """Remove the entity."""
    remove = delete_whole(urn)

    def decide(present: Entity | None) -> Verdict:
        if present is None or not belongs(present):
            raise no_entity()
        verdict = remove(present)
        verdict.answer = Outcome(done=1)
        return verdict

    return decide


EXPIRES_IRI = attribute_iri(EXPIRES)


def _has(entity: Entity, name: str) -> bool:
    return attribute_iri(name) in entity["attrs"] or (name == EXPIRES and "expiresAt" in entity)


def _put(present: Entity, attrs: dict[str, Given], at: str, how: How, allows: Callable[[bool], bool]) -> Verdict:
    draft = Draft(present, at)
    outcome = Outcome()
    for name, given in attrs.items():
        if not allows(_has(present, name)):
            outcome.failed.append(name)
            continue
        _write(draft, name, given, how)
        outcome.done += 1
    return draft.verdict(outcome)


def _write(draft: Draft, name: str, given: Given, how: How) -> None:
    if name == EXPIRES:
        draft.set_expiry(expiry_of(given))
        return
    iri = attribute_iri(name)
    instances = draft.entity["attrs"].get(iri)
    instance = written(given, default_instance(instances) if instances else None, override=how.override)
    if instance is None:
        return
    draft.put(iri, instance)
    if how.forced and draft.changes[-1].kind == "touched":
        draft.changes[-1] = draft.changes[-1]._replace(kind="updated")
