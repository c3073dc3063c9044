"""Reads server-sent events from bytes as they come."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its `data` is read as JSON; `id` only when the event has one that is a number.

    One that has an id and no data only says how far the stream has come: its name is `position`.
    """

    name: str
    data: Any
    id: int | None = None


async def events_of(chunks: AsyncIterable[bytes]) -> AsyncIterator[Event]:
    """Yield the events in a stream of bytes; comments are passed over."""
    buffer = b""
    async for chunk in chunks:
        buffer = (buffer + chunk).replace(b"\r\n", b"\n")
        *blocks, buffer = buffer.split(b"\n\n")
        for block in blocks:
            event = _event(block)
            if event is not None:
                yield event


def _event(block: bytes) -> Event | None:
    name, data = "message", list[bytes]()
    id: int | None = None
    for line in block.split(b"\n"):
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"event":
            name = value.decode()
        elif field == b"data":
            data.append(value)
        elif field == b"id" and value.isdigit():
            id = int(value)
    if data:
        return Event(name, orjson.loads(b"\n".join(data)), id)
    return Event("position", None, id) if id is not None else None
