"""Which registrations of NGSIv2 may have what a request asks for, and what is asked of whom."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from hiroba.kernel.broker.ngsi_v2.queries import Selector
from hiroba.kernel.model.entity import Entity
from hiroba.kernel.model.ngsi_v2.attributes import Given
from hiroba.kernel.model.ngsi_v2.names import EVERYWHERE, ServicePath, attribute_iri, lies_in, name_of
from hiroba.kernel.model.ngsi_v2.values import moment_of

Body = dict[str, Any]
Pair = tuple[str | None, str | None]
"""An id and a type of NGSIv2; None stands for any."""


@dataclass(slots=True, frozen=True)
class Source:
    """Somebody who has attributes (all, when none are named) of some entities; `entities` hold ids and types."""

    id: str
    url: str
    entities: tuple[Pair, ...]
    attrs: frozenset[str]
    mode: str
    path: str
    ends: int | None

    @classmethod
    def of(cls, record: Body) -> Source:
        """Return the source that a kept registration tells of."""
        body = record["body"]
        data = body["dataProvided"]
        return cls(
            body["id"],
            body["provider"]["http"]["url"].rstrip("/"),
            tuple((one.get("id"), one.get("type")) for one in data["entities"]),
            frozenset(data["attrs"]),
            body["provider"]["supportedForwardingMode"],
            record["path"],
            moment_of(body.get("expires")),
        )

    def may(self, what: str, paths: tuple[ServicePath, ...], moment: int) -> bool:
        """Tell whether it can be asked to `query` or `update` in these service paths at an instant (µs)."""
        living = self.ends is None or moment < self.ends
        inside = paths == EVERYWHERE or lies_in({"scope": [self.path]} if self.path != "/" else {}, paths)
        return living and inside and self.mode in (what, "all")

    def has(self, id: str | None, types: Iterable[str] | None) -> bool:
        """Tell whether it may have an entity of this id (None: some) and one of these types (None: any)."""
        wanted = frozenset(types) if types is not None else None
        return any(
            (own is None or id is None or own == id) and (kind is None or wanted is None or kind in wanted)
            for own, kind in self.entities
        )

    def provides(self, names: Iterable[str]) -> list[str]:
        """Return those of some attributes that it has."""
        return [name for name in names if not self.attrs or name in self.attrs]

    def asked(self, attrs: Sequence[str], selectors: Sequence[Selector]) -> Body | None:
        """Return the body of a query for what selectors want of it; None when it has nothing of that."""
        wanted = [name for name in attrs if not self.attrs or name in self.attrs]
        if attrs and not wanted:
            return None
        entities = [pair for selector in selectors or (Selector(),) for pair in self._overlap(selector)]
        if not entities:
            return None
        listed = []
        for id, kind in dict.fromkeys(entities):
            named = {"id": id} if id is not None else {"idPattern": ".*"}
            listed.append({**named, **({"type": kind} if kind is not None else {})})
        return {"entities": listed, "attrs": wanted if attrs else sorted(self.attrs)}

    def _overlap(self, selector: Selector) -> list[Pair]:
        if selector.type_pattern is not None or (selector.id_pattern is not None and selector.id_pattern != ".*"):
            return []
        found: list[Pair] = []
        for own, kind in self.entities:
            ids: Sequence[str | None] = selector.ids if selector.ids is not None else (own,)
            kinds: Sequence[str | None] = selector.types if selector.types is not None else (kind,)
            for id in ids:
                for type in kinds:
                    if (own is None or id == own) and (kind is None or type == kind):
                        found.append((id, type))
        return found


def completed(entity: Entity, other: Entity) -> Entity:
    """Return an entity with those attributes of another that it does not have."""
    lacking = {iri: instances for iri, instances in other["attrs"].items() if iri not in entity["attrs"]}
    return {**entity, "attrs": {**entity["attrs"], **lacking}} if lacking else entity


def lacking(entity: Entity | None, names: Iterable[str]) -> list[str]:
    """Return those of some attributes that an entity does not have."""
    return [name for name in names if entity is None or attribute_iri(name) not in entity["attrs"]]


def type_names(entity: Entity | None, type: str | None) -> list[str] | None:
    """Return the types that are meant: those of the entity that is there, else the one named, else any (None)."""
    if entity is not None:
        return [name_of(iri) for iri in entity["type"]]
    return [type] if type is not None else None


def written_out(given: Given) -> Body:
    """Return an attribute as it came, for whoever it is handed on to."""
    body: Body = {"value": given.value}
    if given.type is not None:
        body["type"] = given.type
    if given.metadata:
        body["metadata"] = {name: written_out(one) for name, one in given.metadata.items()}
    return body
