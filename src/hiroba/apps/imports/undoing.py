"""Take an import back, or retire what a newer edition no longer has; later corrections by hand are left alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from hiroba.apps.imports.compare import attributes, edited
from hiroba.apps.imports.journal import Entry, Journal
from hiroba.apps.imports.running import BATCH, read_many
from hiroba.sdk import City

Entity = dict[str, Any]


@dataclass(slots=True)
class Undone:
    """What was taken back, and which ids were left because somebody has worked on them since."""

    restored: int = 0
    left: list[str] = field(default_factory=list)


async def undo(city: City, journal: Journal) -> Undone:
    """Bring everything in the journal back to what it was before, newest change first."""
    result = Undone()
    for batch in _batches(journal.entries()):
        present = await read_many(city, [entry["id"] for entry in batch])
        op = batch[0]["op"]
        if op == "created":
            await _take_away(city, batch, present, result)
        elif op == "deleted":
            await _bring_back(city, batch, present, result)
        else:
            await _put_back(city, batch, present, result)
    return result


async def retire(city: City, ids: Sequence[str], *, journal: Journal) -> int:
    """Delete entities that are gone from the newest edition, and return how many there were; it can be undone."""
    count = 0
    rest = iter(ids)
    while batch := list(islice(rest, BATCH)):
        present = await read_many(city, batch)
        journal.append([{"op": "deleted", "id": id, "before": entity} for id, entity in present.items()])
        if present:
            await city.delete(list(present))
        count += len(present)
    return count


def _batches(entries: Iterator[Entry]) -> Iterator[list[Entry]]:
    """Yield the entries in order, in runs of one kind, none longer than a batch or with an id twice."""
    batch: list[Entry] = []
    seen: set[str] = set()
    for entry in entries:
        if batch and (entry["op"] != batch[0]["op"] or entry["id"] in seen or len(batch) >= BATCH):
            yield batch
            batch, seen = [], set()
        batch.append(entry)
        seen.add(entry["id"])
    if batch:
        yield batch


async def _take_away(city: City, batch: list[Entry], present: dict[str, Entity], result: Undone) -> None:
    doomed = []
    for entry in batch:
        entity = present.get(entry["id"])
        if entity is None:
            continue
        now = attributes(entity)
        if set(now) - set(entry["attrs"]) or any(edited(instance) for instance in now.values()):
            result.left.append(entry["id"])
        else:
            doomed.append(entry["id"])
    if doomed:
        await city.delete(doomed)
        result.restored += len(doomed)


async def _bring_back(city: City, batch: list[Entry], present: dict[str, Entity], result: Undone) -> None:
    missing = [entry["before"] for entry in batch if entry["id"] not in present]
    result.left.extend(entry["id"] for entry in batch if entry["id"] in present)
    if missing:
        written = await city.write(missing, mode="create")
        result.restored += len(written.created)
        result.left.extend(written.refused)


async def _put_back(city: City, batch: list[Entry], present: dict[str, Entity], result: Undone) -> None:
    changed: list[Entity] = []
    for entry in batch:
        entity = present.get(entry["id"])
        if entity is None:
            result.left.append(entry["id"])
            continue
        restored: Entity = {}
        for name, before in entry["before"].items():
            now = entity.get(name)
            if now == before:
                continue
            if edited(now):
                result.left.append(entry["id"])
            elif before is None:
                await city.delete_attribute(entry["id"], name)
            else:
                restored[name] = before
        if restored:
            changed.append({"id": entry["id"], "type": entry["type"], **restored})
        result.restored += 1
    if changed:
        written = await city.write(changed, mode="upsert")
        result.left.extend(written.refused)
