"""Carry out an import: read all of the file first, then write what differs from what the city has, batch by batch."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from hiroba.apps.imports.compare import attributes, difference
from hiroba.apps.imports.entities import Made
from hiroba.apps.imports.journal import Entry, Journal
from hiroba.apps.imports.reasons import Reason, Reject, Unreadable
from hiroba.apps.imports.source import Dataset
from hiroba.sdk import City, Written

BATCH = 500
MOST_SHOWN = 200
MOST_GONE = 10_000
_PAGE = 1000

Entity = dict[str, Any]
OnReject = Callable[[Reject], None]
OnStep = Callable[["Progress"], None]


@dataclass(slots=True)
class Survey:
    """What one reading of the whole file found: rows, entities per type, their sources, rejects."""

    rows: int = 0
    made: int = 0
    types: Counter[str] = field(default_factory=Counter)
    sources: set[str] = field(default_factory=set)
    first: list[Entity] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    rejected: int = 0


@dataclass(slots=True)
class Progress:
    """How far an import has come; `rejects` are the first of them, `gone` what a newer edition no longer has."""

    total: int = 0
    read: int = 0
    written: int = 0
    unchanged: int = 0
    rejected: int = 0
    kept: int = 0
    rejects: list[Reject] = field(default_factory=list)
    gone: list[dict[str, str]] = field(default_factory=list)
    types: dict[str, int] = field(default_factory=dict)


async def survey(dataset: Dataset, *, most_rejects: int = MOST_SHOWN, most_entities: int = 20) -> Survey:
    """Read the whole file without writing; raises Unreadable when it cannot be read to its end."""
    found = Survey()
    items = dataset.entities()
    while batch := await asyncio.to_thread(_take, items, BATCH * 4):
        for item in batch:
            if isinstance(item, Reject):
                found.rejected += item.row
                found.rows += item.row
                if len(found.rejects) < most_rejects:
                    found.rejects.append(item)
                continue
            found.rows += 1
            found.made += 1
            kind = item.entity["type"]
            found.types.update([kind] if isinstance(kind, str) else kind)
            source = item.entity.get("source")
            if isinstance(source, dict) and dataset.file and _ours(dataset):
                found.sources.add(str(source.get("value")))
            if len(found.first) < most_entities:
                found.first.append(item.entity)
    if not found.made and not found.rejected:
        raise Unreadable("no_entities")
    return found


async def run_import(
    city: City,
    dataset: Dataset,
    *,
    journal: Journal | None = None,
    on_reject: OnReject | None = None,
    on_step: OnStep | None = None,
    progress: Progress | None = None,
    known: Survey | None = None,
) -> Progress:
    """Write what the file says and the city does not have yet; nothing is written of a file that is unreadable.

    `known` spares the first reading when it was done before. Each entity stands or falls alone; the journal
    has what was before. Raises Unreadable, or the city's error
    when it cannot be written: what was written before that stays, and can be undone.
    """
    so_far = progress if progress is not None else Progress()
    known = known or await survey(dataset, most_rejects=0, most_entities=0)
    so_far.total, so_far.types = known.rows, dict(known.types)
    writer = _Writer(city, dataset, so_far, journal, on_reject)
    async for batch in _ahead(dataset.entities()):
        for item in batch:
            if isinstance(item, Reject):
                writer.reject(item)
        await writer.write([item for item in batch if isinstance(item, Made)])
        so_far.read += sum(1 for item in batch if isinstance(item, Made) or item.row)
        if on_step:
            on_step(so_far)
    if known.sources:
        so_far.gone = await _gone(city, known, writer.ids, standing=writer.standing)
    return so_far


async def _ahead(items: Iterator[Made | Reject]) -> AsyncIterator[list[Made | Reject]]:
    """Yield batches, the next one being read while the last one is written."""
    reading = asyncio.create_task(asyncio.to_thread(_take, items, BATCH))
    try:
        while batch := await reading:
            reading = asyncio.create_task(asyncio.to_thread(_take, items, BATCH))
            yield batch
    finally:
        reading.cancel()


@dataclass(slots=True)
class _Writer:
    city: City
    dataset: Dataset
    progress: Progress
    journal: Journal | None
    on_reject: OnReject | None
    ids: set[str] = field(default_factory=set)
    standing: int = 0

    def reject(self, reject: Reject) -> None:
        self.progress.rejected += reject.row
        if len(self.progress.rejects) < MOST_SHOWN:
            self.progress.rejects.append(reject)
        if self.on_reject:
            self.on_reject(reject)

    async def write(self, batch: Sequence[Made]) -> None:
        if not batch:
            return
        lines = {item.entity["id"]: item.line for item in batch}
        self.ids.update(lines)
        present = await read_many(self.city, list(lines))
        self.standing += len(present)
        news: list[Entity] = []
        entries: list[Entry] = []
        gone: list[tuple[str, str]] = []
        for item in batch:
            before = present.get(item.entity["id"])
            self._sort(item.entity, before, news, entries, gone)
        if self.journal:
            await asyncio.to_thread(self.journal.append, entries)
        if news:
            written = await self.city.write(news, mode="upsert")
            self._count(written, lines, gone)
        for id, attribute in gone:
            await self.city.delete_attribute(id, attribute)

    def _sort(
        self,
        made: Entity,
        before: Entity | None,
        news: list[Entity],
        entries: list[Entry],
        gone: list[tuple[str, str]],
    ) -> None:
        """Add an entity to what is to be written and journalled, or count it as unchanged."""
        id = made["id"]
        if before is None:
            news.append(made)
            entries.append({"op": "created", "id": id, "attrs": list(attributes(made))})
            return
        found = difference(made, before, speaks_for=self.dataset.attributes())
        self.progress.kept += len(found.kept)
        if not found:
            self.progress.unchanged += 1
            return
        touched = [*found.changed, *found.gone]
        old = {name: before.get(name) for name in touched}
        entries.append({"op": "changed", "id": id, "type": before["type"], "before": old})
        gone.extend((id, name) for name in found.gone)
        if found.changed:
            news.append({"id": id, "type": made["type"], **found.changed})
        else:
            self.progress.written += 1

    def _count(self, written: Written, lines: dict[str, int], gone: list[tuple[str, str]]) -> None:
        self.progress.written += len(written.created) + len(written.updated)
        self.standing += len(written.created)
        for id, problem in written.refused.items():
            self.reject(Reject(lines.get(id, 0), Reason("refused", {"error": problem}), value=id))
        gone[:] = [(id, name) for id, name in gone if id not in written.refused]


async def read_many(city: City, ids: Sequence[str]) -> dict[str, Entity]:
    """Return the entities of these ids that the city has."""
    answer = await city.entities(ids=ids, limit=len(ids))
    return {entity["id"]: entity for entity in answer.entities}


async def _gone(city: City, known: Survey, ids: set[str], *, standing: int) -> list[dict[str, str]]:
    """Return what the same data set brought earlier and this edition does not have.

    `standing` is how many entities of the file the city has; when it has no others of the types, none are gone.
    """
    present = await city.types()
    if sum(present.get(type, 0) for type in known.types) <= standing:
        return []
    types = ",".join(sorted(known.types))
    found: list[dict[str, str]] = []
    offset = 0
    while True:
        # chosen here and not by `q`, which would look at every entity again for every page
        answer = await city.entities(
            types=types, pick=["id", "name", "source"], limit=_PAGE, offset=offset, simplified=True
        )
        for entity in answer.entities:
            if entity.get("source") in known.sources and entity["id"] not in ids and len(found) < MOST_GONE:
                found.append({"id": entity["id"], "name": str(entity.get("name", ""))})
        offset += _PAGE
        if len(answer.entities) < _PAGE:
            return found


def _ours(dataset: Dataset) -> bool:
    """Tell whether `source` is what this app wrote, not what a file of entities says of itself."""
    return dataset.sniffed.format != "ngsi"


def _take(items: Iterator[Made | Reject], count: int) -> list[Made | Reject]:
    return list(islice(items, count))
