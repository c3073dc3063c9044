"""The operations on subscriptions (GS CIM 009, 5.8.1 to 5.8.5); who delivers hears of every write."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hiroba.kernel.broker.broker import Broker
from hiroba.kernel.broker.subscription_board import SUBSCRIPTIONS, TALLIES, Tally
from hiroba.kernel.broker.subscription_form import (
    DEFAULT_TRIGGERS,
    Body,
    check_expiry,
    check_subscription,
    without_read_only,
)
from hiroba.kernel.model.context import CORE_URL, Context
from hiroba.kernel.model.errors import AlreadyExists, BadRequestData, ResourceNotFound
from hiroba.kernel.model.ids import check_uri, new_urn
from hiroba.kernel.model.instants import format_instant, now, parse_instant

NULL = "urn:ngsi-ld:null"
_MEMBER = re.compile(r"[^,|{}\s]+")
_WORD = re.compile(r"[^;|,()\s]+")


@dataclass(slots=True, frozen=True)
class Listed:
    """A page of subscriptions as documents; `count` is that of all."""

    documents: list[Body]
    more: bool
    count: int


class Naming:
    """Expand the names of each member and remember them, so that it can be read again without its @context.

    `known` are names remembered already: member → name → IRI.
    """

    def __init__(self, context: Context, known: dict[str, dict[str, str]] | None = None) -> None:
        self._context = context
        self.known = known if known is not None else {}

    def __call__(self, member: str) -> Callable[[str], str]:
        """Return the function that expands the names of a member."""
        terms = self.known.setdefault(member, {})

        def expand(term: str) -> str:
            iri = terms.get(term)
            if iri is None:
                iri = terms[term] = self._context.expand_name(term)
            return iri

        return expand


async def create_subscription(broker: Broker, tenant: str, body: Body, context: Context) -> str:
    """Create a subscription (5.8.1) and return its id; the tenant comes into being with it.

    Raises BadRequestData naming the member at fault, AlreadyExists, and LdContextNotAvailable for a
    jsonldContext that cannot be had.
    """
    clean = without_read_only(body)
    clean.setdefault("id", new_urn("Subscription"))
    naming = Naming(context)
    check_subscription(clean, naming, schemes=broker.subscriptions.schemes)
    moment = now()
    check_expiry(clean, moment)
    address = await _notification_context(broker, clean, context)
    store = await broker.store.tenant(tenant, create=True)
    id: str = clean["id"]
    at = format_instant(moment)
    async with broker.subscriptions.writing:
        if await store.record(SUBSCRIPTIONS, id) is not None:
            raise AlreadyExists(f"A subscription with the id {id!r} exists already.")
        record = {
            "body": clean,
            "terms": naming.known,
            "context": address,
            "since": await store.last_seq(),
            "createdAt": at,
            "modifiedAt": at,
        }
        await store.keep_record(SUBSCRIPTIONS, id, record)
        broker.subscriptions.tell(tenant, id, record)
    return id


async def update_subscription(broker: Broker, tenant: str, id: str, fragment: Body, context: Context) -> None:
    """Replace the members given in a fragment, remove those given as NGSI-LD Null (5.8.2).

    Raises ResourceNotFound and BadRequestData; nothing is changed then.
    """
    check_uri(id, "subscription id")
    patch = without_read_only(fragment)
    if patch.get("id", id) != id:
        raise BadRequestData("id cannot be changed.")
    if patch.get("type", "Subscription") != "Subscription":
        raise BadRequestData(f"type is {patch['type']!r}; a subscription has the type 'Subscription'.")
    store = await broker.store.tenant(tenant)
    async with broker.subscriptions.writing:
        record = await store.record(SUBSCRIPTIONS, id)
        if record is None:
            raise _unknown(id)
        fresh = await _rewritten(broker, record, patch, context)
        if fresh["since"] is None:
            fresh["since"] = await store.last_seq()
        await store.keep_record(SUBSCRIPTIONS, id, fresh)
        broker.subscriptions.tell(tenant, id, fresh)


async def _rewritten(broker: Broker, record: Body, patch: Body, context: Context) -> Body:
    """Return the record with a patch applied and checked; `since` is None when it comes to life again."""
    body = _patched(record["body"], patch)
    # members that stay keep the meaning that they had under the context they came with
    naming = Naming(context, {name: terms for name, terms in record["terms"].items() if name not in patch})
    check_subscription(body, naming, schemes=broker.subscriptions.schemes)
    moment = now()
    if "expiresAt" in patch:
        check_expiry(body, moment)
    revived = _status(record["body"], moment) != "active" and _status(body, moment) == "active"
    return {
        **record,
        "body": body,
        "terms": naming.known,
        "context": await _notification_context(broker, body, context)
        if "jsonldContext" in patch
        else record["context"],
        "since": None if revived else record["since"],
        "modifiedAt": format_instant(moment),
    }


async def retrieve_subscription(
    broker: Broker, tenant: str, id: str, context: Context, *, sys_attrs: bool = False
) -> Body:
    """Return a subscription as a document, names compacted (5.8.3); raises ResourceNotFound."""
    check_uri(id, "subscription id")
    store = await broker.store.tenant(tenant)
    record = await store.record(SUBSCRIPTIONS, id)
    if record is None:
        raise _unknown(id)
    kept = await store.record(TALLIES, id)
    return _document(record, _tally(broker, tenant, id, kept), context, sys_attrs=sys_attrs)


async def query_subscriptions(
    broker: Broker, tenant: str, context: Context, *, limit: int, offset: int, sys_attrs: bool = False
) -> Listed:
    """Return a page of the subscriptions, oldest first (5.8.4)."""
    store = await broker.store.tenant(tenant)
    records = await store.records(SUBSCRIPTIONS)
    page = records[offset : offset + limit]
    documents = []
    for id, record in page:
        kept = None if broker.subscriptions.tally(tenant, id) else await store.record(TALLIES, id)
        documents.append(_document(record, _tally(broker, tenant, id, kept), context, sys_attrs=sys_attrs))
    return Listed(documents, offset + limit < len(records), len(records))


async def delete_subscription(broker: Broker, tenant: str, id: str) -> None:
    """Delete a subscription (5.8.5); notifications under way may still arrive. Raises ResourceNotFound."""
    check_uri(id, "subscription id")
    store = await broker.store.tenant(tenant)
    async with broker.subscriptions.writing:
        if await store.record(SUBSCRIPTIONS, id) is None:
            raise _unknown(id)
        await store.keep_record(SUBSCRIPTIONS, id, None)
        await store.keep_record(TALLIES, id, None)
        broker.subscriptions.tell(tenant, id, None)


async def _notification_context(broker: Broker, body: Body, context: Context) -> str:
    """Return the address of the @context for notifications, which must be there to be read."""
    if "jsonldContext" in body:
        await broker.contexts.resolve(body["jsonldContext"])
        return str(body["jsonldContext"])
    parts = context.reference if isinstance(context.reference, list) else [context.reference]
    own = [part for part in parts if part != CORE_URL]
    if not own:
        return CORE_URL
    address: str = await broker.contexts.address(own[0] if len(own) == 1 else context.reference)
    return address


def _patched(body: Body, patch: Body) -> Body:
    """Return a document with a patch's members, each taking the place of the one there (5.5.8)."""
    result = dict(body)
    for name, value in patch.items():
        if value is None or value == NULL:
            result.pop(name, None)
        else:
            result[name] = value
    return result


