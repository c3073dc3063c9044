"""What every operation of the broker works with."""

from __future__ import annotations

from dataclasses import dataclass, field

from hiroba.kernel.broker.contexts import Contexts
from hiroba.kernel.broker.subscription_board import SubscriptionBoard
from hiroba.kernel.store.port import Store


@dataclass(slots=True, frozen=True)
class Limits:
    """Bound what one request may ask for; sizes in bytes."""

    body: int = 8 * 1024 * 1024
    page: int = 1000
    default_page: int = 20
    batch: int = 10_000
    temporal_instances: int = 10_000
    streams: int = 2000


@dataclass(slots=True)
class Broker:
    """The ports that the operations use; one per process."""

    store: Store
    contexts: Contexts
    limits: Limits = field(default_factory=Limits)
    subscriptions: SubscriptionBoard = field(default_factory=SubscriptionBoard)
