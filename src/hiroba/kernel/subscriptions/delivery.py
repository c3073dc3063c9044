"""Bring a notification to its endpoint: one deliverer for each URI scheme (GS CIM 009, 6.3.8)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

import aiohttp

from hiroba.kernel.subscriptions.notification import Notification

# answers that may be different when asked again: timeout, too early, too many requests
_AGAIN: Final = frozenset({408, 425, 429})
MOST_CONNECTIONS: Final = 2000


@dataclass(slots=True, frozen=True)
class DeliverySettings:
    """How patiently notifications are delivered; times in seconds.

    A notification is tried again for `patience` after the change, with growing pauses. Of one subscription,
    `waiting` are kept in memory (more stay in the change log) and `together` changes make one notification at
    most; `at_once` go to one endpoint at a time. Scores and places are kept every `housekeeping`.
    """

    timeout: float = 5.0
    patience: float = 60.0
    first_pause: float = 0.5
    longest_pause: float = 15.0
    waiting: int = 1000
    at_once: int = 8
    together: int = 100
    housekeeping: float = 1.0


class DeliveryFailed(Exception):
    """Say that an endpoint did not take a notification; `final` when trying again makes no sense."""

    def __init__(self, reason: str, *, final: bool = False) -> None:
        super().__init__(reason)
        self.final = final


class Deliverer(Protocol):
    """Carries notifications to the endpoints of some URI schemes."""

    async def deliver(self, notification: Notification, *, timeout: float) -> int | None:
        """Return when the receiver has taken it, with its status if it has one; raises DeliveryFailed in time."""

    async def close(self) -> None:
        """Let go of connections."""


class HttpDeliverer:
    """Posts notifications with one client session; every 2xx answer counts as taken."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def deliver(self, notification: Notification, *, timeout: float) -> int | None:
        """Post a notification; raises DeliveryFailed."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=MOST_CONNECTIONS),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": "Hiroba"},
            )
        try:
            async with self._session.request(
                notification.method,
                notification.endpoint.uri,
                data=notification.body,
                headers=notification.headers,
                timeout=aiohttp.ClientTimeout(total=timeout),
                allow_redirects=False,
            ) as answer:
                status = answer.status
        except TimeoutError as error:
            raise DeliveryFailed(f"no answer within {timeout:g} s") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise DeliveryFailed(str(error) or type(error).__name__) from error
        if not 200 <= status < 300:
            raise DeliveryFailed(f"answered {status}", final=300 <= status < 500 and status not in _AGAIN)
        return status

    async def close(self) -> None:
        """Close the client session."""
        if self._session is not None:
            await self._session.close()
            self._session = None
