"""Entities, mutations and a plain twin in memory for the store's contract tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import postgres_cluster
from hiroba.kernel.model.entity import DEFAULT_CONTEXT, LOCATION, NGSI_LD, Entity, Instance
from hiroba.kernel.model.errors import AlreadyExists, ResourceNotFound
from hiroba.kernel.store.port import AttributeChange, Mutation, Store, Verdict
from hiroba.kernel.store.postgres import PostgresStore
from hiroba.kernel.store.sqlite import SqliteStore


def _in_postgres(directory: Path) -> PostgresStore:
    """Return a store in a database of the directory's own."""
    return PostgresStore(postgres_cluster.database_of(directory))


ADAPTERS: dict[str, Callable[[Path], Store]] = {
    "postgresql": _in_postgres,
    "sqlite-file": lambda directory: SqliteStore(directory / "store"),
    "sqlite-memory": lambda directory: SqliteStore(":memory:"),
}
"""Name → how to make a store; a further adapter is one more line."""

AT = "2026-04-01T00:00:00.000Z"


def iri(name: str) -> str:
    """Return the IRI of a name: `location` is the standard's own, all others are the city's."""
    return LOCATION if name == "location" else DEFAULT_CONTEXT + name


def prop(value: Any, **members: Any) -> Instance:
    """Return a Property."""
    return {"type": "Property", "value": value, "createdAt": AT, "modifiedAt": AT, **members}


def point(lon: float, lat: float) -> Instance:
    """Return a GeoProperty."""
    geometry = {"type": "Point", "coordinates": [lon, lat]}
    return {"type": "GeoProperty", "value": geometry, "createdAt": AT, "modifiedAt": AT}


def link(target: str | list[str]) -> Instance:
    """Return a Relationship."""
    return {"type": "Relationship", "object": target, "createdAt": AT, "modifiedAt": AT}


def make(number: int | str, types: str | list[str] = "Sensor", **attrs: Any) -> Entity:
    """Return an entity; values that are no instances become Properties; `scope` and `expiresAt` are its own."""
    names = [types] if isinstance(types, str) else types
    entity: Entity = {
        "id": f"urn:ngsi-ld:{names[0]}:{number}",
        "type": [iri(name) for name in names],
        "createdAt": AT,
        "modifiedAt": AT,
    }
    for member in ("scope", "expiresAt"):
        if member in attrs:
            entity[member] = attrs.pop(member)
    entity["attrs"] = {iri(name): instances(value) for name, value in attrs.items()}
    return entity


def instances(value: Any) -> list[Instance]:
    """Return a value as the instances of an attribute."""
    if isinstance(value, dict) and "type" in value and ("createdAt" in value):
        return [value]
    if isinstance(value, list) and value and all(isinstance(one, dict) and "createdAt" in one for one in value):
        return value
    return [prop(value)]


def changes_between(before: Entity | None, after: Entity | None) -> list[AttributeChange]:
    """Return what differs, instance by instance."""
    was = _instances(before)
    now = _instances(after)
    changes = []
    for key in [*now, *(key for key in was if key not in now)]:
        old, new = was.get(key), now.get(key)
        if old is new:
            continue
        kind = "created" if old is None else "deleted" if new is None else "touched" if old == new else "updated"
        changes.append(AttributeChange(key[0], key[1], kind, old, new))
    return changes


def _instances(entity: Entity | None) -> dict[tuple[str, str | None], Instance]:
    if entity is None:
        return {}
    return {(name, one.get("datasetId")): one for name, ones in entity["attrs"].items() for one in ones}


def create(entity: Entity) -> Mutation:
    """Create; refuse what is there."""

    def decide(present: Entity | None) -> Verdict:
        if present is not None:
            raise AlreadyExists(entity["id"])
        return Verdict(True, entity, changes_between(None, entity), "created")

    return Mutation(entity["id"], decide)


def put(entity: Entity) -> Mutation:
    """Create or exchange."""

    def decide(present: Entity | None) -> Verdict:
        return Verdict(True, entity, changes_between(present, entity), "created" if present is None else "updated")

    return Mutation(entity["id"], decide)


def patch(id: str, **attrs: Any) -> Mutation:
    """Set attributes of what is there; None removes one. Answers the entity that was there."""

    def decide(present: Entity | None) -> Verdict:
        if present is None:
            raise ResourceNotFound(id)
        after = {**present, "attrs": dict(present["attrs"])}
        for name, value in attrs.items():
            if value is None:
                after["attrs"].pop(iri(name), None)
            else:
                after["attrs"][iri(name)] = instances(value)
        return Verdict(True, after, changes_between(present, after), present)

    return Mutation(id, decide)


def drop(id: str) -> Mutation:
    """Delete what is there."""

    def decide(present: Entity | None) -> Verdict:
        if present is None:
            raise ResourceNotFound(id)
        return Verdict(True, None, changes_between(present, None), "deleted")

    return Mutation(id, decide)


def look(id: str) -> Mutation:
    """Write nothing; answer what is there."""
    return Mutation(id, lambda present: Verdict(False, answer=present))


NULL = NGSI_LD + "null"
