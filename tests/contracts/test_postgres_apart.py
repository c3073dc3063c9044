"""Row-level security: a statement sees the rows of the tenant that its session is set to, whatever its WHERE says."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest
from contract_town import create, drop, make, point

from hiroba.kernel.query.tree import TypeIs
from hiroba.kernel.store.port import EntityQuery
from hiroba.kernel.store.postgres import PostgresStore
from hiroba.kernel.store.postgres.preparing import ROLE
from hiroba.kernel.store.postgres.schema import TABLES
from postgres_cluster import Cluster

NUMBERS = itertools.count()
BOXES = "SELECT id FROM hiroba.boxes(-180, -90, 180, 90)"


def made(postgres: Cluster) -> str:
    """Return the name of a fresh database."""
    name = f"apart{next(NUMBERS)}"
    postgres.make(name)
    return name


@asynccontextmanager
async def opened(address: str) -> AsyncIterator[PostgresStore]:
    store = PostgresStore(address)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


async def two_wards(address: str) -> list[int]:
    """Fill two tenants, so that every table has rows of each; return their numbers."""
    numbers = []
    async with opened(address) as store:
        for name in ("東", "西"):
            tenant = await store.tenant(name, create=True)
            numbers.append(tenant.id)
            place = {"location": point(134, 34), "scope": ["/ward"]}
            await tenant.mutate([create(make(1, v=1, **place)), create(make(2, v=2, **place))])
            await tenant.mutate([drop("urn:ngsi-ld:Sensor:2")])
            await tenant.keep_record("subscription", "a", {"n": name})
            await tenant.keep_cursor("reader", 1)
    return numbers


async def as_the_store(address: str, role: str = ROLE) -> Any:
    return await asyncpg.connect(address, server_settings={"role": role} if role else {})


@pytest.mark.parametrize("login", ["town", "postgres"])
async def test_a_forgotten_where_shows_no_row_of_another_tenant(postgres: Cluster, login: str) -> None:
    """Also for a superuser's login, which leaves its rights behind."""
    address = postgres.address(made(postgres), user=login)
    east, west = await two_wards(address)
    db = await as_the_store(address)
    try:
        for table in TABLES:
            assert await db.fetch(f"SELECT * FROM hiroba.{table}") == [], f"{table} without a tenant"
        assert await db.fetch(BOXES) == []
        for tenant in (east, west):
            await db.execute("SELECT set_config('hiroba.tenant', $1, false)", str(tenant))
            for table in TABLES:
                seen = {row[0] for row in await db.fetch(f"SELECT tenant FROM hiroba.{table}")}
                assert seen == {tenant}, table
            assert len(await db.fetch(BOXES)) == 1
        await db.execute("SELECT set_config('hiroba.tenant', '', false)")
        assert await db.fetch("SELECT * FROM hiroba.entity") == []
    finally:
        await db.close()


async def test_a_forgotten_where_changes_no_row_of_another_tenant(postgres: Cluster) -> None:
    name = made(postgres)
    address = postgres.address(name)
    east, west = await two_wards(address)
    db = await as_the_store(address)
    try:
        await db.execute("SELECT set_config('hiroba.tenant', $1, false)", str(east))
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await db.execute("INSERT INTO hiroba.name(tenant, id, iri) VALUES($1, 99, 'urn:x')", west)
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await db.execute("UPDATE hiroba.cursor SET tenant = $1", west)
        await db.execute("DELETE FROM hiroba.entity")
        for statement in ("ALTER TABLE hiroba.entity DISABLE ROW LEVEL SECURITY", "TRUNCATE hiroba.entity"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await db.execute(statement)
    finally:
        await db.close()
    kept = postgres.sql(name, "SELECT tenant, count(*) FROM hiroba.entity GROUP BY tenant")
    assert kept.split() == [f"{west}|2"]


async def test_every_table_with_a_tenant_has_its_policy_and_the_store_owns_none(postgres: Cluster) -> None:
    name = made(postgres)
    async with opened(postgres.address(name)):
        pass
    sql = (
        "SELECT c.relname, c.relrowsecurity, c.relowner = to_regrole('hiroba_app') FROM pg_class c "
        "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant' "
        "WHERE c.relnamespace = 'hiroba'::regnamespace AND c.relkind = 'r' ORDER BY 1"
    )
    assert postgres.sql(name, sql).split() == [f"{table}|t|f" for table in sorted(TABLES)]
    rights = postgres.sql(name, f"SELECT rolsuper, rolbypassrls, rolcanlogin FROM pg_roles WHERE rolname = '{ROLE}'")
    assert rights.split() == ["f|f|f"]


async def test_an_owner_that_cannot_become_another_role_is_bound_itself(postgres: Cluster) -> None:
    name = made(postgres)
    postgres.sql("postgres", f"CREATE ROLE {name} LOGIN; ALTER DATABASE {name} OWNER TO {name}")
    address = postgres.address(name, user=name)
    east, _ = await two_wards(address)
    db = await as_the_store(address, "")
    try:
        for table in TABLES:
            assert await db.fetch(f"SELECT * FROM hiroba.{table}") == [], table
        assert await db.fetch(BOXES) == []
        await db.execute("SELECT set_config('hiroba.tenant', $1, false)", str(east))
        assert {row[0] for row in await db.fetch("SELECT tenant FROM hiroba.attr_value")} == {east}
        assert len(await db.fetch(BOXES)) == 1
    finally:
        await db.close()


async def test_two_tenants_hammered_at_once_see_nothing_of_each_other(postgres: Cluster) -> None:
    async with opened(postgres.address(made(postgres))) as store:
        names = ["", "東", "西"]

        async def hammer(name: str) -> None:
            tenant = await store.tenant(name, create=True)
            for n in range(40):
                await tenant.mutate([create(make(f"{name}-{n}", v=name, location=point(134, 34)))])
                page, uses = await asyncio.gather(
                    tenant.find(EntityQuery(types=TypeIs(make(1)["type"][0]), limit=1000, count=True)),
                    tenant.type_uses(),
                )
                assert page.count == n + 1
                assert {one.entity["id"].split(":")[-1].split("-")[0] for one in page.rows} == {name}
                assert [use.count for use in uses] == [n + 1]
                assert {one.id.split(":")[-1].split("-")[0] for one in await tenant.changes(0, 1000)} == {name}
                assert await tenant.get(f"urn:ngsi-ld:Sensor:{names[names.index(name) - 1]}-0") is None

        await asyncio.gather(*(hammer(name) for name in names))
