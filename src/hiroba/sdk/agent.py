"""An agent: turns the world into entities. Its folder's `setup(agent)` gets an `Agent` and registers what it
brings.

What comes in goes to `agent.accept(source, payload)`, which returns when the raw bytes are durable. The agent
then hands message by message to the pure function given to `agent.translate` and writes what that returns, up
to 500 messages with one write. What does not fit is kept with its reason and counted; what could not be
written is tried again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from hiroba.sdk.backoff import Backoff, LogOnce, told
from hiroba.sdk.city import Entity
from hiroba.sdk.errors import CityError
from hiroba.sdk.guest import Guest, Host, Manifest
from hiroba.sdk.profiles import Misfit, Profile, Sample
from hiroba.sdk.spool import Message, Reject, Spool, now

BATCH = 500
Sent = tuple[Message, Entity]
_NOT_THE_DATA = (401, 403, 429)
"""Refusals that another message would meet as well: these wait for the operator, they reject nothing."""


@dataclass(frozen=True, slots=True)
class Reading:
    """An entity that a message became, normalized NGSI-LD, and the tenant that it belongs to."""

    entity: Entity
    tenant: str = ""


Translator = Callable[[Message], Iterable[Reading | Misfit]]
"""From a message to what it says; raises Misfit when it fits not at all, returns one for each part that does
not."""


@dataclass
class Status:
    """How an agent is doing: troubles by the name of what has them, and the last of them with its time."""

    running: bool = False
    idle: bool = False
    """True when the settings give the agent nothing to do."""
    beginning: set[str] = field(default_factory=set)
    troubles: dict[str, str] = field(default_factory=dict)
    last_error: str | None = None
    last_error_at: str | None = None
    last_message_at: str | None = None

    @property
    def state(self) -> str:
        """Return `stopped`, `idle`, `starting`, `running` or `trouble`."""
        if not self.running:
            return "stopped"
        if self.idle:
            return "idle"
        if self.troubles:
            return "trouble"
        return "starting" if self.beginning else "running"

    def begin(self, name: str) -> None:
        """Note that something is about to be tried; `fine` or `trouble` will tell how it went."""
        self.beginning.add(name)

    def trouble(self, name: str, text: str) -> None:
        """Note that something does not work."""
        self.beginning.discard(name)
        self.troubles[name] = text
        self.last_error, self.last_error_at = text, now()

    def fine(self, name: str) -> None:
        """Note that it works (again)."""
        self.beginning.discard(name)
        self.troubles.pop(name, None)


class Agent(Guest):
    """Register how messages come in and what they mean; the spool, the writing and the counting are done
    here.

    `agent.profiles` are the device profiles of `profiles/*.yaml` and of the operator's folders, by id.
    """

    def __init__(
        self,
        manifest: Manifest,
        host: Host,
        *,
        data_dir: Path,
        settings: Mapping[str, Any] | None = None,
        texts: Mapping[str, Mapping[str, str]] | None = None,
        profiles: Mapping[str, Profile] | None = None,
    ) -> None:
        super().__init__(manifest, host, data_dir=data_dir, settings=settings, texts=texts)
        self.profiles: Mapping[str, Profile] = profiles or {}
        self.status = Status()
        self.spool = Spool(data_dir / "spool.db", limit=int(self.settings.get("spool_limit", 1_000_000)))
        self._translator: Translator | None = None
        self._complaint = LogOnce(self.log, "writing to the city")
        self.on_start(self._open)
        self.on_stop(self._close)
        self.background(self._drain, name="drain")

    def translate(self, translator: Translator) -> Translator:
        """Register the pure function from a message to readings; it runs outside the event loop."""
        self._translator = translator
        return translator

    def try_samples(self) -> list[str]:
        """Translate the recorded payloads of all profiles; return a line for each that does not become what it says."""
        return [
            f"profile {profile.id}, sample {sample.source}: {wrong}"
            for profile in self.profiles.values()
            for sample in profile.samples
            if (wrong := self._tried(sample)) is not None
        ]

    def _tried(self, sample: Sample) -> str | None:
        message = Message(0, now(), sample.source, orjson.dumps(sample.payload))
        readings, rejects = self._understand([message])
        if sample.entity is None:
            return None if rejects and not readings else "it should be a misfit and is none"
        if rejects:
            return rejects[0].reason
        made = [_plain(reading.entity) for _, reading in readings]
        if any(all(one.get(key) == value for key, value in sample.entity.items()) for one in made):
            return None
        return f"it became {made}, not {dict(sample.entity)}"

    async def accept(self, source: str, payload: bytes) -> None:
        """Keep a message; returns when it is durable, so that its sender may be answered.

        Raises SpoolFull or StoreUnavailable when it was not kept.
        """
        try:
            await self.spool.append(source, payload)
        except CityError as error:
            self.status.trouble("spool", error.detail)
            raise
        self.status.last_message_at = now()
        self.status.fine("spool")

    def failed(self, name: str, error: Exception) -> None:
        """Show a task's failure in the status."""
        self.status.trouble(name, told(error))

    def report(self) -> dict[str, Any]:
        """Return the status as `GET /api/agents` shows it."""
        return {
            "id": self.id,
            "title": dict(self.title),
            "state": self.status.state,
            **self.spool.totals,
            "spooled": self.spool.waiting,
            "last_error": self.status.last_error,
            "last_error_at": self.status.last_error_at,
            "last_message_at": self.status.last_message_at,
            "troubles": dict(self.status.troubles),
            "profiles": [{"id": id, "title": dict(one.title)} for id, one in sorted(self.profiles.items())],
        }

    async def _open(self) -> None:
        await self.spool.open()
        self.status.running = True

    async def _close(self) -> None:
        self.status.running = False
        await self.spool.close()

    async def _drain(self) -> None:
        while True:
            await self.spool.arrival()
            batch = await self.spool.read(BATCH)
            if batch:
                await self._settle(batch)
                self.status.fine("drain")

    async def _settle(self, batch: list[Message]) -> None:
        readings, rejects = await asyncio.to_thread(self._understand, batch)
        by_tenant: dict[str, list[Sent]] = {}
        for message, reading in readings:
            by_tenant.setdefault(reading.tenant, []).append((message, reading.entity))
        written = 0
        for tenant, sent in by_tenant.items():
            refused = await self._write_until_done(tenant, sent)
            written += len(sent) - len(refused)
            rejects.extend(refused)
        await self.spool.settle(batch[-1].seq, written=written, rejects=rejects)

    def _understand(self, batch: Sequence[Message]) -> tuple[list[tuple[Message, Reading]], list[Reject]]:
        readings: list[tuple[Message, Reading]] = []
        rejects: list[Reject] = []
        for message in batch:
            try:
                for part in self._translated(message):
                    if isinstance(part, Misfit):
                        rejects.append(_reject(message, part))
                    else:
                        readings.append((message, part))
            except Misfit as misfit:
                rejects.append(_reject(message, misfit))
            except Exception as error:  # noqa: BLE001 - kept with its reason like a misfit
                rejects.append(_reject(message, Misfit(f"translating it failed: {error!r}")))
        return readings, rejects

    def _translated(self, message: Message) -> Iterable[Reading | Misfit]:
        if self._translator is None:
            raise Misfit("the agent registered no translator")
        return list(self._translator(message))

    async def _write_until_done(self, tenant: str, sent: list[Sent]) -> list[Reject]:
        """Write, trying again for as long as the city cannot be reached or cannot write; return what it
        refused."""
        pause = Backoff()
        while True:
            try:
                refused = await self._write(tenant, sent)
            except CityError as error:
                self.status.trouble("city", str(error))
                self._complaint.problem(error)
                await pause.wait()
                continue
            self.status.fine("city")
            self._complaint.fine()
            return refused

    async def _write(self, tenant: str, sent: list[Sent]) -> list[Reject]:
        """Write with one call; one by one when the call was refused as a whole or it is unclear what was
        refused."""
        try:
            written = await self.city(tenant).write([entity for _, entity in sent])
        except CityError as error:
            if error.status >= 500 or error.status in _NOT_THE_DATA:
                raise
            if len(sent) == 1:
                return [_reject(sent[0][0], Misfit(str(error)))]
            return await self._one_by_one(tenant, sent)
        suspects = [pair for pair in sent if pair[1].get("id") in written.refused]
        if len(suspects) > len(written.refused) and len(sent) > 1:
            return await self._one_by_one(tenant, suspects)
        return [_reject(message, Misfit(written.refused[entity["id"]])) for message, entity in suspects]

    async def _one_by_one(self, tenant: str, sent: list[Sent]) -> list[Reject]:
        rejects: list[Reject] = []
        for pair in sent:
            rejects.extend(await self._write(tenant, [pair]))
        return rejects


def _plain(entity: Entity) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    for name, instance in entity.items():
        if isinstance(instance, dict):
            plain[name] = next((instance[key] for key in ("value", "object", "json") if key in instance), None)
        else:
            plain[name] = instance
    return plain


def _reject(message: Message, misfit: Misfit) -> Reject:
    payload = message.payload if misfit.part is None else misfit.part
    return Reject(message.at, message.source, payload, misfit.reason)
