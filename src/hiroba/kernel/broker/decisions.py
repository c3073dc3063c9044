"""The pure heart of every write: from an entity's present state to its next one, and what changed by it.

Each function returns the `Decide` that a `Mutation` carries. Input comes expanded and validated; stamps (createdAt,
modifiedAt, instanceId) are given here. Present states are never modified in place.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from hiroba.kernel.broker.merging import merge_instance
from hiroba.kernel.model.attributes import is_null
from hiroba.kernel.model.entity import NULL, Attributes, Entity, Instance
from hiroba.kernel.model.errors import AlreadyExists, BadRequestData, ResourceNotFound
from hiroba.kernel.model.expand import Fragment
from hiroba.kernel.model.ids import new_instance_id
from hiroba.kernel.store.port import AttributeChange, Decide, Verdict

STAMPS = ("createdAt", "modifiedAt", "instanceId")


@dataclass(slots=True)
class Outcome:
    """Which attributes (IRIs) a write changed, and which it left, with the reason."""

    updated: list[str] = field(default_factory=list)
    not_updated: dict[str, str] = field(default_factory=dict)


def create(entity: Entity, at: str) -> Decide:
    """Refuse an id that is there (AlreadyExists), else take the entity as it is (5.6.1)."""

    def decide(present: Entity | None) -> Verdict:
        if present is not None:
            raise AlreadyExists(f"An entity with the id {entity['id']!r} exists already.")
        return _created(entity, at)

    return decide


def replace(entity: Entity, at: str) -> Decide:
    """Exchange the whole entity, keeping its createdAt (5.6.18)."""

    def decide(present: Entity | None) -> Verdict:
        if present is None:
            raise unknown(entity["id"])
        return _replaced(present, entity, at)

    return decide


def upsert(entity: Entity, at: str, *, update: bool) -> Decide:
    """Create the entity; or else replace it, or with `update` overwrite the given attributes (5.6.8).

    Answers "created" or "updated".
    """
    fragment = as_fragment(entity)

    def decide(present: Entity | None) -> Verdict:
        if present is None:
            return _created(entity, at)
        verdict = _appended(present, fragment, at, overwrite=True) if update else _replaced(present, entity, at)
        verdict.answer = "updated"
        return verdict

    return decide


def append(id: str, fragment: Fragment, at: str, *, overwrite: bool) -> Decide:
    """Add attributes; those that are there are overwritten or left (5.6.3). Answers an Outcome."""

    def decide(present: Entity | None) -> Verdict:
        if present is None:
            raise unknown(id)
        return _appended(present, fragment, at, overwrite=overwrite)

    return decide


def update(id: str, fragment: Fragment, at: str) -> Decide:
    """Overwrite, add, and delete those given as NGSI-LD Null (5.6.2). Answers an Outcome."""

    def decide(present: Entity | None) -> Verdict:
        if present is None:
            raise unknown(id)
        # a scope is only replaced here, never added
        seen = fragment if "scope" in present else fragment.without_scope()
        return _appended(present, seen, at, overwrite=True)

    return decide


def merge(id: str, fragment: Fragment, at: str, *, observed_at: str | None = None) -> Decide:
    """Merge the fragment into the entity to any depth (5.6.17, 5.5.12). Answers an Outcome."""

    def decide(present: Entity | None) -> Verdict:
        if present is None:
            raise unknown(id)
        draft = Draft(present, at)
        draft.add_types(fragment.types)
        if fragment.scope is not None:
            draft.set_scope(fragment.scope)
        draft.set_expiry(fragment.expires_at)
        for iri, dataset in fragment.deleted:
            draft.remove(iri, dataset)
        for iri, instances in fragment.attrs.items():
            for instance in instances:
                before = draft.instance(iri, instance.get("datasetId"))
                if before is None:
                    draft.put(iri, merge_instance({}, instance))
                    continue
                instance = fragment.fitted(iri, instance, before)
                merged = merge_instance(before, instance)
                if observed_at and "observedAt" in before and "observedAt" not in instance:
                    merged["observedAt"] = observed_at
                draft.put(iri, merged)
        return draft.verdict(Outcome())

    return decide


def partial_update(id: str, iri: str, patch: Instance, at: str) -> Decide:
    """Overwrite the given members of one attribute instance, keeping its type (5.6.4)."""

    def decide(present: Entity | None) -> Verdict:
        draft = Draft(_known(present, id), at)
        before = draft.existing(iri, patch.get("datasetId"))
        if is_null(patch):
            draft.remove(iri, patch.get("datasetId"))
            return draft.verdict(None)
        if "type" in patch and patch["type"] != before["type"]:
            raise BadRequestData(
                f"The attribute is a {before['type']}; a partial update cannot make it a {patch['type']}."
            )
        after = {**before, **{name: value for name, value in patch.items() if name != "attrs"}}
        if "attrs" in patch:
            after["attrs"] = {**before.get("attrs", {}), **patch["attrs"]}
        drop_nulls(after)
        draft.put(iri, after)
        return draft.verdict(None)

    return decide


def replace_attribute(id: str, iri: str, instance: Instance, at: str) -> Decide:
    """Exchange one attribute instance, keeping its createdAt (5.6.19)."""

    def decide(present: Entity | None) -> Verdict:
        draft = Draft(_known(present, id), at)
        draft.existing(iri, instance.get("datasetId"))
        draft.put(iri, instance)
        return draft.verdict(None)

    return decide


def delete_attribute(id: str, iri: str, at: str, *, dataset: str | None = None, all_instances: bool = False) -> Decide:
    """Remove one instance of an attribute, or all of them (5.6.5)."""

    def decide(present: Entity | None) -> Verdict:
        draft = Draft(_known(present, id), at)
        if iri == "scope":
            if "scope" not in draft.entity:
                raise ResourceNotFound(f"The entity {id!r} has no scope.")
            draft.set_scope(None)
            return draft.verdict(None)
        if all_instances:
            instances = draft.entity["attrs"].get(iri)
            if not instances:
                raise missing(iri, id)
            for instance in instances:
                draft.remove(iri, instance.get("datasetId"))
        else:
            draft.existing(iri, dataset)
            draft.remove(iri, dataset)
        return draft.verdict(None)

    return decide


def delete(id: str) -> Decide:
    """Remove the entity (5.6.6)."""

    def decide(present: Entity | None) -> Verdict:
        entity = _known(present, id)
        changes = [
            AttributeChange(iri, instance.get("datasetId"), "deleted", instance, None)
            for iri, instances in entity["attrs"].items()
            for instance in instances
        ]
        return Verdict(write=True, entity=None, changes=changes)

    return decide


def purge_attributes(id: str, at: str, *, keep: frozenset[str] | None, drop: frozenset[str] | None) -> Decide:
    """Remove the attributes in `drop`, or all but those in `keep` (5.6.21); an entity gone meanwhile is left so."""

    def decide(present: Entity | None) -> Verdict:
        if present is None:
            return Verdict(write=False)
        draft = Draft(present, at)
        for iri, instances in present["attrs"].items():
            if (drop is not None and iri in drop) or (keep is not None and iri not in keep):
                for instance in instances:
                    draft.remove(iri, instance.get("datasetId"))
        return draft.verdict(None)

    return decide


def add_types(types: Iterable[str], at: str) -> Decide:
    """Add types to an entity that is there."""

    def decide(present: Entity | None) -> Verdict:
        if present is None:
            return Verdict(write=False)
        draft = Draft(present, at)
        draft.add_types(types)
        return draft.verdict(None)

    return decide


def as_fragment(entity: Entity) -> Fragment:
    """Return an entity's content as a fragment."""
    scope = entity.get("scope")
    return Fragment(
        id=entity["id"],
        types=tuple(entity["type"]),
        scope=tuple(scope) if scope else None,
        attrs=entity["attrs"],
        expires_at=entity.get("expiresAt"),
    )


