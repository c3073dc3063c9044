"""An MQTT broker inside the process, so that a small town needs nothing installed beside Hiroba."""

from __future__ import annotations

import logging
from typing import Any

from amqtt.broker import Broker

from hiroba.host.settings import Mqtt

LOG = logging.getLogger(__name__)


def _not_the_start(record: logging.LogRecord) -> bool:
    # who starts the broker tells of the failure in one line; a stack above it would hide that
    return record.exc_info is None


class EmbeddedMqtt:
    """Run a broker on the address that the settings name; everybody who reaches it may publish and
    subscribe."""

    def __init__(self, settings: Mqtt) -> None:
        self._settings = settings
        self._broker: Broker | None = None

    async def start(self) -> None:
        """Listen; raises OSError naming the address when that fails."""
        address = f"{self._settings.host}:{self._settings.port}"
        config: dict[str, Any] = {
            "listeners": {"default": {"type": "tcp", "bind": address, "max_connections": 10_000}},
            "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
        }
        broker = Broker(config)
        chatty = logging.getLogger("amqtt.broker")
        chatty.addFilter(_not_the_start)
        try:
            await broker.start()
        except Exception as error:
            raise OSError(f"the embedded MQTT broker cannot listen on {address}: {error.__cause__ or error}") from error
        finally:
            chatty.removeFilter(_not_the_start)
        self._broker = broker

    async def stop(self) -> None:
        """End the broker and its connections."""
        broker, self._broker = self._broker, None
        if broker is not None:
            await broker.shutdown()
