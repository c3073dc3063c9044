"""Compile a kept subscription, so that asking if a change concerns it costs little (GS CIM 009, 5.8.6)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from hiroba.kernel.broker.subscription_form import DEFAULT_TRIGGERS, Projections, geo_query, projections
from hiroba.kernel.model.compact import View
from hiroba.kernel.model.entity import Entity
from hiroba.kernel.model.instants import parse_instant
from hiroba.kernel.model.linking import Join
from hiroba.kernel.model.ngsi_v2.rendering import Shape
from hiroba.kernel.query.geo import geo_matcher
from hiroba.kernel.query.matching import matcher
from hiroba.kernel.query.patterns import compile_pattern
from hiroba.kernel.query.q import decoded_q, parse_q
from hiroba.kernel.query.selection import parse_scope, parse_types, scope_matcher, types_matcher
from hiroba.kernel.query.tree import GeoQuery, Query, ScopeQuery, TypeIs, TypeOr, TypeQuery, links_of
from hiroba.kernel.store.port import Change, EntityQuery

Test = Callable[[Entity], bool]
Record = dict[str, Any]

SECOND: Final = 1_000_000
_KINDS: Final[dict[str, frozenset[str]]] = {
    "attributeCreated": frozenset({"created"}),
    "attributeUpdated": frozenset({"updated"}),
    "attributeDeleted": frozenset({"deleted"}),
    "entityUpdated": frozenset({"created", "updated", "deleted"}),
    "entityCreated": frozenset(),
    "entityDeleted": frozenset(),
}
_FORMATS: Final = {"keyValues": "simplified"}


@dataclass(slots=True, frozen=True)
class Selector:
    """One entity selector (5.2.33); parts that are None do not restrict, ids win over the pattern."""

    types: TypeQuery | None
    ids: frozenset[str] | None
    pattern: str | None

    def names(self) -> tuple[str, ...] | None:
        """Return types of which every entity selected has at least one, None when that cannot be told."""
        return needed_types(self.types) if self.types is not None else None

    def test(self) -> Test:
        """Compile the selector to a function over entities."""
        typed = types_matcher(self.types) if self.types is not None else None
        ids = self.ids
        fits = compile_pattern(self.pattern) if self.pattern is not None and ids is None else None

        def selects(entity: Entity) -> bool:
            return (
                (ids is None or entity["id"] in ids)
                and (typed is None or typed(entity))
                and (fits is None or fits(entity["id"]))
            )

        return selects


@dataclass(slots=True, frozen=True)
class Endpoint:
    """Where and how to deliver; `timeout` and `cooldown` in seconds, None for the sender's own."""

    uri: str
    accept: str
    headers: tuple[tuple[str, str], ...]
    notifier: tuple[tuple[str, str], ...]
    timeout: float | None
    cooldown: float | None


@dataclass(slots=True, frozen=True)
class Condition:
    """What an entity must meet besides being selected; equal ones are evaluated once per change."""

    q: Query | None
    geo: GeoQuery | None
    scope: ScopeQuery | None

    def test(self) -> Test | None:
        """Compile the condition to a function over entities, None when it asks for nothing."""
        parts: list[Test] = []
        if self.q is not None:
            parts.append(matcher(self.q))
        if self.scope is not None:
            parts.append(scope_matcher(self.scope))
        if self.geo is not None:
            parts.append(geo_matcher(self.geo))
        if not parts:
            return None
        if len(parts) == 1:
            return parts[0]
        return lambda entity: all(part(entity) for part in parts)


@dataclass(slots=True, frozen=True, eq=False)
class Orion:
    """What a subscription made through NGSIv2 has of its own.

    `fires` tells whether a change is one to be told of. `notification` is that part of its document, with `shape` made
    of it. It ends with its first notification when it is for `once`, or after more failures in a row than `most_fails`.
    """

    fires: Callable[[Change], bool]
    notification: dict[str, Any]
    shape: Shape
    once: bool
    most_fails: int | None


@dataclass(slots=True, frozen=True, eq=False)
class Entry:
    """A subscription ready to be matched and delivered; periods and instants in µs."""

    tenant: str
    id: str
    since: int
    selectors: tuple[Selector, ...]
    selects: tuple[Test, ...]
    watched: frozenset[str] | None
    condition: Condition
    kinds: frozenset[str]
    on_created: bool
    on_deleted: bool
    active: bool
    expires_at: int | None
    throttling: int
    interval: int
    created_at: int
    view: View
    show_changes: bool
    context: str
    endpoint: Endpoint
    orion: Orion | None = None
    join: Join | None = None
    links: int = 0
    """How many links the condition follows at most, one after the other."""

    def alive(self, moment: int) -> bool:
        """Tell whether the subscription is active at an instant."""
        return self.active and (self.expires_at is None or moment < self.expires_at)

    def queries(self, limit: int) -> list[EntityQuery]:
        """Return the queries that together find all entities subscribed to (periodic notifications)."""
        return [
            EntityQuery(
                ids=tuple(sorted(one.ids)) if one.ids is not None else None,
                id_pattern=one.pattern if one.ids is None else None,
                types=one.types,
                q=self.condition.q,
                scope=self.condition.scope,
                geo=self.condition.geo,
                limit=limit,
            )
            for one in self.selectors or (Selector(None, None, None),)
        ]


