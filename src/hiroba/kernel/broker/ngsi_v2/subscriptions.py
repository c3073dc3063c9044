"""The operations of NGSIv2 on subscriptions; who delivers hears of every write, as with those of NGSI-LD."""

from __future__ import annotations

from typing import Any, Final
from uuid import uuid4

from hiroba.kernel.broker.broker import Broker
from hiroba.kernel.broker.ngsi_v2.entities import store_of
from hiroba.kernel.broker.ngsi_v2.subscription_form import HIDDEN, Body, check_subscription
from hiroba.kernel.broker.subscription_board import ORION_SUBSCRIPTIONS, TALLIES, Tally
from hiroba.kernel.model.instants import format_instant, now
from hiroba.kernel.model.ngsi_v2.errors import OrionError, bad_request
from hiroba.kernel.model.ngsi_v2.names import query_paths
from hiroba.kernel.model.ngsi_v2.values import moment_of

API: Final = "ngsi-v2"
_EVERYWHERE: Final = "/#"


def subscription_path(header: str | None) -> str:
    """Return the one service path that a subscription is about; raises OrionError."""
    paths = query_paths(header)
    if len(paths) > 1:
        raise bad_request(f"max *one* service-path allowed for subscriptions ({len(paths)} given)")
    return paths[0].text if not paths[0].below else f"{paths[0].text.rstrip('/')}/#"


async def create_subscription(broker: Broker, tenant: str, path: str, body: Any) -> str:
    """Create a subscription and return its id; the tenant comes into being with it."""
    clean = check_subscription(body, schemes=broker.subscriptions.schemes, whole=True)
    id = uuid4().hex[:24]
    clean |= {"id": id, "status": clean.get("status", "active")}
    _keep_moment(clean)
    store = await broker.store.tenant(tenant, create=True)
    at = format_instant(now())
    async with broker.subscriptions.writing:
        record = {
            "api": API,
            "body": clean,
            "path": path,
            "since": await store.last_seq(),
            "createdAt": at,
            "modifiedAt": at,
        }
        await store.keep_record(ORION_SUBSCRIPTIONS, id, record)
        broker.subscriptions.tell(tenant, id, record)
    return id


async def update_subscription(broker: Broker, tenant: str, id: str, fragment: Any) -> None:
    """Replace members of a subscription; raises OrionError, and nothing is changed then."""
    patch = check_subscription(fragment, schemes=broker.subscriptions.schemes, whole=False)
    store = await store_of(broker, tenant)
    if store is None:
        raise _unknown()
    async with broker.subscriptions.writing:
        record = await store.record(ORION_SUBSCRIPTIONS, id)
        if record is None:
            raise _unknown()
        before: Body = record["body"]
        _keep_password(before, patch)
        body = {**before, **patch}
        _keep_moment(body)
        moment = now()
        revived = _state(before, moment) in ("inactive", "expired") and _state(body, moment) in ("active", "oneshot")
        record = {
            **record,
            "body": body,
            "since": await store.last_seq() if revived else record["since"],
            "modifiedAt": format_instant(moment),
        }
        await store.keep_record(ORION_SUBSCRIPTIONS, id, record)
        broker.subscriptions.tell(tenant, id, record)


async def retrieve_subscription(broker: Broker, tenant: str, id: str) -> Body:
    """Return a subscription as a document; raises OrionError."""
    store = await store_of(broker, tenant)
    record = await store.record(ORION_SUBSCRIPTIONS, id) if store is not None else None
    if store is None or record is None:
        raise _unknown()
    return _document(record, await _tally(broker, tenant, id))


async def list_subscriptions(
    broker: Broker, tenant: str, path: str | None, *, limit: int, offset: int
) -> tuple[list[Body], int]:
    """Return a page of the subscriptions, oldest first, and how many there are; `path` only those about just it."""
    store = await store_of(broker, tenant)
    if store is None:
        return [], 0
    records = [
        (id, record)
        for id, record in await store.records(ORION_SUBSCRIPTIONS)
        if path is None or record["path"] == path
    ]
    page = [_document(record, await _tally(broker, tenant, id)) for id, record in records[offset : offset + limit]]
    return page, len(records)


async def delete_subscription(broker: Broker, tenant: str, id: str) -> None:
    """Delete a subscription; raises OrionError."""
    store = await store_of(broker, tenant)
    if store is None:
        raise _unknown()
    async with broker.subscriptions.writing:
        if await store.record(ORION_SUBSCRIPTIONS, id) is None:
            raise _unknown()
        await store.keep_record(ORION_SUBSCRIPTIONS, id, None)
        await store.keep_record(TALLIES, id, None)
        broker.subscriptions.tell(tenant, id, None)


async def _tally(broker: Broker, tenant: str, id: str) -> Tally | None:
    live = broker.subscriptions.tally(tenant, id)
    if live is not None:
        return live
    kept = await (await broker.store.tenant(tenant)).record(TALLIES, id)
    return Tally.of(kept) if kept else None


def _keep_moment(body: Body) -> None:
    """Write the expiry in one form; an empty one means for ever."""
    at = moment_of(body.get("expires"))
    if at is not None:
        body["expires"] = format_instant(at)
    else:
        body.pop("expires", None)


def _keep_password(before: Body, patch: Body) -> None:
    """Leave a password that was sent back the way it is shown."""
    for name in ("mqtt", "mqttCustom"):
        fresh = patch.get("notification", {}).get(name)
        kept = before["notification"].get(name)
        if fresh and kept and fresh.get("passwd") == HIDDEN and "passwd" in kept:
            patch["notification"][name] = {**fresh, "passwd": kept["passwd"]}


def _state(body: Body, moment: int) -> str:
    at = moment_of(body.get("expires"))
    status: str = body["status"]
    return "expired" if at is not None and at <= moment else status


def _document(record: Body, tally: Tally | None) -> Body:
    body = record["body"]
    notification = dict(body["notification"])
    for name in ("mqtt", "mqttCustom"):
        if "passwd" in notification.get(name, {}):
            notification[name] = {**notification[name], "passwd": HIDDEN}
    if "exceptAttrs" not in notification:
        notification.setdefault("attrs", [])
    for name, default in (("onlyChangedAttrs", False), ("attrsFormat", "normalized"), ("covered", False)):
        notification.setdefault(name, default)
    condition = {"attrs": [], "notifyOnMetadataChange": True, **body["subject"].get("condition", {})}
    document = {
        "id": body["id"],
        **{name: body[name] for name in ("description", "expires") if name in body},
        "status": _state(body, now()),
        "subject": {"entities": body["subject"]["entities"], "condition": condition},
        "notification": notification | (_score(tally) if tally is not None else {}),
    }
    if body.get("throttling"):
        document["throttling"] = body["throttling"]
    return document


def _score(tally: Tally) -> Body:
    found: Body = {}
    for name, count in (("timesSent", tally.sent), ("failsCounter", tally.streak)):
        if count:
            found[name] = count
    for name, instant in (
        ("lastNotification", tally.last_sent),
        ("lastSuccess", tally.last_success),
        ("lastFailure", tally.last_failure),
    ):
        if instant is not None:
            found[name] = format_instant(instant)
    if tally.reason is not None and tally.last_failure is not None:
        found["lastFailureReason"] = tally.reason
    if tally.code is not None and tally.last_success is not None:
        found["lastSuccessCode"] = tally.code
    return found


def _unknown() -> OrionError:
    return OrionError(404, "NotFound", "The requested subscription has not been found. Check id")
