"""The port between the broker and whatever keeps its data; SQLite and PostgreSQL are its closed set of adapters.

A write is a `Mutation`: an entity's id and a pure function from its present state to a `Verdict`. The adapter reads
the states, runs the functions and keeps state, history and change log in one transaction, shared by all the
mutations that arrived together (group commit). Nothing is visible, and nobody is answered, before the commit.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any, Final, NamedTuple, Protocol

from hiroba.kernel.model.entity import Entity, Instance
from hiroba.kernel.query.tree import GeoQuery, OrderBy, Query, ScopeQuery, TemporalQuery, TypeQuery

SCOPE: Final = "scope"
"""The name under which an entity's scopes stand in its history, beside the IRIs of its attributes (4.5.6)."""


@dataclass(slots=True)
class Stored:
    """An entity as the store holds it; `version` changes with every write, so (ref, version) names these bytes."""

    ref: int
    version: int
    entity: Entity


class AttributeChange(NamedTuple):
    """What happened to one instance of an attribute.

    `kind` is `created`, `updated` (the value or another member differs), `touched` (written again, all the same) or
    `deleted`; `before` is None for `created`, `after` is None for `deleted`.
    """

    attribute: str
    dataset: str | None
    kind: str
    before: Instance | None
    after: Instance | None


@dataclass(slots=True)
class Verdict:
    """What a mutation decided: the new state, or None to delete the entity, and what changed by it.

    `write` false leaves everything as it is. `answer` is handed back to who asked.
    """

    write: bool
    entity: Entity | None = None
    changes: Sequence[AttributeChange] = ()
    answer: Any = None


Decide = Callable[[Entity | None], Verdict]
"""From the present state (None: no such entity; never to be modified in place) to a verdict; raises HirobaError to
refuse. It is pure: it may run twice."""


@dataclass(slots=True, frozen=True)
class Mutation:
    """One entity's write."""

    id: str
    decide: Decide


class Change(NamedTuple):
    """One row of the change log: `op` is `created`, `updated` or `deleted`.

    `entity` is the state after the write (before it, for `deleted`). Read back from the log, it is the present state
    with the changed attributes as they were then. `at` is microseconds since 1970 UTC.
    """

    seq: int
    at: int
    op: str
    id: str
    types: tuple[str, ...]
    changes: tuple[AttributeChange, ...]
    entity: Entity
    version: int


@dataclass(slots=True, frozen=True)
class EntityQuery:
    """Everything by which entities are chosen; parts that are None do not restrict."""

    ids: tuple[str, ...] | None = None
    id_pattern: str | None = None
    types: TypeQuery | None = None
    attrs: tuple[str, ...] | None = None
    q: Query | None = None
    scope: ScopeQuery | None = None
    geo: GeoQuery | None = None
    order: tuple[OrderBy, ...] = ()
    limit: int = 20
    offset: int = 0
    count: bool = False


@dataclass(slots=True)
class Page:
    """A page of a query's answer; `more` tells that another page follows; `count` only when asked for."""

    rows: list[Stored]
    more: bool
    count: int | None = None


@dataclass(slots=True, frozen=True)
class HistoryQuery:
    """Which instances of whose attributes: `attrs` None for all; `last_n` newest per attribute.

    `datasets` are the datasetIds that count, `@none` for instances without one, None for all; scopes have none.
    `limit` bounds the instances of one entity, `most` those of the whole answer (None: as many as come). `after` leaves
    out what counts no later than this instant (µs), to read on where an answer was cut.
    """

    entity: EntityQuery
    time: TemporalQuery
    attrs: tuple[str, ...] | None = None
    last_n: int | None = None
    limit: int = 1000
    most: int | None = None
    after: int | None = None
    datasets: frozenset[str] | None = None


@dataclass(slots=True)
class Evolution:
    """One entity's history: its present (or last) state and the instances in time order, oldest first, per attribute.

    A deletion is an instance with `deletedAt` and no value. The scopes stand under `SCOPE` as instances of a Property
    whose value is the list of them; every write that changes them records one, with `observedAt` the time of the write.
    A query reads besides the one that was in force when its time began. `truncated` holds the span (start, end; µs)
    really covered when `limit` or `most` cut the answer, else None; an attribute cut altogether has an empty list then.
    """

    entity: Entity
    instances: dict[str, list[Instance]] = field(default_factory=dict)
    truncated: tuple[int, int] | None = None


@dataclass(slots=True, frozen=True)
class HistoryAdd:
    """Put instances, stamped and with an `instanceId` each, into the history of an entity (5.6.11, 5.6.12).

    Answers "updated" for an entity that is there, or was; `types` that it lacks are added to one that is gone. With
    `create` an entity unknown so far begins with these types as one that is gone, and "created" is the answer; without
    it None is. An instance takes the place of one of its dataset that was put in before with the same `observedAt`;
    otherwise several may count at the same time, in the order in which they were put in.
    """

    id: str
    instances: Mapping[str, Sequence[Instance]]
    types: tuple[str, ...] = ()
    create: bool = False


