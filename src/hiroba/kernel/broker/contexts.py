"""Resolve, store and serve JSON-LD contexts (GS CIM 009, 5.13 and 6.3.5); the core contexts need no network."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import orjson

from hiroba.kernel.model.context import CORE, Context, builtin_documents, compile_context, needed_urls
from hiroba.kernel.model.errors import BadRequestData, LdContextNotAvailable, ResourceNotFound, StoreUnavailable
from hiroba.kernel.model.ids import new_urn
from hiroba.kernel.model.instants import format_instant, now
from hiroba.kernel.store.port import Store, TenantStore

LOG = logging.getLogger(__name__)
FETCH_SECONDS: Final = 4.0
LEEWAY_SECONDS: Final = 0.5
"""What all documents of a context together may take longer than one."""
FETCH_BYTES: Final = 2 * 1024 * 1024
FAILURE_SECONDS: Final = 10.0
MAX_DOCUMENTS: Final = 32
MAX_COMPILED: Final = 1000
MAX_CACHED: Final = 2000
"""Remote contexts that are kept; beyond them the one that was not used for longest is forgotten."""
SERVED_UNDER: Final = "/ngsi-ld/v1/jsonldContexts/"
RECORDS: Final = "context"


@dataclass(slots=True)
class Served:
    """A context that this broker keeps: `kind` is Hosted, Cached or ImplicitlyCreated (5.13.1).

    A hosted one belongs to the tenant that added it; the others to nobody.
    """

    local_id: str
    url: str
    kind: str
    body: dict[str, Any]
    created_at: str
    last_usage: str | None = None
    hits: int = 0
    tenant: str = ""

    def count(self) -> None:
        """Note that somebody found it here."""
        self.hits += 1
        self.last_usage = _now()

    def details(self) -> dict[str, Any]:
        """Return the metadata that the standard lists for a context."""
        told = {"URL": self.url, "localId": self.local_id, "kind": self.kind, "createdAt": self.created_at}
        if self.last_usage:
            told["lastUsage"] = self.last_usage
        return told | {"numberOfHits": self.hits}


class Contexts:
    """The contexts known to this broker, compiled once each.

    `base_url` is where others reach this broker; contexts stored here are named by it. Records live with the default
    tenant, since the standard's context operations know no tenants. A remote document is waited for `fetch_seconds`.
    """

    def __init__(self, store: Store, *, base_url: str, fetch_seconds: float = FETCH_SECONDS) -> None:
        self._store = store
        self._base = base_url.rstrip("/")
        self._patience = fetch_seconds
        self._builtin = builtin_documents()
        self._since = _now()
        self._served: dict[str, Served] = {}
        self._by_url: dict[str, Served] = {}
        self._compiled: dict[bytes, Context] = {}
        self._edition = 0
        self._failed: dict[str, tuple[float, str]] = {}
        self._fetching: dict[str, asyncio.Task[dict[str, Any]]] = {}
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Read the stored contexts."""
        for local_id, body in await (await self._home()).records(RECORDS):
            self._keep(
                Served(
                    local_id,
                    body["url"],
                    body["kind"],
                    body["body"],
                    body["created"],
                    tenant=body.get("tenant", ""),
                )
            )

    async def close(self) -> None:
        """End fetches under way and the client session."""
        for task in list(self._fetching.values()):
            task.cancel()
        if self._session is not None:
            await self._session.close()

    async def resolve(self, value: Any) -> Context:
        """Return the compiled context of a URL, an inline context, a list of them, or None for the core context.

        Raises LdContextNotAvailable within 5 s when a remote one cannot be had, BadRequestData for one that is none.
        """
        if value is None or value == []:
            return CORE
        try:
            key = orjson.dumps(value)
        except (TypeError, ValueError) as error:
            raise BadRequestData(f"The @context cannot be read: {error}") from error
        found = self._compiled.get(key)
        if found is None:
            _check_shape(value)
            edition = self._edition
            documents = await self._gather(value)
            found = compile_context(value, documents)
            if edition == self._edition:  # else some of it may be of a context that was exchanged meanwhile
                if len(self._compiled) >= MAX_COMPILED:
                    self._compiled.pop(next(iter(self._compiled)))
                self._compiled[key] = found
        for part in value if isinstance(value, list) else (value,):
            if isinstance(part, str) and part in self._by_url:
                self._by_url[part].count()
        return found

    async def prepare(self, values: Sequence[Any]) -> None:
        """Fetch what these contexts need at the same time, so that resolving each then takes no time to speak of."""
        alike: dict[bytes, Any] = {}
        for value in values:
            try:
                alike[orjson.dumps(value)] = value
            except (TypeError, ValueError):
                continue  # resolving it will tell
        await asyncio.gather(*(self.resolve(value) for value in alike.values()), return_exceptions=True)

    async def address(self, value: Any) -> str:
        """Return a URL under which this context can be had, storing an inline one (ImplicitlyCreated) for it."""
        if isinstance(value, str):
            return value
        if isinstance(value, list) and len(value) == 1 and isinstance(value[0], str):
            return str(value[0])
        for served in self._served.values():
            if served.kind == "ImplicitlyCreated" and served.body["@context"] == value:
                return served.url
        return await self.add(value, kind="ImplicitlyCreated")

    async def add(self, value: Any, *, kind: str = "Hosted", tenant: str = "") -> str:
        """Store a context and return its URL; raises BadRequestData when it does not compile (5.13.2)."""
        await self.resolve(value)
        local_id = new_urn("Context")
        url = self._base + SERVED_UNDER + local_id
        served = Served(local_id, url, kind, {"@context": value}, _now(), tenant=tenant)
        await self._write(served)
        return served.url

    def listed(self, tenant: str, kind: str | None = None) -> list[Served]:
        """Return the contexts kept that a tenant may see, of one kind or all (5.13.3)."""
        return [
            served
            for served in self._served.values()
            if (kind is None or served.kind == kind) and served.tenant in ("", tenant)
        ]

    def served(self, name: str, tenant: str = "") -> Served:
        """Return a kept context by its local id or URL (5.13.4); raises ResourceNotFound, also for another tenant's.

        Without a tenant every one is found: who has its address may read it, since Link headers carry no tenant.
        """
        found = self._served.get(name) or self._by_url.get(name)
        if found is None and name in self._builtin:
            # what comes with the program is a copy like any other, and as fresh as the program
            return Served(name, name, "Cached", self._builtin[name], self._since)
        if found is None or (tenant and found.tenant not in ("", tenant)):
            raise ResourceNotFound(f"No @context is kept under {name!r}.")
        return found

    async def remove(self, name: str, tenant: str = "", *, reload: bool = False) -> None:
        """Forget a context, or with `reload` fetch a cached one anew (5.13.5).

        The core @context comes with the program, so that there is nothing to fetch anew. Raises ResourceNotFound,
        BadRequestData for what has to stay, LdContextNotAvailable when it cannot be reloaded.
        """
        if name in self._builtin and reload:
            return
        if name in self._builtin:
            raise BadRequestData(f"{name} is the core @context, which every request needs; it stays.")
        served = self.served(name, tenant)
        if served.tenant not in ("", tenant):
            raise ResourceNotFound(f"No @context is kept under {name!r}.")
        if reload:
            if served.kind != "Cached":
                raise BadRequestData(f"Only a cached @context can be reloaded; {name!r} is {served.kind}.")
            try:
                await self._fetch(served.url)
            except BadRequestData as error:
                raise LdContextNotAvailable(error.detail) from error
        else:
            await (await self._home()).keep_record(RECORDS, served.local_id, None)
            self._served.pop(served.local_id, None)
            self._by_url.pop(served.url, None)
        self._compiled.clear()
        self._edition += 1

    async def _gather(self, value: Any) -> Mapping[str, Any]:
        """Return every document that the context refers to, directly or through others."""
        documents: dict[str, Any] = {}
        wanted = set(needed_urls(value))
        try:
            async with asyncio.timeout(self._patience + LEEWAY_SECONDS):
                while wanted:
                    if len(documents) + len(wanted) > MAX_DOCUMENTS:
                        raise LdContextNotAvailable(f"The @context refers to more than {MAX_DOCUMENTS} documents.")
                    urls = sorted(wanted)
                    found = await asyncio.gather(*(self._document(url) for url in urls))
                    documents |= zip(urls, found, strict=True)
                    wanted = {url for one in found for url in needed_urls(one.get("@context"))} - documents.keys()
        except TimeoutError as error:
            detail = f"The @context and what it refers to could not be fetched within {self._patience:g} s."
            raise LdContextNotAvailable(detail) from error
        return documents

    async def _document(self, url: str) -> dict[str, Any]:
        builtin = self._builtin.get(url)
        if builtin is not None:
            return builtin
        served = self._by_url.get(url) or self._own(url)
        if served is not None:
            return served.body
        return await self._fetch(url)

    def _own(self, url: str) -> Served | None:
        """Find a context of this broker however the host was spelled, so that it never asks itself."""
        path = urlsplit(url).path
        if not path.startswith(SERVED_UNDER):
            return None
        return self._served.get(path[len(SERVED_UNDER) :])

    async def _fetch(self, url: str) -> dict[str, Any]:
        """Fetch a document once for all who wait for it; that nobody answered is remembered for a few seconds."""
        failed = self._failed.get(url)
        if failed and time.monotonic() - failed[0] < FAILURE_SECONDS:
            raise LdContextNotAvailable(failed[1])
        task = self._fetching.get(url)
        if task is None:
            task = asyncio.create_task(self._obtain(url))
            self._fetching[url] = task
            task.add_done_callback(lambda done: self._fetched(url, done))
        return await asyncio.shield(task)

    def _fetched(self, url: str, done: asyncio.Task[dict[str, Any]]) -> None:
        self._fetching.pop(url, None)
        if not done.cancelled():
            done.exception()  # whoever still waits hears of it; nobody has to

    async def _obtain(self, url: str) -> dict[str, Any]:
        """Download a document and keep it, in the place of what was kept of it before."""
        document = await self._download(url)
        known = self._by_url.get(url)
        fresh = Served(known.local_id if known else new_urn("Context"), url, "Cached", document, _now())
        try:
            await self._write(fresh)
        except StoreUnavailable as error:
            LOG.warning("The @context %s is kept in memory alone: %s", url, error.detail)
            self._keep(fresh)
        await self._forget_unused()
        return document

    async def _forget_unused(self) -> None:
        """Forget the remote contexts beyond the most that are kept, those not used for longest first."""
        cached = [served for served in self._served.values() if served.kind == "Cached"]
        if len(cached) <= MAX_CACHED:
            return
        oldest = min(cached, key=lambda served: served.last_usage or served.created_at)
        self._served.pop(oldest.local_id, None)
        self._by_url.pop(oldest.url, None)
        try:
            await (await self._home()).keep_record(RECORDS, oldest.local_id, None)
        except StoreUnavailable as error:
            LOG.warning("The @context %s is forgotten in memory alone: %s", oldest.url, error.detail)

    async def _download(self, url: str) -> dict[str, Any]:
        """Return a remote context; raises LdContextNotAvailable without an answer, BadRequestData for a bad one."""
        try:
            text = await self._read(url)
        except TimeoutError as error:
            detail = f"The @context {url} could not be fetched: no answer within {self._patience:g} s."
            if len(self._failed) >= MAX_COMPILED:
                self._failed.clear()
            self._failed[url] = (time.monotonic(), detail)
            raise LdContextNotAvailable(detail) from error
        except (aiohttp.ClientError, ValueError, OSError) as error:
            raise LdContextNotAvailable(f"The @context {url} could not be fetched: {error}.") from error
        try:
            document = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise BadRequestData(f"The document at {url} is not JSON: {error}.") from error
        if not isinstance(document, dict) or "@context" not in document:
            raise BadRequestData(f"The document at {url} has no @context member.")
        return {"@context": document["@context"]}

    async def _read(self, url: str) -> bytes:
        """Return a document's bytes; raises LdContextNotAvailable, or what the client raises."""
        if urlsplit(url).scheme not in ("http", "https"):
            raise LdContextNotAvailable(f"The @context {url!r} is not an http or https address.")
        if self._session is None:
            self._session = aiohttp.ClientSession(headers={"Accept": "application/ld+json, application/json"})
        async with asyncio.timeout(self._patience), self._session.get(url, max_redirects=3) as answer:
            if answer.status != 200:
                raise LdContextNotAvailable(f"The @context {url} answered {answer.status}.")
            data = bytearray()
            async for piece in answer.content.iter_any():
                data += piece
                if len(data) > FETCH_BYTES:
                    raise LdContextNotAvailable(f"The @context {url} is larger than {FETCH_BYTES} bytes.")
            return bytes(data)

    async def _write(self, served: Served) -> None:
        record = {"url": served.url, "kind": served.kind, "body": served.body, "created": served.created_at}
        if served.tenant:
            record["tenant"] = served.tenant
        await (await self._home()).keep_record(RECORDS, served.local_id, record)
        self._keep(served)

    def _keep(self, served: Served) -> None:
        self._served[served.local_id] = served
        self._by_url[served.url] = served

    async def _home(self) -> TenantStore:
        return await self._store.tenant("")


def _check_shape(value: Any) -> None:
    """Raise BadRequestData for what cannot be an @context, before anything is fetched for it."""
    for part in value if isinstance(value, list) else [value]:
        if part is not None and not isinstance(part, str | dict):
            raise BadRequestData("The @context contains something else than URLs and objects.")


def _now() -> str:
    return format_instant(now())
