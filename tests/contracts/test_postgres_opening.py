"""Opening a store in PostgreSQL: what is made, what is refused and how it is to be mended, and every step forward."""

from __future__ import annotations

import asyncio
import itertools

import asyncpg
import pytest
from contract_town import create, make

from hiroba.kernel.model.errors import StoreUnavailable
from hiroba.kernel.store.postgres import PostgresStore, preparing
from hiroba.kernel.store.postgres.preparing import prepare, version_of
from hiroba.kernel.store.postgres.schema import MIGRATIONS, Step
from postgres_cluster import Cluster
from real_server import free_port

NUMBERS = itertools.count()
HARMLESS = Step(("ALTER TABLE hiroba.entity ADD COLUMN note text",))
APART = Step(
    (
        "DROP INDEX CONCURRENTLY IF EXISTS hiroba.entity_note",
        "CREATE INDEX CONCURRENTLY entity_note ON hiroba.entity(tenant, note)",
    ),
    together=False,
)


@pytest.fixture
def name(postgres: Cluster) -> str:
    """Return the name of a fresh database."""
    made = f"opening{next(NUMBERS)}"
    postgres.make(made)
    return made


async def refused(address: str) -> str:
    """Return why a store does not open; a store that is refused leaves no connection behind."""
    store = PostgresStore(address)
    with pytest.raises(StoreUnavailable) as told:
        await store.open()
    assert "\n" not in told.value.detail
    return told.value.detail


async def test_a_wrong_password_is_named_and_never_shown(postgres: Cluster) -> None:
    told = await refused(postgres.address("postgres", user="secret", password="wrong"))
    assert "refuses the password" in told
    assert "wrong" not in told.replace("wrong way", "")


async def test_a_database_that_is_not_there(postgres: Cluster) -> None:
    told = await refused(postgres.address("nowhere"))
    assert "createdb" in told
    assert "nowhere" in told


async def test_a_user_that_is_not_there(postgres: Cluster, name: str) -> None:
    assert "does not let this user in" in await refused(postgres.address(name, user="nobody_here"))


async def test_a_server_that_is_not_there() -> None:
    told = await refused(f"postgresql://town@127.0.0.1:{free_port()}/town")
    assert "cannot be reached" in told


async def test_an_address_that_is_none() -> None:
    assert "no address" in await refused("postgresql://town@127.0.0.1:port/town")


async def test_an_old_server(postgres: Cluster, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparing, "LEAST_VERSION", 990000)
    assert "version 99 or newer" in await refused(postgres.address(name))


async def test_without_postgis(postgres: Cluster) -> None:
    postgres.sql("postgres", "CREATE DATABASE bare OWNER town TEMPLATE template0")
    assert "CREATE EXTENSION postgis" in await refused(postgres.address("bare"))
    assert postgres.sql("bare", "SELECT to_regclass('hiroba.entity') IS NULL").strip() == "t"
    # a superuser's first start adds it
    store = PostgresStore(postgres.address("bare", user="postgres"))
    await store.open()
    await store.close()


async def test_another_encoding(postgres: Cluster) -> None:
    postgres.sql(
        "postgres", "CREATE DATABASE narrow OWNER town TEMPLATE template0 ENCODING LATIN1 LC_COLLATE 'C' LC_CTYPE 'C'"
    )
    assert "UTF8" in await refused(postgres.address("narrow"))


async def test_a_newer_schema_is_left_alone(postgres: Cluster, name: str) -> None:
    address = postgres.address(name)
    await prepare(address)
    postgres.sql(name, "UPDATE hiroba.meta SET value = value + 1 WHERE key = 'schema_version'")
    assert "newer Hiroba" in await refused(address)


async def test_a_role_without_rights_is_told_what_it_lacks(postgres: Cluster, name: str) -> None:
    await prepare(postgres.address(name))
    postgres.sql("postgres", f"CREATE ROLE guest_{name} LOGIN")
    told = await refused(postgres.address(name, user=f"guest_{name}"))
    assert f"GRANT hiroba_app TO guest_{name}" in told
    postgres.sql("postgres", f"GRANT hiroba_app TO guest_{name}")
    store = PostgresStore(postgres.address(name, user=f"guest_{name}"))
    await store.open()
    assert await (await store.tenant("")).mutate([create(make(1))]) == ["created"]
    await store.close()


async def test_processes_that_start_at_once_make_the_tables_once(postgres: Cluster, name: str) -> None:
    stores = [PostgresStore(postgres.address(name)) for _ in range(5)]
    await asyncio.gather(*(store.open() for store in stores))
    assert postgres.sql(name, "SELECT count(*) FROM hiroba.tenant").strip() == "1"
    await asyncio.gather(*(store.close() for store in stores))


@pytest.mark.parametrize("oldest", range(len(MIGRATIONS) + 1))
async def test_every_step_leads_from_the_oldest_schema(postgres: Cluster, name: str, oldest: int) -> None:
    address = postgres.address(name)
    await prepare(address, steps=MIGRATIONS[:oldest] or MIGRATIONS[:1])
    store = PostgresStore(address)
    await store.open()
    tenant = await store.tenant("")
    assert await tenant.mutate([create(make(1, v=1))]) == ["created"]
    await store.close()
    assert postgres.sql(name, "SELECT value FROM hiroba.meta WHERE key = 'schema_version'").strip() == str(
        len(MIGRATIONS)
    )


async def test_steps_run_while_an_older_version_serves(postgres: Cluster, name: str) -> None:
    address = postgres.address(name)
    store = PostgresStore(address)
    await store.open()
    tenant = await store.tenant("")
    await tenant.mutate([create(make(n, v=n)) for n in range(50)])
    stepping = asyncio.create_task(prepare(address, steps=(*MIGRATIONS, HARMLESS, APART)))
    written = 50
    while not stepping.done():
        await tenant.mutate([create(make(written, v=written))])
        written += 1
    await stepping
    await tenant.mutate([create(make(written, v=written))])
    assert await tenant.last_seq() == written + 1
    await store.close()
    assert (
        postgres.sql(name, "SELECT indisvalid FROM pg_index WHERE indexrelid = 'hiroba.entity_note'::regclass") == "t\n"
    )
    assert "newer Hiroba" in await refused(address)


async def test_a_step_that_fails_leaves_nothing_and_can_be_taken_again(postgres: Cluster, name: str) -> None:
    address = postgres.address(name)
    broken = Step(("CREATE TABLE hiroba.later(id int)", "SELECT 1 / 0"))
    await prepare(address)
    with pytest.raises(asyncpg.DivisionByZeroError):
        await prepare(address, steps=(*MIGRATIONS, broken))
    assert postgres.sql(name, "SELECT to_regclass('hiroba.later') IS NULL").strip() == "t"
    db = await asyncpg.connect(address)
    try:
        assert await version_of(db) == len(MIGRATIONS)
    finally:
        await db.close()
    await prepare(address, steps=(*MIGRATIONS, HARMLESS))


async def test_a_step_does_not_wait_for_ever_for_a_table(
    postgres: Cluster, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever waits for a table makes all wait who come after."""
    monkeypatch.setattr(preparing, "LOCK_SECONDS", 1)
    address = postgres.address(name)
    await prepare(address)
    holding = await asyncpg.connect(address)
    try:
        async with holding.transaction():
            await holding.execute("LOCK TABLE hiroba.entity IN ROW EXCLUSIVE MODE")
            with pytest.raises(StoreUnavailable, match="Another process"):
                await prepare(address, steps=(*MIGRATIONS, HARMLESS))
    finally:
        await holding.close()
    await prepare(address, steps=(*MIGRATIONS, HARMLESS))