@dataclass(slots=True, frozen=True)
class HistoryCut:
    """Take instances out of the history of an entity (5.6.13 to 5.6.16), or put another one in the place of one.

    Without an `attribute` the whole history goes, and with it all knowledge of an entity that is gone. With one, those
    of `dataset` go (None: the default one), all with `all_datasets`, or the one with `instance_id`; it is exchanged for
    `instead` when that is given, which takes its `createdAt` and `instanceId`. Answers how many instances were
    concerned, or None for an entity that was never known.
    """

    id: str
    attribute: str | None = None
    dataset: str | None = None
    all_datasets: bool = False
    instance_id: str | None = None
    instead: Instance | None = None


HistoryEdit = HistoryAdd | HistoryCut


@dataclass(slots=True, frozen=True)
class AttributeUse:
    """How a name is used: `count` entities of `types` carry the attribute, with these attribute types."""

    attribute: str
    count: int
    types: tuple[str, ...]
    kinds: tuple[str, ...]


@dataclass(slots=True, frozen=True)
class TypeUse:
    """How many entities have a type, and which attributes they carry."""

    type: str
    count: int
    attributes: tuple[str, ...]


@dataclass(slots=True, frozen=True)
class Cluster:
    """Some points of one grid cell: their middle (lon, lat), how many, and for a single one its entity's ref."""

    lon: float
    lat: float
    count: int
    ref: int


class TenantStore(Protocol):
    """One tenant's data. All times are µs since 1970 UTC unless a text."""

    name: str

    async def get(self, id: str) -> Stored | None:
        """Return the entity, or None."""

    async def get_refs(self, refs: Sequence[int]) -> list[Stored]:
        """Return the entities behind these refs that are there, in the order of the refs."""

    async def find(self, query: EntityQuery) -> Page:
        """Return the entities that a query chooses, in creation order unless it says otherwise."""

    async def mutate(self, mutations: Sequence[Mutation]) -> list[Any]:
        """Carry out the mutations in order in one durable transaction; return each one's answer or its HirobaError.

        Raises StoreUnavailable when nothing could be written: then none was.
        """

    async def evolutions(self, query: HistoryQuery) -> tuple[list[Evolution], int | None, bool]:
        """Return histories of the entities chosen (also deleted ones), the count if asked for, and if more follow.

        They come in creation order, or in that of their ids when `order` says so, which may say nothing else. A scope
        query chooses entities that were in the scope at some time, and only their instances of that time (4.18).
        """

    async def amend(self, edits: Sequence[HistoryEdit]) -> list[Any]:
        """Change recorded histories, in order, in one durable transaction; return each edit's answer.

        The present state of an entity stays as it is, and nothing is written into the change log. Raises
        StoreUnavailable when nothing could be written: then none was.
        """

    async def type_uses(self) -> list[TypeUse]:
        """Return the types in use."""

    async def attribute_uses(self) -> list[AttributeUse]:
        """Return the attributes in use."""

    async def clusters(
        self, types: TypeQuery, bbox: tuple[float, float, float, float], cell: tuple[float, float]
    ) -> list[Cluster]:
        """Group the entities' default `location` in a box (west, south, east, north) by a grid of cells (degrees)."""

    async def changes(self, after: int, limit: int) -> list[Change]:
        """Return up to `limit` rows of the change log with `seq` greater than `after`, in order."""

    async def last_seq(self) -> int:
        """Return the newest committed seq, 0 for an empty log."""

    async def first_seq(self) -> int:
        """Return the oldest seq still in the log, 0 for an empty log."""

    def listen(self, listener: Callable[[Sequence[Change]], None]) -> Callable[[], None]:
        """Call `listener` with each commit's changes, in order, after the commit; the answer ends it."""

    async def records(self, kind: str) -> list[tuple[str, dict[str, Any]]]:
        """Return all records (subscriptions, contexts, …) of a kind, oldest first, with their ids."""

    async def record(self, kind: str, id: str) -> dict[str, Any] | None:
        """Return one record, or None."""

    async def keep_record(self, kind: str, id: str, body: dict[str, Any] | None) -> None:
        """Write a record durably, or delete it with None."""

    async def cursor(self, name: str) -> int:
        """Return how far a reader of the change log has come, 0 for a new one."""

    async def keep_cursor(self, name: str, seq: int) -> None:
        """Remember how far a reader has come (durable with the next commit)."""

    async def trim(self, history_before: int | None, changes_before: int | None) -> None:
        """Forget history instances and passed change rows older than these instants."""

    async def sweep(self) -> int:
        """Delete the entities and attributes whose `expiresAt` has passed; return how many entities were concerned.

        Nobody sees such an entity any more; such an attribute is seen until then.
        """


class Store(Protocol):
    """All tenants. The default tenant is the empty name and is always there."""

    async def open(self) -> None:
        """Open or create what is needed; raises StoreUnavailable with the remedy."""

    async def close(self) -> None:
        """Finish what was begun and let go."""

    async def tenants(self) -> list[str]:
        """Return the tenants' names, the default one ("") first."""

    async def tenant(self, name: str, *, create: bool = False) -> TenantStore:
        """Return a tenant's store; raises NonexistentTenant unless it is there or `create` is set."""

    async def drop_tenant(self, name: str) -> None:
        """Delete a tenant with all it holds."""

    async def check(self) -> None:
        """Raise StoreUnavailable when the store cannot be read and written now."""

    async def backup(self, target: FilePath) -> AsyncIterator[str]:
        """Write a consistent copy of all tenants while serving; yields a line per part done."""
        yield ""
