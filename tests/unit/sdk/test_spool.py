"""The spool: durable before it answers, bounded, counted; and what breaks is said."""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from hiroba.sdk import Reject, Spool, SpoolFull, errors


async def opened(path: Path, **bounds: int) -> Spool:
    spool = Spool(path / "spool.db", **bounds)
    await spool.open()
    return spool


async def test_a_message_is_on_disk_when_append_returns(tmp_path: Path) -> None:
    spool = await opened(tmp_path)
    await spool.append("a/b", b"\x00\xff")
    other = sqlite3.connect(tmp_path / "spool.db")
    assert other.execute("SELECT source, payload FROM message").fetchall() == [("a/b", b"\x00\xff")]
    other.close()
    await spool.close()


async def test_messages_survive_and_come_in_order_until_settled(tmp_path: Path) -> None:
    spool = await opened(tmp_path)
    await asyncio.gather(*(spool.append("t", str(n).encode()) for n in range(700)))
    batch = await spool.read(500)
    assert [int(message.payload) for message in batch] == list(range(500))
    await spool.settle(batch[-1].seq, written=499, rejects=[Reject("at", "t", b"7", "odd")])
    await spool.close()

    again = await opened(tmp_path)
    assert again.waiting == 200
    assert again.totals == {"received": 700, "written": 499, "rejected": 1}
    assert [int(message.payload) for message in await again.read(2)] == [500, 501]
    assert await again.rejects() == [Reject("at", "t", b"7", "odd")]
    await asyncio.wait_for(again.arrival(), 5)
    await again.close()


async def test_seq_is_never_used_twice(tmp_path: Path) -> None:
    spool = await opened(tmp_path)
    await spool.append("t", b"1")
    (first,) = await spool.read()
    await spool.settle(first.seq, written=1)
    await spool.append("t", b"2")
    (second,) = await spool.read()
    assert second.seq > first.seq
    await spool.close()


async def test_it_is_bounded_by_messages_and_bytes(tmp_path: Path) -> None:
    spool = await opened(tmp_path, limit=2, limit_bytes=10)
    with pytest.raises(SpoolFull) as full:
        await spool.append("t", b"x" * 11)
    assert full.value.headers == {"Retry-After": "5"}
    await spool.append("t", b"1")
    await spool.append("t", b"2")
    with pytest.raises(SpoolFull, match="2 messages"):
        await spool.append("t", b"3")
    assert [message.payload for message in await spool.read()] == [b"1", b"2"]
    await spool.settle((await spool.read())[-1].seq, written=2)
    await spool.append("t", b"4")
    assert (spool.waiting, spool.waiting_bytes) == (1, 1)
    await spool.close()


async def test_only_the_newest_rejects_are_kept_but_all_are_counted(tmp_path: Path) -> None:
    spool = await opened(tmp_path, keep_rejects=3)
    for n in range(5):
        await spool.append("t", b"x")
        (message,) = await spool.read()
        await spool.settle(message.seq, written=0, rejects=[Reject("at", "t", b"x", str(n))])
    assert [reject.reason for reject in await spool.rejects()] == ["4", "3", "2"]
    assert [reject.reason for reject in await spool.rejects(1)] == ["4"]
    assert spool.totals["rejected"] == 5
    await spool.close()


async def test_a_file_that_cannot_be_written_is_an_error_and_nothing_is_kept(tmp_path: Path) -> None:
    (tmp_path / "spool.db").write_bytes(b"this is no database, it only has its name" * 100)
    with pytest.raises(errors.StoreUnavailable, match=r"spool\.db cannot be used"):
        await opened(tmp_path)


async def test_a_failed_commit_reaches_the_sender_and_later_ones_succeed(tmp_path: Path) -> None:
    spool = await opened(tmp_path)
    blocker = sqlite3.connect(tmp_path / "spool.db", isolation_level=None)
    assert spool._db is not None
    spool._db.execute("PRAGMA busy_timeout=1")
    blocker.execute("BEGIN IMMEDIATE")
    with pytest.raises(errors.StoreUnavailable, match="locked"):
        await spool.append("t", b"lost?")
    blocker.execute("ROLLBACK")
    blocker.close()
    await spool.append("t", b"kept")
    assert [message.payload for message in await spool.read()] == [b"kept"]
    assert spool.waiting == 1
    await spool.close()


async def test_a_message_that_cannot_be_written_holds_up_none_after_it(tmp_path: Path) -> None:
    spool = await opened(tmp_path)
    with pytest.raises(errors.StoreUnavailable, match="cannot be kept"):
        await spool.append("a/\ud800", b"1")
    async with asyncio.timeout(5):
        await spool.append("a/b", b"2")
    assert [message.payload for message in await spool.read()] == [b"2"]
    await spool.close()
