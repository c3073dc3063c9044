"""Write histories in the temporal representations of the standard (GS CIM 009, 4.5.6 to 4.5.9 and 4.5.19)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

from hiroba.kernel.broker.temporal_aggregates import Aggregates, time_of
from hiroba.kernel.broker.temporal_periods import Duration
from hiroba.kernel.model.compact import View, compact_entity, compact_instance
from hiroba.kernel.model.context import Context
from hiroba.kernel.model.entity import VALUE_MEMBERS, Entity, Instance
from hiroba.kernel.model.languages import in_language
from hiroba.kernel.model.temporal import SERIES
from hiroba.kernel.store.port import SCOPE, Evolution

NULL: Final = "urn:ngsi-ld:null"


PLAIN: Final = View()
WHOLE: Final = Duration(0, 0)


@dataclass(slots=True, frozen=True)
class Shape:
    """How histories are to be shown: `methods` and `period` for aggregates, else `simplified` or whole instances.

    Of `view` everything counts but the format.
    """

    view: View = PLAIN
    simplified: bool = False
    methods: tuple[str, ...] = ()
    period: Duration = WHOLE
    timeproperty: str = "observedAt"


def write_evolution(evolution: Evolution, context: Context, shape: Shape) -> dict[str, Any]:
    """Return a history as a temporal entity, without @context."""
    document = _head(evolution.entity, context, shape)
    view = replace(shape.view, format="simplified" if shape.simplified else "normalized")
    _put_scope(document, evolution.instances.get(SCOPE, []), shape)
    for iri, instances in evolution.instances.items():
        if iri == SCOPE:
            continue
        shown = _chosen(iri, instances, view)
        name = context.compact_name(iri)
        if not instances and view.shows(iri):
            # what there is of it lies on another page
            document[name] = _empty(evolution.entity, iri) if shape.simplified else []
        if shown:
            if shape.simplified:
                document[name] = _series(shown, context, view, shape.timeproperty)
            else:
                document[name] = [_instance(one, name, context, view) for one in shown]
    return document


def write_aggregates(entity: Entity, aggregates: Aggregates, context: Context, shape: Shape) -> dict[str, Any]:
    """Return aggregated values as a temporal entity, without @context."""
    document = _head(entity, context, shape)
    for iri, told in aggregates.told(shape.methods).items():
        if iri == SCOPE or not shape.view.shows(iri):
            continue
        datasets = shape.view.datasets
        chosen = [one for one in told if datasets is None or one.get("datasetId", "@none") in datasets]
        if chosen:
            document[context.compact_name(iri)] = chosen[0] if len(chosen) == 1 else chosen
    return document


def _head(entity: Entity, context: Context, shape: Shape) -> dict[str, Any]:
    """Return everything but the attributes and the scope."""
    return compact_entity({**entity, "scope": None, "attrs": {}}, context, replace(shape.view, format="normalized"))


def _put_scope(document: dict[str, Any], instances: list[Instance], shape: Shape) -> None:
    """Put the scopes into a document in the shape of a Property (4.5.6)."""
    if not instances or not shape.view.shows("scope"):
        return
    if shape.simplified:
        values = [[_scope(one), time_of(one, shape.timeproperty)] for one in instances]
        document["scope"] = {"type": "Property", "values": values}
        return
    shown = []
    for one in instances:
        times: dict[str, Any] = {
            name: one[name] for name in _SCOPE_TIMES if name in one and (shape.view.sys_attrs or name not in _SYS)
        }
        shown.append({"type": "Property", "value": _scope(one)} | times)
    document["scope"] = shown


def _scope(instance: Instance) -> Any:
    scopes = instance.get("value", NULL)
    return scopes[0] if type(scopes) is list and len(scopes) == 1 else scopes


_SCOPE_TIMES: Final = ("observedAt", "createdAt", "modifiedAt", "deletedAt")
_SYS: Final = ("createdAt", "modifiedAt")


def _empty(entity: Entity, iri: str) -> dict[str, Any]:
    held = entity["attrs"].get(iri)
    kind = held[0]["type"] if held else "Property"
    return {"type": kind, SERIES[kind]: []}


def _chosen(iri: str, instances: list[Instance], view: View) -> list[Instance]:
    if not view.shows(iri):
        return []
    if view.datasets is None:
        return instances
    return [one for one in instances if one.get("datasetId", "@none") in view.datasets]


def _instance(instance: Instance, name: str, context: Context, view: View) -> Any:
    gone = "deletedAt" in instance and VALUE_MEMBERS[instance["type"]] not in instance
    if gone:
        instance = {**instance, VALUE_MEMBERS[instance["type"]]: _null(instance["type"])}
    shown = compact_instance(instance, context, view, name=name, instance_id=True)
    if gone:
        # that it was deleted says nothing without when
        shown["deletedAt"] = instance["deletedAt"]
    return shown


def _null(kind: str) -> Any:
    return {"@none": NULL} if kind == "LanguageProperty" else NULL


def _gone(kind: str) -> Any:
    """Return what stands for a deleted value where simplified values stand."""
    return {"languageMap": _null(kind)} if kind == "LanguageProperty" else NULL


def _series(instances: list[Instance], context: Context, view: View, timeproperty: str) -> Any:
    """Return the pairs of value and time, apart for each datasetId and type."""
    found: dict[tuple[str, str | None], dict[str, Any]] = {}
    for instance in instances:
        at = time_of(instance, timeproperty)
        gone = VALUE_MEMBERS[instance["type"]] not in instance
        if view.lang is not None and "languageMap" in instance:
            instance = in_language(instance, view.lang)
        kind, dataset = instance["type"], instance.get("datasetId")
        series = found.get((kind, dataset))
        if series is None:
            series = found[kind, dataset] = {"type": kind, SERIES[kind]: []}
            if dataset is not None:
                series["datasetId"] = dataset
        shown = compact_instance(instance, context, view) if not gone else _gone(kind)
        series[SERIES[kind]].append([shown, at])
    told = list(found.values())
    return told[0] if len(told) == 1 else told
