"""Cuts histories to the size asked for, and says which instances lie within a time; whatever the database."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from hiroba.kernel.model.entity import Entity, Instance
from hiroba.kernel.query.geo import geo_matcher
from hiroba.kernel.query.matching import matcher
from hiroba.kernel.query.selection import scope_matcher
from hiroba.kernel.query.tree import ScopeQuery, TemporalQuery
from hiroba.kernel.store.port import SCOPE, Evolution, HistoryQuery

_COLUMNS: Final = {"observedAt": "at", "createdAt": "created", "modifiedAt": "modified", "deletedAt": "deleted"}
_EVER: Final = (-(1 << 62), 1 << 62)

Span = tuple[int, int]
Row = tuple[int, Instance]
"""When an instance counts (µs), and the instance."""


@dataclass(slots=True)
class Told:
    """One entity's history on its way into the answer."""

    entity: Entity
    windows: dict[str, list[Row]]
    truncated: tuple[int, int] | None = None

    @property
    def size(self) -> int:
        return sum(len(rows) for iri, rows in self.windows.items() if iri != SCOPE)

    def evolution(self) -> Evolution:
        instances = {iri: [one for _, one in rows] for iri, rows in self.windows.items() if rows or self.truncated}
        return Evolution(self.entity, instances, self.truncated)


def cut(page: list[Told], most: int, *, newest: bool) -> None:
    """Keep the oldest `most` instances of some histories, or the newest ones, and those that count at the same time."""
    if sum(one.size for one in page) <= most:
        return
    times = sorted(at for one in page for iri, rows in one.windows.items() if iri != SCOPE for at, _ in rows)
    start, end = (times[-most], times[-1]) if newest else (times[0], times[most - 1])
    for one in page:
        before = one.size
        one.windows = {
            iri: [row for row in rows if (start <= row[0] or iri == SCOPE) and row[0] <= end]
            for iri, rows in one.windows.items()
        }
        if one.size < before or one.truncated is not None:
            one.truncated = (start, end)


def spans_in(scope: ScopeQuery, rows: Sequence[Any], entity: Entity) -> list[Span]:
    """Return when an entity was in a scope: a scope holds until the next one, or until it is taken away (4.18).

    `rows` are the scopes recorded: at, observed, deleted, doc. One given without a time, or never recorded, holds from
    the beginning.
    """
    matches = scope_matcher(scope)
    if not rows:
        return [(_EVER[0], _EVER[1])] if matches(entity) else []
    spans: list[Span] = []
    begun: int | None = None
    for number, (at, observed, deleted, doc) in enumerate(rows):
        if begun is not None:
            spans.append((begun, at))
        begun = None
        if deleted is None and matches({"scope": orjson.loads(doc).get("value")}):
            begun = _EVER[0] if observed is None and number == 0 else at
    return spans if begun is None else [*spans, (begun, _EVER[1])]


def that_match(
    query: HistoryQuery, entity: Entity, found: dict[str, list[Row]], *, spans: Iterable[Span] | None
) -> dict[str, list[Row]] | None:
    """Return the instances asked for, those within spans; None when the entity is not chosen."""
    wanted = query.entity
    if spans is not None:
        found = {
            iri: [row for row in rows if iri == SCOPE or any(start <= row[0] < end for start, end in spans)]
            for iri, rows in found.items()
        }
        found = {iri: rows for iri, rows in found.items() if rows}
        if not any(iri != SCOPE for iri in found):
            return None
    if wanted.q is not None or wanted.geo is not None or wanted.attrs is not None:
        # conditions hold for the instances of that time, not for the present ones (5.7.4.4)
        then = {**entity, "attrs": {iri: [one for _, one in rows] for iri, rows in found.items()}}
        if wanted.attrs is not None and not any(iri in found for iri in wanted.attrs):
            return None
        if wanted.q is not None and not matcher(wanted.q)(then):
            return None
        if wanted.geo is not None and not geo_matcher(wanted.geo)(then):
            return None
        if query.attrs is not None:
            found = {iri: rows for iri, rows in found.items() if iri in query.attrs}
    return found or None


def bounds_of(query: HistoryQuery) -> tuple[str, str, tuple[int, ...]]:
    """Return the column by which instances count, the condition on it, and the values for its question marks."""
    time = query.time
    if time.timerel is None and time.timeproperty == "observedAt":
        # over all time those count too that were never observed: when they were written
        column, condition = "at", "TRUE"
        bounds: tuple[int, ...] = ()
    else:
        column, condition, bounds = _bounds(time)
    if query.after is not None:
        condition, bounds = f"{condition} AND {column} > ?", (*bounds, query.after)
    return column, condition, bounds


def _bounds(time: TemporalQuery) -> tuple[str, str, tuple[int, ...]]:
    """Return the column and the condition of a temporal query; the lower bound is included, the upper one not (4.11).

    The rows of an attribute lie in the order of `at`, which is `observed` where there is one.
    """
    column = _COLUMNS[time.timeproperty]
    there = "observed IS NOT NULL" if column == "at" else f"{column} IS NOT NULL"
    if column == "modified" and time.timerel is not None:
        there = "deleted IS NULL"
    if time.timerel == "before" and time.start is not None:
        return column, f"{column} < ? AND {there}", (time.start,)
    if time.timerel == "after" and time.start is not None:
        return column, f"{column} >= ? AND {there}", (time.start,)
    if time.timerel == "between" and time.start is not None and time.end is not None:
        return column, f"{column} >= ? AND {column} < ? AND {there}", (time.start, time.end)
    return column, there, ()