def unknown(id: str) -> ResourceNotFound:
    """Return the error for an entity that is not there."""
    return ResourceNotFound(f"No entity with the id {id!r} is known.")


def missing(iri: str, id: str, dataset: str | None = None) -> ResourceNotFound:
    """Return the error for an attribute instance that is not there."""
    which = f"an instance of {iri!r} with the datasetId {dataset!r}" if dataset else f"the attribute {iri!r}"
    return ResourceNotFound(f"The entity {id!r} does not have {which}.")


def drop_nulls(instance: Instance) -> None:
    """Remove in place the members and sub-attributes that a patch gave as NGSI-LD Null."""
    for name in [name for name, value in instance.items() if value == NULL and name not in ("value", "object")]:
        del instance[name]
    subs: Attributes = instance.get("attrs", {})
    kept = {iri: [one for one in ones if not is_null(one)] for iri, ones in subs.items()}
    kept = {iri: ones for iri, ones in kept.items() if ones}
    if kept:
        instance["attrs"] = kept
    else:
        instance.pop("attrs", None)


def same(before: Instance, after: Instance) -> bool:
    """Tell whether two instances say the same, stamps aside."""
    return {k: v for k, v in before.items() if k not in STAMPS} == {k: v for k, v in after.items() if k not in STAMPS}


