"""Show entities together with those that they link to (GS CIM 009, 4.5.23)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from hiroba.kernel.model.compact import SIMPLIFIED, View, compact_entity
from hiroba.kernel.model.context import Context
from hiroba.kernel.model.entity import VALUE_MEMBERS, Entity, Instance

_LINKS: Final = frozenset(("Relationship", "ListRelationship"))


class Chosen(Protocol):
    """What a projection chooses, level by level."""

    @property
    def names(self) -> tuple[str, ...]:
        """Return the members of this level."""

    @property
    def plain(self) -> tuple[str, ...]:
        """Return those that do not only lead to linked entities."""

    def at(self, name: str) -> Any:
        """Return the level below a Relationship, or None."""


@dataclass(frozen=True, slots=True)
class Join:
    """How linked entities are to be shown: `flat` beside the linking ones, or inside them; `levels` links deep.

    Those of `contained` were met already and are not followed. `pick` and `omit` choose members at each level.
    """

    flat: bool
    levels: int = 1
    contained: frozenset[str] = frozenset()
    pick: Chosen | None = None
    omit: Chosen | None = None

    def below(self, name: str) -> Join:
        """Return how the entities behind a Relationship are to be shown."""
        return replace(
            self,
            levels=self.levels - 1,
            pick=self.pick.at(name) if self.pick is not None else None,
            omit=self.omit.at(name) if self.omit is not None else None,
        )

    def view(self, view: View) -> View:
        """Return the view of one level below the first."""
        pick, omit = self.pick, self.omit
        return replace(view, pick=pick.names if pick else None, omit=omit.plain if omit else None, attrs=None)


def targets_of(instance: Instance) -> list[str]:
    """Return the ids that an instance of a Relationship or ListRelationship links to."""
    if instance["type"] not in _LINKS:
        return []
    value = instance.get(VALUE_MEMBERS[instance["type"]])
    listed = value if type(value) is list else [value]
    ids = [one.get("object") if type(one) is dict else one for one in listed]
    return [id for id in ids if type(id) is str]


def links(entity: Entity, view: View) -> Iterator[tuple[str, str]]:
    """Yield (Relationship, id) for all links of an entity that a view shows."""
    for iri, instances in entity["attrs"].items():
        if view.shows(iri):
            for instance in instances:
                if view.datasets is None or instance.get("datasetId", "@none") in view.datasets:
                    for id in targets_of(instance):
                        yield iri, id


def with_linked(entity: Entity, context: Context, view: View, *, join: Join, known: Mapping[str, Entity]) -> Entity:
    """Return an entity whose Relationships carry the linked entities, written, in `entity` or `entityList`.

    An entity is never shown within itself.
    """
    if join.levels < 1:
        return entity
    join = replace(join, contained=join.contained | {entity["id"]})
    attrs = dict(entity["attrs"])
    for iri, instances in entity["attrs"].items():
        if any(one["type"] in _LINKS for one in instances) and view.shows(iri):
            deeper = join.below(iri)
            attrs[iri] = [_carrying(one, context, view, join=deeper, known=known) for one in instances]
    return {**entity, "attrs": attrs}


def _carrying(instance: Instance, context: Context, view: View, *, join: Join, known: Mapping[str, Entity]) -> Instance:
    inner = join.view(view)
    written: dict[str, Any] = {}
    for id in targets_of(instance):
        linked = known.get(id)
        if linked is not None and id not in join.contained:
            joined = with_linked(linked, context, inner, join=join, known=known)
            written[id] = compact_entity(joined, context, inner)
    if not written:
        return instance
    several = instance["type"] == "ListRelationship" or type(instance.get("object")) is list
    member = "entityList" if instance["type"] == "ListRelationship" else "entity"
    if not several:
        return {**instance, member: next(iter(written.values()))}
    if view.format == SIMPLIFIED:
        # stands in the place of the ids, so that those that lead nowhere have to be told
        return {**instance, member: [written.get(id, id) for id in targets_of(instance)]}
    return {**instance, member: list(written.values())}


def beside(
    entities: Sequence[Entity], view: View, join: Join, known: Mapping[str, Entity]
) -> list[tuple[Entity, View]]:
    """Return the linked entities that stand beside the linking ones, level by level, each once, with their views."""
    seen = {one["id"] for one in entities} | join.contained
    found: list[tuple[Entity, View]] = []
    level = [(one, view, join) for one in entities]
    while level:
        following: list[tuple[Entity, View, Join]] = []
        for entity, shown, at in level:
            for iri, id in links(entity, shown) if at.levels > 0 else ():
                linked = known.get(id)
                if linked is not None and id not in seen:
                    seen.add(id)
                    deeper = at.below(iri)
                    inner = deeper.view(view)
                    found.append((linked, inner))
                    following.append((linked, inner, deeper))
        level = following
    return found
