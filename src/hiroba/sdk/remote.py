"""A tenant of a broker somewhere else, over NGSI-LD and the change stream (`City`)."""

from __future__ import annotations

import contextlib
import logging
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Final
from urllib.parse import quote

import aiohttp
import orjson

from hiroba.sdk import errors
from hiroba.sdk.backoff import Backoff, LogOnce
from hiroba.sdk.city import Answer, Area, Cell, Changed, Entity, Mode, Written
from hiroba.sdk.events import Event, events_of
from hiroba.sdk.grid import Grid
from hiroba.sdk.wire import (
    MOST_AT_ONCE,
    Reply,
    carries_context,
    change_of,
    count_in,
    error_of,
    geo_query,
    given,
    parts_of,
    view_words,
    with_context,
)

LOG = logging.getLogger(__name__)
API: Final = "/ngsi-ld/v1"
_PAGE: Final = 1000
_LINK: Final = '<{}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'
_OPERATIONS: Final[dict[Mode, str]] = {
    "create": "create",
    "upsert": "upsert?options=update",
    "replace": "upsert?options=replace",
    "update": "update",
    "merge": "merge",
}


class RemoteCity:
    """Speak to the broker at `url`; use it as an async context manager, or close it.

    `token` is shown as a bearer token. Every method raises CityUnreachable when the broker cannot be reached or does
    not answer within `timeout` seconds; only `changes` waits and goes on where it was.
    """

    def __init__(
        self,
        url: str,
        tenant: str = "",
        *,
        token: str = "",
        timeout: float = 60.0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self.tenant = tenant
        self._timeout = aiohttp.ClientTimeout(total=timeout, connect=10)
        self._headers = {"NGSILD-Tenant": tenant} if tenant else {}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> RemoteCity:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Let go of the connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def entity(
        self, id: str, *, simplified: bool = False, sys_attrs: bool = False, context: Any = None
    ) -> Entity | None:
        """Return an entity, or None."""
        try:
            answer = await self._call(
                "GET", f"{API}/entities/{quote(id, safe='')}", query=view_words(simplified, sys_attrs), context=context
            )
        except (errors.ResourceNotFound, errors.NonexistentTenant):
            return None
        found: Entity = answer.body
        return found

    async def entities(
        self,
        *,
        types: str | None = None,
        ids: Sequence[str] | None = None,
        id_pattern: str | None = None,
        q: str | None = None,
        scope: str | None = None,
        area: Area | None = None,
        attrs: Sequence[str] | None = None,
        pick: Sequence[str] | None = None,
        order: str | None = None,
        limit: int = 100,
        offset: int = 0,
        count: bool = False,
        simplified: bool = False,
        sys_attrs: bool = False,
        context: Any = None,
    ) -> Answer:
        """Return a page of the entities chosen; texts are in the standard's query languages."""
        if ids is not None and not ids:
            return Answer([], 0 if count else None)
        selector = given({"id": list(ids) if ids is not None else None, "idPattern": id_pattern, "type": types})
        document: dict[str, Any] = {
            "type": "Query",
            "entities": [{"type": "*", **selector}] if selector else None,
            "q": q,
            "scopeQ": scope,
            "attrs": list(attrs) if attrs is not None else None,
            "pick": list(pick) if pick is not None else None,
            "orderBy": order,
            "geoQ": geo_query(area) if area is not None else None,
        }
        query = {"limit": str(limit), "offset": str(offset), "local": "true", **view_words(simplified, sys_attrs)}
        if count:
            query["count"] = "true"
        try:
            answer = await self._call(
                "POST", f"{API}/entityOperations/query", query=query, body=given(document), context=context
            )
        except errors.NonexistentTenant:
            return Answer([], 0 if count else None)
        return Answer(answer.body, int(answer.headers["NGSILD-Results-Count"]) if count else None)

    async def write(self, entities: Sequence[Entity], *, mode: Mode = "upsert", context: Any = None) -> Written:
        """Write many entities; each stands or falls alone, all that stand are durable when this returns.

        When some of a request are refused, the broker does not tell the created from the updated: all are in `updated`.
        """
        written = Written()
        for part in parts_of(entities):
            try:
                answer = await self._call(
                    "POST", f"{API}/entityOperations/{_OPERATIONS[mode]}", body=part, context=context
                )
            except errors.NonexistentTenant as error:
                written.refused.update((str(one.get("id")), error.detail) for one in part)
                continue
            ids = [str(one.get("id")) for one in part]
            count_in(written, answer, ids)
        return written

    async def delete(self, ids: Sequence[str]) -> Written:
        """Delete entities; ids that are not there are in `refused`."""
        written = Written()
        for start in range(0, len(ids), MOST_AT_ONCE):
            part = list(ids[start : start + MOST_AT_ONCE])
            try:
                answer = await self._call("POST", f"{API}/entityOperations/delete", body=part)
            except errors.NonexistentTenant as error:
                written.refused.update(dict.fromkeys(part, error.detail))
                continue
            count_in(written, answer, part)
        return written

    async def delete_attribute(self, id: str, attribute: str, *, context: Any = None) -> None:
        """Delete an attribute with all its instances."""
        path = f"{API}/entities/{quote(id, safe='')}/attrs/{quote(attribute, safe='')}"
        await self._call("DELETE", path, query={"deleteAll": "true"}, context=context)

    async def history(
        self,
        id: str,
        *,
        attrs: Sequence[str] | None = None,
        start: str | None = None,
        end: str | None = None,
        last: int | None = None,
        aggregate: Sequence[str] | None = None,
        period: str | None = None,
        context: Any = None,
    ) -> Entity | None:
        """Return an entity's history as a temporal entity (simplified for aggregates), or None."""
        query = {"attrs": ",".join(attrs) if attrs else None, "lastN": str(last) if last else None}
        if start is not None or end is not None:
            relation = "between" if start and end else "after" if start else "before"
            query |= {"timerel": relation, "timeAt": start or end, "endTimeAt": end if start else None}
        if aggregate:
            query |= {
                "options": "aggregatedValues",
                "aggrMethods": ",".join(aggregate),
                "aggrPeriodDuration": period or "PT0S",
            }
        path = f"{API}/temporal/entities/{quote(id, safe='')}"
        try:
            answer = await self._call("GET", path, query=given(query), context=context)
        except (errors.ResourceNotFound, errors.NonexistentTenant):
            return None
        found: Entity = answer.body
        return found

    async def types(self) -> dict[str, int]:
        """Return the entity types in use and how many entities each has."""
        try:
            listed = (await self._call("GET", f"{API}/types")).body["typeList"]
        except errors.NonexistentTenant:
            return {}
        counts: dict[str, int] = {}
        for name in listed:
            with contextlib.suppress(errors.ResourceNotFound):
                told = await self._call("GET", f"{API}/types/{quote(name, safe='')}")
                counts[name] = int(told.body["entityCount"])
        return counts

    async def cells(
        self,
        types: str,
        *,
        box: tuple[float, float, float, float],
        size: tuple[float, float],
        attrs: Sequence[str] = ("name",),
    ) -> list[Cell]:
        """Group the locations in a box by a grid of cells (degrees); all entities in the box are read for it."""
        grid = Grid(box, size)
        offset = 0
        while True:
            pick = ["id", "type", "location", *attrs]
            page = await self.entities(types=types, area=Area.box(*box), pick=pick, limit=_PAGE, offset=offset)
            for entity in page.entities:
                grid.add(entity, keep_location="location" in attrs)
            if len(page.entities) < _PAGE:
                return grid.cells()
            offset += _PAGE

    async def changes(
        self, *, after: int | None = None, types: Sequence[str] | None = None, passed: bool = False
    ) -> AsyncIterator[Changed]:
        """Yield changes as they are committed, for ever; from after a `seq`, or from now.

        A connection that breaks is made again, and what was missed is told.
        """
        pause, complaint = Backoff(), LogOnce(LOG, f"changes of {self.url}")
        while True:
            try:
                async for event in self._events(after, types):
                    complaint.fine()
                    after = after if event.id is None else event.id
                    if event.name == "reset":
                        LOG.warning("%s: its change log no longer reaches back; changes were missed", self.url)
                    if event.name == "change":
                        yield change_of(event.data)
                    elif passed and after is not None:
                        yield Changed(after, "", "passed", "", (), {})
                    pause.reset()
            except errors.NonexistentTenant:
                # it comes with its first write; all of it is new then
                after = after or 0
            except errors.CityUnreachable as error:
                complaint.problem(error)
            await pause.wait()

    async def last_seq(self) -> int:
        """Return the newest change's `seq`."""
        with contextlib.suppress(errors.NonexistentTenant):
            async with contextlib.aclosing(self._events(None, None)) as events:
                async for event in events:
                    if event.name == "hello":
                        return int(event.data["seq"])
        return 0

    async def _events(self, after: int | None, types: Sequence[str] | None) -> AsyncGenerator[Event, None]:
        query = {"type": ",".join(types) if types else None, "tenant": self.tenant or None}
        headers = {**self._headers, "Accept": "text/event-stream"}
        if after is not None:
            headers["Last-Event-ID"] = str(after)
        timeout = aiohttp.ClientTimeout(total=None, connect=10, sock_read=60)
        try:
            async with self._opened().get(
                f"{self.url}/stream", params=given(query), headers=headers, timeout=timeout
            ) as answer:
                if answer.status != 200:
                    raise error_of(answer.status, await answer.read())
                async for event in events_of(answer.content.iter_any()):
                    yield event
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise errors.CityUnreachable(f"{self.url}: {error or type(error).__name__}") from error

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=16, ssl=self._tls if self._tls is not None else True)
            self._session = aiohttp.ClientSession(connector=connector, timeout=self._timeout)
        return self._session

    async def _call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        context: Any = None,
    ) -> Reply:
        """Send one request; raises the error that the broker answers with."""
        headers = dict(self._headers)
        if isinstance(context, str):
            headers["Link"] = _LINK.format(context)
        elif context is not None:
            if body is None:
                raise errors.InvalidRequest(
                    "a @context by value cannot go with this request; store it and name its URL"
                )
            body = with_context(body, context)
        data = None
        if body is not None:
            data = orjson.dumps(body)
            in_body = (context is not None and not isinstance(context, str)) or carries_context(body)
            headers["Content-Type"] = "application/ld+json" if in_body else "application/json"
        try:
            async with self._opened().request(
                method, self.url + path, params=query, data=data, headers=headers
            ) as answer:
                raw = await answer.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise errors.CityUnreachable(f"{self.url}: {error or type(error).__name__}") from error
        if answer.status >= 400:
            raise error_of(answer.status, raw)
        return Reply(answer.status, answer.headers, orjson.loads(raw) if raw else None)