class Draft:
    """An entity being rewritten: a shallow copy, with a list of what changed."""

    __slots__ = ("at", "changes", "entity", "plain")

    def __init__(self, present: Entity, at: str) -> None:
        self.entity: Entity = {**present, "attrs": dict(present["attrs"])}
        self.at = at
        self.changes: list[AttributeChange] = []
        self.plain = False

    def instance(self, iri: str, dataset: str | None) -> Instance | None:
        for instance in self.entity["attrs"].get(iri, ()):
            if instance.get("datasetId") == dataset:
                found: Instance = instance
                return found
        return None

    def existing(self, iri: str, dataset: str | None) -> Instance:
        found = self.instance(iri, dataset)
        if found is None:
            raise missing(iri, self.entity["id"], dataset)
        return found

    def put(self, iri: str, given: Instance) -> None:
        dataset = given.get("datasetId")
        before = self.instance(iri, dataset)
        after = {**given, "createdAt": self.at, "modifiedAt": self.at, "instanceId": new_instance_id()}
        present = self.entity["attrs"].get(iri, ())
        if before is None:
            kind = "created"
            # the default instance leads
            self.entity["attrs"][iri] = [*present, after] if dataset else [after, *present]
        else:
            after["createdAt"] = before.get("createdAt", self.at)
            kind = "touched" if same(before, after) else "updated"
            self.entity["attrs"][iri] = [after if one is before else one for one in present]
        self.changes.append(AttributeChange(iri, dataset, kind, before, after))

    def remove(self, iri: str, dataset: str | None) -> bool:
        before = self.instance(iri, dataset)
        if before is None:
            return False
        rest = [one for one in self.entity["attrs"][iri] if one is not before]
        if rest:
            self.entity["attrs"][iri] = rest
        else:
            del self.entity["attrs"][iri]
        self.changes.append(AttributeChange(iri, dataset, "deleted", before, None))
        return True

    def add_types(self, types: Iterable[str]) -> None:
        new = [type for type in types if type not in self.entity["type"]]
        if new:
            self.entity["type"] = [*self.entity["type"], *new]
            self.plain = True

    def set_scope(self, scope: Iterable[str] | None) -> None:
        fresh = list(scope) if scope is not None else None
        if fresh != self.entity.get("scope"):
            self.plain = True
        if fresh:
            self.entity["scope"] = fresh
        else:
            self.entity.pop("scope", None)

    def set_expiry(self, expires_at: str | None) -> None:
        if expires_at == NULL:
            self.plain = self.entity.pop("expiresAt", None) is not None or self.plain
        elif expires_at is not None and expires_at != self.entity.get("expiresAt"):
            self.entity["expiresAt"] = expires_at
            self.plain = True

    def verdict(self, answer: Any) -> Verdict:
        if not self.changes and not self.plain:
            return Verdict(write=False, answer=answer)
        self.entity["modifiedAt"] = self.at
        return Verdict(write=True, entity=self.entity, changes=self.changes, answer=answer)


def _known(present: Entity | None, id: str) -> Entity:
    if present is None:
        raise unknown(id)
    return present


def _created(entity: Entity, at: str) -> Verdict:
    attrs: Attributes = {}
    changes: list[AttributeChange] = []
    for iri, instances in entity["attrs"].items():
        stamped = [{**one, "createdAt": at, "modifiedAt": at, "instanceId": new_instance_id()} for one in instances]
        attrs[iri] = stamped
        changes.extend(AttributeChange(iri, one.get("datasetId"), "created", None, one) for one in stamped)
    fresh = {**entity, "createdAt": at, "modifiedAt": at, "attrs": attrs}
    return Verdict(write=True, entity=fresh, changes=changes, answer="created")


def _replaced(present: Entity, entity: Entity, at: str) -> Verdict:
    draft = Draft(present, at)
    given = {(iri, one.get("datasetId")) for iri, ones in entity["attrs"].items() for one in ones}
    for iri, instances in present["attrs"].items():
        for instance in instances:
            if (iri, instance.get("datasetId")) not in given:
                draft.remove(iri, instance.get("datasetId"))
    for iri, instances in entity["attrs"].items():
        for instance in instances:
            draft.put(iri, instance)
    draft.entity = {**entity, "createdAt": present["createdAt"], "attrs": draft.entity["attrs"]}
    draft.plain = True
    return draft.verdict("updated")


def _appended(present: Entity, fragment: Fragment, at: str, *, overwrite: bool) -> Verdict:
    draft = Draft(present, at)
    outcome = Outcome()
    draft.add_types(fragment.types)
    if fragment.scope is not None:
        kept = () if overwrite else present.get("scope", ())
        draft.set_scope([*kept, *(scope for scope in fragment.scope if scope not in kept)])
    draft.set_expiry(fragment.expires_at)
    for iri, dataset in fragment.deleted:
        if draft.remove(iri, dataset):
            outcome.updated.append(iri)
        else:
            outcome.not_updated[iri] = "The attribute to be deleted is not there."
    for iri, instances in fragment.attrs.items():
        for instance in instances:
            if not overwrite and draft.instance(iri, instance.get("datasetId")) is not None:
                outcome.not_updated[iri] = "The attribute exists already and overwriting was ruled out."
                continue
            draft.put(iri, instance)
            outcome.updated.append(iri)
    return draft.verdict(outcome)