def needed_types(query: TypeQuery) -> tuple[str, ...] | None:
    """Return types of which every entity selected has at least one, None when there are none."""
    if isinstance(query, TypeIs):
        return (query.type,)
    below = [needed_types(part) for part in query.parts]
    if isinstance(query, TypeOr):
        found = [types for types in below if types is not None]
        return tuple({type: None for types in found for type in types}) if len(found) == len(below) else None
    return next((types for types in below if types is not None), None)


def compile_entry(tenant: str, record: Record) -> Entry:
    """Return the entry of a kept record; raises HirobaError when it cannot be understood any more."""
    body = record["body"]
    notification = body["notification"]
    triggers = body.get("notificationTrigger", DEFAULT_TRIGGERS)
    watched = body.get("watchedAttributes")
    expand = _names(record, "watchedAttributes")
    selectors = tuple(_selector(one, _names(record, "entities")) for one in body.get("entities", ()))
    expires_at = body.get("expiresAt")
    condition = _condition(record)
    chosen = projections(notification, _names(record, "notification"))
    return Entry(
        tenant=tenant,
        id=body["id"],
        since=record["since"],
        selectors=selectors,
        selects=tuple(one.test() for one in selectors),
        watched=frozenset(expand(term) for term in watched) if watched is not None else None,
        condition=condition,
        kinds=frozenset().union(*(_KINDS[trigger] for trigger in triggers)),
        on_created="entityCreated" in triggers,
        on_deleted="entityDeleted" in triggers,
        active=body.get("isActive", True),
        expires_at=parse_instant(expires_at) if expires_at is not None else None,
        throttling=int(body.get("throttling", 0) * SECOND),
        interval=int(body.get("timeInterval", 0) * SECOND),
        created_at=parse_instant(record["createdAt"]),
        view=_view(body, _names(record, "notification"), chosen),
        show_changes=notification.get("showChanges", False),
        context=record["context"],
        endpoint=_endpoint(notification["endpoint"]),
        join=_join(notification, chosen),
        links=links_of(condition.q),
    )


def _names(record: Record, member: str) -> Callable[[str], str]:
    terms: dict[str, str] = record["terms"].get(member, {})
    return terms.__getitem__


def _selector(document: dict[str, Any], expand: Callable[[str], str]) -> Selector:
    ids = document.get("id")
    return Selector(
        parse_types(document["type"], expand),
        frozenset([ids] if isinstance(ids, str) else ids) if ids is not None else None,
        document.get("idPattern"),
    )


def _condition(record: Record) -> Condition:
    body = record["body"]
    q, geo, scope = body.get("q"), body.get("geoQ"), body.get("scopeQ")
    return Condition(
        parse_q(decoded_q(q), _names(record, "q")) if q is not None else None,
        geo_query(geo, _names(record, "geoQ")) if geo is not None else None,
        parse_scope(scope) if scope is not None else None,
    )


def _join(notification: dict[str, Any], chosen: Projections) -> Join | None:
    """Return how linked entities go along with those that changed (4.5.23), None when they do not."""
    join = notification.get("join", "@none")
    if join == "@none":
        return None
    return Join(join == "flat", int(notification.get("joinLevel", 1)), pick=chosen[0], omit=chosen[1])


def _view(body: dict[str, Any], expand: Callable[[str], str], chosen: Projections) -> View:
    notification = body["notification"]
    pick, omit = chosen
    attributes = notification.get("attributes")

    asked = notification.get("format", "normalized")
    datasets = body.get("datasetId")
    return View(
        format=_FORMATS.get(asked, asked),
        sys_attrs=notification.get("sysAttrs", False),
        lang=body.get("lang"),
        pick=pick.names if pick is not None else None,
        omit=omit.plain if omit is not None else None,
        attrs=tuple(expand(one) for one in attributes) if attributes is not None else None,
        datasets=frozenset(datasets) if datasets is not None else None,
    )


def _endpoint(document: dict[str, Any]) -> Endpoint:
    def pairs(name: str) -> tuple[tuple[str, str], ...]:
        return tuple((pair["key"], pair["value"]) for pair in document.get(name, ()))

    timeout, cooldown = document.get("timeout"), document.get("cooldown")
    return Endpoint(
        uri=document["uri"],
        accept=document.get("accept", "application/json"),
        headers=pairs("receiverInfo"),
        notifier=pairs("notifierInfo"),
        timeout=timeout / 1000 if timeout is not None else None,
        cooldown=cooldown / 1000 if cooldown is not None else None,
    )
