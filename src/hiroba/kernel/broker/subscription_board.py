"""What the operations on subscriptions and the delivery of notifications share in one process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from hiroba.kernel.model.instants import format_instant

SUBSCRIPTIONS: Final = "subscription"
TALLIES: Final = "subscriptionTally"
ORION_SUBSCRIPTIONS: Final = "subscriptionNgsiV2"
"""The kind of record that holds subscriptions made through NGSIv2; their ids are no URIs."""
Listener = Callable[[str, str, dict[str, Any] | None], None]


@dataclass(slots=True)
class Tally:
    """How one subscription's notifications went; instants in µs.

    `pending` are ids held back by throttling, `resume` the seq after which some are still to be sent. `streak` counts
    the failures since the last success, `reason` tells of the last of them, `code` is what the last success answered.
    """

    sent: int = 0
    failed: int = 0
    last_sent: int | None = None
    last_success: int | None = None
    last_failure: int | None = None
    ok: bool | None = None
    pending: dict[str, None] = field(default_factory=dict)
    resume: int | None = None
    streak: int = 0
    reason: str | None = None
    code: int | None = None

    def members(self) -> dict[str, Any]:
        """Return the output-only members of `notification` (5.2.14.2); none before the first attempt."""
        if not self.sent:
            return {}
        found: dict[str, Any] = {"status": "ok" if self.ok else "failed", "timesSent": self.sent}
        if self.failed:
            found["timesFailed"] = self.failed
        for name, instant in (
            ("lastNotification", self.last_sent),
            ("lastSuccess", self.last_success),
            ("lastFailure", self.last_failure),
        ):
            if instant is not None:
                found[name] = format_instant(instant)
        return found

    def record(self) -> dict[str, Any]:
        """Return what the store keeps."""
        return {
            "sent": self.sent,
            "failed": self.failed,
            "lastSent": self.last_sent,
            "lastSuccess": self.last_success,
            "lastFailure": self.last_failure,
            "ok": self.ok,
            "pending": list(self.pending),
            "resume": self.resume,
            "streak": self.streak,
            "reason": self.reason,
            "code": self.code,
        }

    @classmethod
    def of(cls, record: dict[str, Any]) -> Tally:
        """Return the tally that a record tells of."""
        return cls(
            record["sent"],
            record["failed"],
            record["lastSent"],
            record["lastSuccess"],
            record["lastFailure"],
            record["ok"],
            dict.fromkeys(record["pending"]),
            record["resume"],
            record.get("streak", 0),
            record.get("reason"),
            record.get("code"),
        )


class SubscriptionBoard:
    """Tells of written subscriptions and holds the live tallies.

    `schemes` are the URI schemes that can be delivered to; `writing` is held while a record is rewritten.
    """

    def __init__(self) -> None:
        self.schemes: set[str] = {"http", "https"}
        self.writing = asyncio.Lock()
        self._listeners: list[Listener] = []
        self._tallies: dict[tuple[str, str], Tally] = {}

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call `listener(tenant, id, record)` after each write (None: deleted); the answer ends it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def tell(self, tenant: str, id: str, record: dict[str, Any] | None) -> None:
        """Say that a subscription was written or deleted."""
        for listener in list(self._listeners):
            listener(tenant, id, record)

    def tally(self, tenant: str, id: str) -> Tally | None:
        """Return the live tally; None when nobody here delivers for this subscription."""
        return self._tallies.get((tenant, id))

    def keep(self, tenant: str, id: str, tally: Tally | None) -> None:
        """Make a tally live, or take it off with None."""
        if tally is None:
            self._tallies.pop((tenant, id), None)
        else:
            self._tallies[tenant, id] = tally
