"""Answer with what registered sources have, and hand on the updates that are theirs (NGSIv2 registrations)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Final, Protocol

from hiroba.kernel.broker.broker import Broker
from hiroba.kernel.broker.ngsi_v2 import decisions, queries
from hiroba.kernel.broker.ngsi_v2.entities import Target, namesakes, store_of
from hiroba.kernel.broker.ngsi_v2.queries import Asked, Selector
from hiroba.kernel.broker.ngsi_v2.registrations import ORION_REGISTRATIONS
from hiroba.kernel.broker.ngsi_v2.sources import Source, completed, lacking, type_names, written_out
from hiroba.kernel.model.entity import Entity
from hiroba.kernel.model.errors import BadRequestData
from hiroba.kernel.model.instants import format_instant, now
from hiroba.kernel.model.ngsi_v2.attributes import Given, read_entity
from hiroba.kernel.model.ngsi_v2.errors import no_entity, too_many
from hiroba.kernel.model.ngsi_v2.names import DEFAULT_TYPE, entity_urn, shown_id
from hiroba.kernel.query.geo import geo_matcher
from hiroba.kernel.query.matching import matcher

LOG = logging.getLogger(__name__)
REMEMBERED: Final = 2.0
"""Seconds for which the registrations of a tenant are not read again."""
MOST: Final = 1000


class SourceFailed(Exception):
    """Say that a source did not answer, or not with what was asked for."""


class Elsewhere(Protocol):
    """Carries requests to sources."""

    async def post(self, url: str, body: Any, headers: Mapping[str, str]) -> Any:
        """Return the JSON of the answer, None without one; raises SourceFailed."""


@dataclass(slots=True, frozen=True)
class Asker:
    """Who asks: the tenant and the headers to be handed on; `alone` when nobody else is to be asked."""

    tenant: str
    headers: Mapping[str, str] = field(default_factory=dict)
    alone: bool = False


@dataclass(slots=True)
class _Score:
    sent: int = 0
    last: int | None = None
    success: int | None = None
    failure: int | None = None


class Forwarding:
    """Knows the sources of every tenant and how they did."""

    def __init__(self, broker: Broker, elsewhere: Elsewhere) -> None:
        self._broker = broker
        self._elsewhere = elsewhere
        self._known: dict[str, tuple[float, list[Source]]] = {}
        self._scores: dict[str, _Score] = {}

    def forget(self, tenant: str) -> None:
        """Read the registrations of a tenant anew at the next request."""
        self._known.pop(tenant, None)

    def score(self, id: str) -> dict[str, Any]:
        """Return how a registration's forwards went, as its document shows it; nothing before the first."""
        score = self._scores.get(id)
        if score is None:
            return {}
        told: dict[str, Any] = {"timesSent": score.sent}
        for name, instant in (
            ("lastForwarding", score.last),
            ("lastSuccess", score.success),
            ("lastFailure", score.failure),
        ):
            if instant is not None:
                told[name] = format_instant(instant)
        return {"forwardingInformation": told}

    async def retrieve(self, asker: Asker, target: Target, attrs: Sequence[str]) -> Entity:
        """Return the entity that is meant, with what sources have of it; raises OrionError for none and several."""
        store = await store_of(self._broker, asker.tenant)
        rows = await namesakes(store, target) if store is not None else []
        if len(rows) > 1:
            raise too_many()
        local = rows[0].entity if rows else None
        sources = [
            source
            for source in await self._sources(asker, "query", target)
            if source.has(target.id, type_names(local, target.type))
            and lacking(local, attrs or sorted(source.attrs) or [""])
        ]
        types = type_names(local, target.type)
        selector = Selector((target.id,), None, tuple(types) if types is not None else None)
        found = local
        for other in await self._ask(asker, sources, list(lacking(local, attrs)), (selector,)):
            if shown_id(other["id"]) == target.id:
                found = completed(found, other) if found is not None else other
        if found is None:
            raise no_entity()
        return found

    async def query(self, asker: Asker, asked: Asked, attrs: Sequence[str]) -> tuple[list[Entity], int | None]:
        """Return a page of entities, those of this broker first, and how many there are if that was asked for."""
        target = Target("", None, asked.paths)
        sources = await self._sources(asker, "query", target)
        page = await queries.query_entities(self._broker, asker.tenant, asked)
        local = [row.entity for row in page.rows]
        others = await self._ask(asker, sources, list(attrs), asked.selectors) if sources else []
        if not others:
            return local, page.count
        together = _united(others)
        local = [completed(one, together.pop(one["id"], one)) for one in local]
        # what is here but on another page does not come again as a source's own
        store = await store_of(self._broker, asker.tenant)
        if store is not None:
            for id in list(together):
                if await store.get(id) is not None:
                    del together[id]
        fitting = [one for one in together.values() if _meets(one, asked)]
        count = page.count
        if len(local) < asked.limit or count is not None:
            total = count if count is not None else await self._count(asker, asked)
            start = max(0, asked.offset - total)
            local += fitting[start : start + asked.limit - len(local)]
        return local, count + len(fitting) if count is not None else None

    async def _count(self, asker: Asker, asked: Asked) -> int:
        whole = Asked(asked.selectors, asked.q, asked.geo, (), asked.paths, 1, 0, True)
        return (await queries.query_entities(self._broker, asker.tenant, whole)).count or 0

    async def hand_on(self, asker: Asker, target: Target, attrs: Mapping[str, Given]) -> dict[str, Given]:
        """Hand on those attributes of an update that this broker has not and a source has; return the others."""
        rest = dict(attrs)
        sources = await self._sources(asker, "update", target)
        if not sources:
            return rest
        store = await store_of(self._broker, asker.tenant)
        rows = await namesakes(store, target) if store is not None else []
        local = rows[0].entity if len(rows) == 1 else None
        types = type_names(local, target.type)
        for source in sources:
            names = source.provides(lacking(local, rest)) if source.has(target.id, types) else []
            if not names:
                continue
            entity: dict[str, Any] = {"id": target.id, **({"type": types[0]} if types else {})}
            entity |= {name: written_out(rest[name]) for name in names}
            try:
                await self._post(asker, source, "/op/update", {"actionType": "update", "entities": [entity]})
            except SourceFailed:
                continue
            for name in names:
                del rest[name]
        return rest

    async def _sources(self, asker: Asker, what: str, target: Target) -> list[Source]:
        if asker.alone:
            return []
        at, sources = self._known.get(asker.tenant, (0.0, []))
        if not at or monotonic() - at > REMEMBERED:
            store = await store_of(self._broker, asker.tenant)
            records = await store.records(ORION_REGISTRATIONS) if store is not None else []
            sources = [Source.of(record) for _, record in records]
            self._known[asker.tenant] = monotonic(), sources
        moment = now()
        return [source for source in sources if source.may(what, target.paths, moment)]

    async def _ask(
        self, asker: Asker, sources: Sequence[Source], attrs: list[str], selectors: Sequence[Selector]
    ) -> list[Entity]:
        """Return the entities that sources answer with; those that fail are left out, as Orion does."""
        asked = [(source, body) for source in sources if (body := source.asked(attrs, selectors)) is not None]
        answers = await asyncio.gather(
            *(self._post(asker, source, "/op/query", body) for source, body in asked), return_exceptions=True
        )
        found: list[Entity] = []
        for (source, _), answer in zip(asked, answers, strict=True):
            if isinstance(answer, SourceFailed):
                continue
            if isinstance(answer, BaseException):
                raise answer
            for one in answer if isinstance(answer, list) else ():
                try:
                    found.append(_entity(one, source.path))
                except BadRequestData as error:
                    LOG.warning("what %s answered is no entity: %s", source.url, error.detail)
        return found

    async def _post(self, asker: Asker, source: Source, path: str, body: Any) -> Any:
        score = self._scores.setdefault(source.id, _Score())
        score.sent += 1
        score.last = now()
        headers = {**asker.headers, "Fiware-ServicePath": source.path}
        if asker.tenant:
            headers["Fiware-Service"] = asker.tenant
        try:
            answer = await self._elsewhere.post(source.url + path, body, headers)
        except SourceFailed as error:
            score.failure = now()
            LOG.warning("the context provider %s failed: %s", source.url, error)
            raise
        score.success = now()
        return answer


def _entity(raw: Any, path: str) -> Entity:
    """Return an entity as a source tells it; raises OrionError."""
    given = read_entity(raw, key_values=False)
    kind = given.type or DEFAULT_TYPE
    entity = decisions.built(entity_urn(given.id, kind, path), kind, path, given.attrs)
    at = format_instant(now())
    return {**entity, "createdAt": at, "modifiedAt": at}


def _united(entities: Sequence[Entity]) -> dict[str, Entity]:
    """Return entities by id, each with what all sources told of it."""
    found: dict[str, Entity] = {}
    for one in entities[:MOST]:
        known = found.get(one["id"])
        found[one["id"]] = completed(known, one) if known is not None else one
    return found


def _meets(entity: Entity, asked: Asked) -> bool:
    return (asked.q is None or matcher(asked.q)(entity)) and (asked.geo is None or geo_matcher(asked.geo)(entity))
