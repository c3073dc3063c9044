"""Tells which types and attributes are in use, from how many entities of a type carry an attribute."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from hiroba.kernel.store.port import AttributeUse, TypeUse
from hiroba.kernel.store.rows import UsageKey


def type_uses(usage: Mapping[UsageKey, int], iris: Mapping[int, str]) -> list[TypeUse]:
    """Return the types in use, by name."""
    counts: dict[int, int] = {}
    attrs: defaultdict[int, list[str]] = defaultdict(list)
    for (type_, attr, _), n in usage.items():
        if type_ and n > 0:
            if attr:
                attrs[type_].append(iris[attr])
            else:
                counts[type_] = n
    uses = [TypeUse(iris[type_], n, tuple(sorted(attrs[type_]))) for type_, n in counts.items()]
    return sorted(uses, key=lambda use: use.type)


def attribute_uses(usage: Mapping[UsageKey, int], iris: Mapping[int, str]) -> list[AttributeUse]:
    """Return the attributes in use, by name."""
    counts: dict[int, int] = {}
    types: defaultdict[int, list[str]] = defaultdict(list)
    kinds: defaultdict[int, list[str]] = defaultdict(list)
    for (type_, attr, kind), n in usage.items():
        if attr and n > 0:
            if type_:
                types[attr].append(iris[type_])
            elif kind:
                kinds[attr].append(kind)
            else:
                counts[attr] = n
    uses = [
        AttributeUse(iris[attr], n, tuple(sorted(types[attr])), tuple(sorted(kinds[attr])))
        for attr, n in counts.items()
    ]
    return sorted(uses, key=lambda use: use.attribute)
