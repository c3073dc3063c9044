"""Writes as fast as it can and says what was acknowledged, until it is killed."""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))

from contract_town import create, drop, iri, make, patch, prop

from hiroba.kernel.model.errors import StoreUnavailable
from hiroba.kernel.store.port import HistoryAdd, Store
from hiroba.kernel.store.postgres import PostgresStore
from hiroba.kernel.store.sqlite import SqliteStore


async def main(place: str) -> None:
    """Run eight writers, each creating entities, changing them, and deleting every fifth."""
    store: Store = PostgresStore(place) if "://" in place else SqliteStore(place)
    await store.open()
    tenant = await store.tenant("")

    async def write(writer: int) -> None:
        for n in itertools.count():
            number = f"{writer}-{n}"
            id = f"urn:ngsi-ld:Sensor:{number}"
            await tenant.mutate([create(make(number, v=0))])
            await tenant.mutate([patch(id, v=1), patch(id, v=2)])
            state = "2"
            await tenant.amend([HistoryAdd(id, {iri("past"): [prop(n)]})])
            if n % 5 == 0:
                await tenant.mutate([drop(id)])
                state = "gone"
            sys.stdout.write(f"{number} {state}\n")
            sys.stdout.flush()

    await asyncio.gather(*(write(writer) for writer in range(8)))


try:
    asyncio.run(main(sys.argv[1]))
except* StoreUnavailable:
    os._exit(3)