def _tally(broker: Broker, tenant: str, id: str, kept: dict[str, Any] | None) -> Tally | None:
    return broker.subscriptions.tally(tenant, id) or (Tally.of(kept) if kept else None)


def _status(body: Body, moment: int) -> str:
    if "expiresAt" in body and parse_instant(body["expiresAt"]) <= moment:
        return "expired"
    return "active" if body.get("isActive", True) else "paused"


def _document(record: Body, tally: Tally | None, context: Context, *, sys_attrs: bool) -> Body:
    """Return a record as the standard's document, its names compacted by the context of who asks."""
    terms: dict[str, dict[str, str]] = record["terms"]

    def short(member: str, term: str) -> str:
        iri = terms.get(member, {}).get(term)
        return context.compact_name(iri) if iri is not None else term

    body = dict(record["body"])
    if "entities" in body:
        body["entities"] = [
            {**one, "type": _WORD.sub(lambda match: short("entities", match[0]), one["type"])}
            for one in body["entities"]
        ]
    if "watchedAttributes" in body:
        body["watchedAttributes"] = [short("watchedAttributes", one) for one in body["watchedAttributes"]]
    if "geoproperty" in body.get("geoQ", ()):
        body["geoQ"] = {**body["geoQ"], "geoproperty": short("geoQ", body["geoQ"]["geoproperty"])}
    notification = dict(body["notification"])
    for name in ("attributes", "pick", "omit"):
        if name in notification:
            notification[name] = [
                _MEMBER.sub(lambda match: short("notification", match[0]), one) for one in notification[name]
            ]
    notification["endpoint"] = {"accept": "application/json", **notification["endpoint"]}
    notification.setdefault("format", "normalized")
    if "timeInterval" not in body:
        body.setdefault("notificationTrigger", list(DEFAULT_TRIGGERS))
    if tally is not None:
        notification |= tally.members()
    body["notification"] = notification
    body["status"] = _status(body, now())
    body["jsonldContext"] = record["context"]
    if sys_attrs:
        body |= {"createdAt": record["createdAt"], "modifiedAt": record["modifiedAt"]}
    return body


def _unknown(id: str) -> ResourceNotFound:
    return ResourceNotFound(f"No subscription with the id {id!r} is known.")
