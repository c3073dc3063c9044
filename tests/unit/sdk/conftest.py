"""A host that records what is written and can fail on demand, as the real thing seldom does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from hiroba.sdk import Changed, City, Written, errors


class RecordingCity:
    def __init__(self, tenant: str) -> None:
        self.tenant = tenant
        self.calls: list[list[dict[str, Any]]] = []
        self.deleted: list[str] = []
        self.failures: list[errors.CityError] = []
        self.refuse: dict[str, str] = {}
        self.log: list[Changed] = []
        self.news = asyncio.Event()

    @property
    def written(self) -> list[dict[str, Any]]:
        return [entity for call in self.calls for entity in call]

    async def write(self, entities: Sequence[dict[str, Any]], *, mode: str = "upsert", context: Any = None) -> Written:
        if self.failures:
            raise self.failures.pop(0)
        good = [entity for entity in entities if entity.get("id") not in self.refuse]
        self.calls.append(good)
        return Written(
            updated=[entity["id"] for entity in good],
            refused={e["id"]: self.refuse[e["id"]] for e in entities if e["id"] in self.refuse},
        )

    async def delete(self, ids: Sequence[str]) -> Written:
        self.deleted.extend(ids)
        return Written()

    async def entity(self, id: str, **_options: Any) -> dict[str, Any] | None:
        return next((entity for entity in reversed(self.written) if entity["id"] == id), None)

    async def last_seq(self) -> int:
        return len(self.log)

    def happen(self, id: str, kind: str = "T") -> None:
        self.log.append(Changed(len(self.log) + 1, "2026-04-01T00:00:00.000Z", "updated", id, (kind,), {}))
        self.news.set()

    async def changes(
        self, *, after: int | None = None, types: Sequence[str] | None = None, passed: bool = False
    ) -> AsyncIterator[Changed]:
        at = len(self.log) if after is None else after
        while True:
            while at < len(self.log):
                at += 1
                if types is None or set(types) & set(self.log[at - 1].types):
                    yield self.log[at - 1]
                elif passed:
                    yield Changed(at, "", "passed", "", (), {})
            self.news.clear()
            await self.news.wait()


class RecordingHost:
    def __init__(self) -> None:
        self.cities: dict[str, RecordingCity] = {"": RecordingCity("")}
        self.cursors: dict[tuple[str, str], int] = {}

    def of(self, tenant: str) -> RecordingCity:
        return self.cities.setdefault(tenant, RecordingCity(tenant))

    def city(self, tenant: str = "") -> City:
        return self.of(tenant)  # type: ignore[return-value]

    async def tenants(self) -> list[str]:
        return list(self.cities)

    async def cursor(self, tenant: str, name: str) -> int | None:
        return self.cursors.get((tenant, name))

    async def keep_cursor(self, tenant: str, name: str, seq: int) -> None:
        self.cursors[tenant, name] = seq


@pytest.fixture
def host() -> RecordingHost:
    return RecordingHost()
