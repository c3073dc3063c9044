"""What survives: killed processes, full disks, files that can only be read, and files that are none of ours."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest
from contract_town import create, iri, make, patch, put

from hiroba.kernel.model.errors import BadRequestData, Conflict, StoreUnavailable
from hiroba.kernel.query.tree import TemporalQuery, TypeIs
from hiroba.kernel.store.port import EntityQuery
from hiroba.kernel.store.sqlite import SqliteStore, restore
from hiroba.kernel.store.sqlite.schema import MIGRATIONS

SENSOR = TypeIs(iri("Sensor"))
ALL_TIME = TemporalQuery(None, None, None, "modifiedAt")


@contextmanager
def small_disk(directory: Path, size: str) -> Iterator[Path]:
    """Mount a small file system; skips where that is not allowed."""
    directory.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(directory)], capture_output=True)
    if made.returncode:
        pytest.skip("a small disk cannot be mounted here (needs root)")
    try:
        yield directory
    finally:
        subprocess.run(["umount", "-l", str(directory)], check=True)


async def fill(store: SqliteStore) -> int:
    """Write until nothing can be written; return how many writes were answered."""
    tenant = await store.tenant("")
    written = 0
    while True:
        try:
            await tenant.mutate([create(make(written, text="文" * 10_000))])
        except StoreUnavailable as error:
            assert "full" in error.detail  # noqa: PT017  # the loop ends here
            return written
        written += 1
        assert written < 10_000


async def test_full_disk(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "4m") as disk:
        store = SqliteStore(disk / "store", cache_size=2)
        await store.open()
        tenant = await store.tenant("")
        ballast = disk / "ballast"
        ballast.write_bytes(b"\0" * 1_500_000)
        written = await fill(store)
        assert written > 3
        for _ in range(3):
            answers = await asyncio.gather(
                *(tenant.mutate([put(make(f"more{n}", text="文" * 50_000))]) for n in range(5)), return_exceptions=True
            )
            assert all(isinstance(answer, StoreUnavailable) for answer in answers)
        with pytest.raises(StoreUnavailable):
            await tenant.keep_record("kind", "id", {"text": "文" * 300_000})
        page = await tenant.find(EntityQuery(types=SENSOR, limit=1000, count=True))
        assert (len(page.rows), page.count) == (written, written)
        assert await tenant.get("urn:ngsi-ld:Sensor:more0") is None
        assert await tenant.get("urn:ngsi-ld:Sensor:0") is not None
        assert await tenant.last_seq() == written
        ballast.unlink()
        assert await tenant.mutate([create(make("after", text="a"))]) == ["created"]
        assert [change.seq for change in await tenant.changes(0, 1000)] == list(range(1, written + 2))
        await store.check()
        await store.close()
        again = SqliteStore(disk / "store")
        await again.open()
        assert await (await again.tenant("")).get("urn:ngsi-ld:Sensor:after") is not None
        await again.close()


@contextmanager
def as_nobody() -> Iterator[Path]:
    """Give a directory that belongs to a user who is not root, and act as that user."""
    if os.geteuid() != 0:
        with tempfile.TemporaryDirectory() as place:
            yield Path(place)
        return
    place = tempfile.mkdtemp()
    os.chown(place, 65534, 65534)
    os.seteuid(65534)
    try:
        yield Path(place)
    finally:
        os.seteuid(0)
        shutil.rmtree(place)


async def test_file_that_can_only_be_read() -> None:
    with as_nobody() as place:
        directory = place / "store"
        store = SqliteStore(directory)
        await store.open()
        await (await store.tenant("")).mutate([create(make(1, v=1))])
        await store.close()
        file = directory / "default.db"
        file.chmod(0o444)
        store = SqliteStore(directory)
        await store.open()
        tenant = await store.tenant("")
        with pytest.raises(StoreUnavailable, match="writable"):
            await tenant.mutate([patch("urn:ngsi-ld:Sensor:1", v=2)])
        with pytest.raises(StoreUnavailable, match="writable"):
            await store.check()
        stored = await tenant.get("urn:ngsi-ld:Sensor:1")
        assert stored is not None
        assert stored.entity["attrs"][iri("v")][0]["value"] == 1
        assert (await tenant.find(EntityQuery(types=SENSOR, count=True))).count == 1
        file.chmod(0o644)
        await tenant.mutate([patch("urn:ngsi-ld:Sensor:1", v=3)])
        stored = await tenant.get("urn:ngsi-ld:Sensor:1")
        assert stored is not None
        assert stored.entity["attrs"][iri("v")][0]["value"] == 3
        await store.close()


async def test_directory_that_cannot_be_written() -> None:
    with as_nobody() as place:
        place.chmod(0o555)
        with pytest.raises(StoreUnavailable, match=r"cannot be written .* choose another folder"):
            await SqliteStore(place).open()
        place.chmod(0o755)
        assert list(place.iterdir()) == []


async def test_second_server_is_kept_out(tmp_path: Path) -> None:
    first = SqliteStore(tmp_path)
    await first.open()
    with pytest.raises(StoreUnavailable, match="Another Hiroba"):
        await SqliteStore(tmp_path).open()
    await first.close()
    await SqliteStore(tmp_path).close()
    second = SqliteStore(tmp_path)
    await second.open()
    await second.close()


@pytest.mark.parametrize("broken", ["text", "foreign", "newer"])
async def test_files_that_cannot_be_served(tmp_path: Path, broken: str) -> None:
    store = SqliteStore(tmp_path)
    await store.open()
    await store.tenant("ward", create=True)
    await store.close()
    file = tmp_path / "tenant-ward.db"
    if broken == "newer":
        db = apsw.Connection(str(file))
        db.execute("UPDATE meta SET value = ? WHERE key = 'schema_version'", (len(MIGRATIONS) + 1,))
        db.close()
    else:
        file.unlink()
        if broken == "text":
            file.write_text("id,name\n1,Kasuga\n" * 100)
        else:
            db = apsw.Connection(str(file))
            db.execute("CREATE TABLE theirs(x)")
            db.close()
    before = file.read_bytes()
    with pytest.raises(StoreUnavailable, match=r"tenant-ward\.db"):
        await SqliteStore(tmp_path).open()
    assert file.read_bytes() == before
    file.unlink()
    await store.open()
    assert await store.tenants() == [""]
    await store.close()


async def test_tenants_with_any_name_come_back(tmp_path: Path) -> None:
    names = ["高松市", "a/b", "..", "A b", "x" * 300, "高" * 200, "é", "default", "%2F"]
    store = SqliteStore(tmp_path / "store")
    await store.open()
    for number, name in enumerate(names):
        await (await store.tenant(name, create=True)).mutate([create(make(number))])
    await store.close()
    assert [path.name for path in tmp_path.iterdir()] == ["store"]
    await store.open()
    assert await store.tenants() == sorted(["", *names])
    for number, name in enumerate(names):
        assert await (await store.tenant(name)).get(f"urn:ngsi-ld:Sensor:{number}") is not None
    await store.close()


async def test_cursors_and_seqs_go_on_after_a_restart(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    await store.open()
    tenant = await store.tenant("")
    await tenant.mutate([create(make(n)) for n in range(5)])
    await tenant.keep_cursor("reader", 3)
    await tenant.trim(None, 4_000_000_000_000_000)
    await tenant.keep_cursor("reader", 4)
    await store.close()
    await store.open()
    tenant = await store.tenant("")
    assert (await tenant.cursor("reader"), await tenant.first_seq(), await tenant.last_seq()) == (4, 4, 5)
    await tenant.mutate([create(make(9))])
    assert [change.seq for change in await tenant.changes(4, 10)] == [5, 6]
    await store.close()


async def lines_of(store: SqliteStore, target: Path) -> list[str]:
    return [line async for line in store.backup(target)]


async def test_backup_while_writing_and_restore(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store")
    await store.open()
    tenant = await store.tenant("")
    await (await store.tenant("高松市", create=True)).mutate([create(make("t"))])
    await tenant.mutate([create(make(n, v=n)) for n in range(2000)])
    target = tmp_path / "town.tar"
    written = 0
    saving = asyncio.create_task(lines_of(store, target))
    while not saving.done():
        await tenant.mutate([patch("urn:ngsi-ld:Sensor:1", v=written)])
        written += 1
    lines = await saving
    assert written > 0
    assert "2000 entities" in lines[0]
    await store.close()
    assert await restore(target, tmp_path / "new") == ["", "高松市"]
    with pytest.raises(Conflict, match="--force"):
        await restore(target, tmp_path / "new")
    again = SqliteStore(tmp_path / "new")
    await again.open()
    assert await again.tenants() == ["", "高松市"]
    copy = await again.tenant("")
    assert (await copy.find(EntityQuery(types=SENSOR, count=True))).count == 2000
    log = await copy.changes(0, 1_000_000)
    assert [change.seq for change in log] == list(range(1, await copy.last_seq() + 1))
    with pytest.raises(StoreUnavailable, match="Another Hiroba"):
        await restore(target, tmp_path / "new", force=True)
    await copy.mutate([create(make("only here"))])
    await again.tenant("extra", create=True)
    await again.close()
    await restore(target, tmp_path / "new", force=True)
    await again.open()
    assert await again.tenants() == ["", "高松市"]
    assert await (await again.tenant("")).get("urn:ngsi-ld:Sensor:only here") is None
    await again.close()


@pytest.mark.parametrize("harm", ["cut", "changed", "text", "escaping"])
async def test_damaged_backup_changes_nothing(tmp_path: Path, harm: str) -> None:
    store = SqliteStore(tmp_path / "store")
    await store.open()
    await (await store.tenant("")).mutate([create(make(n)) for n in range(50)])
    target = tmp_path / "town.tar"
    await lines_of(store, target)
    await store.close()
    body = bytearray(target.read_bytes())
    if harm == "cut":
        body = body[: len(body) // 2]
    elif harm == "changed":
        body[len(body) // 2] ^= 0xFF
    elif harm == "text":
        body = bytearray(b"not a tar file")
    target.write_bytes(body)
    if harm == "escaping":
        manifest = tmp_path / "manifest.json"
        part = {"tenant": "", "file": "../evil.db", "sha256": "", "bytes": 0}
        manifest.write_text(json.dumps({"format": "hiroba-backup", "version": 1, "schema": 1, "tenants": [part]}))
        with tarfile.open(target, "w") as archive:
            archive.add(manifest, "manifest.json")
    with pytest.raises(BadRequestData):
        await restore(target, tmp_path / "store", force=True)
    assert not (tmp_path / "store" / ".restore").exists()
    await store.open()
    assert (await (await store.tenant("")).find(EntityQuery(types=SENSOR, count=True))).count == 50
    await store.close()


async def test_interrupted_restore_is_finished_or_forgotten(tmp_path: Path) -> None:
    directory = tmp_path / "store"
    store = SqliteStore(directory)
    await store.open()
    await (await store.tenant("")).mutate([create(make(1))])
    await store.close()
    staged = directory / ".restore"
    staged.mkdir()
    (staged / "default.db").write_bytes(b"half of it")
    await store.open()
    assert not staged.exists()
    assert await (await store.tenant("")).get("urn:ngsi-ld:Sensor:1") is not None
    await store.close()
    other = SqliteStore(tmp_path / "other")
    await other.open()
    await (await other.tenant("")).mutate([create(make(2))])
    await other.close()
    staged.mkdir()
    shutil.copy(tmp_path / "other" / "default.db", staged / "default.db")
    (staged / "ready").touch()
    await store.open()
    tenant = await store.tenant("")
    assert await tenant.get("urn:ngsi-ld:Sensor:1") is None
    assert await tenant.get("urn:ngsi-ld:Sensor:2") is not None
    await store.close()
