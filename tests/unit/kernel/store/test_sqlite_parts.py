"""The small parts of the SQLite adapter: cache, names, file names."""

from __future__ import annotations

import apsw
import pytest

from hiroba.kernel.model.errors import StoreUnavailable
from hiroba.kernel.store.cache import Cache
from hiroba.kernel.store.port import Stored
from hiroba.kernel.store.sqlite.files import DEFAULT_FILE, file_name, unavailable
from hiroba.kernel.store.sqlite.names import Names
from hiroba.kernel.store.sqlite.schema import MIGRATIONS, prepare, tenant_of, version_of


def stored(ref: int, version: int = 1) -> Stored:
    return Stored(ref, version, {"id": f"urn:x:{ref}", "type": ["urn:t"], "attrs": {}})


def test_cache_keeps_what_is_used_and_is_bounded() -> None:
    cache = Cache(10)
    for ref in range(100):
        cache.put(stored(ref))
        assert cache.get("urn:x:0") is not None
    held = [ref for ref in range(100) if cache.peek(ref) is not None]
    assert 0 in held
    assert 99 in held
    assert len(held) <= 10


def test_cache_gives_the_newest_and_forgets() -> None:
    cache = Cache(4)
    cache.put(stored(1, 1))
    cache.put(stored(2))
    cache.put(stored(3))
    cache.put(stored(1, 2))
    found = cache.by_ref(1)
    assert found is not None
    assert found.version == 2
    cache.drop("urn:x:1", 1)
    assert cache.get("urn:x:1") is None
    assert cache.by_ref(1) is None
    assert cache.peek(1) is None


def test_names_of_a_transaction_that_failed_are_forgotten() -> None:
    db = apsw.Connection(":memory:")
    prepare(db, "memory", tenant="")
    names = Names()
    assert names.intern("urn:a") == 1
    names.flush(db)
    names.settle(kept=True)
    assert names.intern("urn:b") == 2
    names.settle(kept=False)
    assert names.intern("urn:c") == 2
    names.flush(db)
    names.settle(kept=True)
    fresh = Names()
    fresh.load(db)
    assert fresh.ids == {"urn:a": 1, "urn:c": 2}


def test_file_names_are_safe_and_distinct() -> None:
    names = ["高松市", "a/b", "a%2Fb", "..", "a b", "x" * 500, "x" * 501, "高" * 100, ".db", "A"]
    made = [file_name(name) for name in names]
    assert file_name("") == DEFAULT_FILE
    assert made[0] == "tenant-高松市.db"
    assert len(set(made)) == len(made)
    for name in made:
        assert "/" not in name
        assert not name.startswith(".")
        assert len(name.encode()) <= 255


def test_schema_is_prepared_once() -> None:
    db = apsw.Connection(":memory:")
    prepare(db, "memory", tenant="高松市")
    db.execute("INSERT INTO name(id, iri) VALUES(1, 'urn:a')")
    prepare(db, "memory", tenant="another")
    assert (version_of(db), tenant_of(db)) == (len(MIGRATIONS), "高松市")
    assert db.execute("SELECT count(*) FROM name").get == 1


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (apsw.FullError("x"), "disk is full"),
        (apsw.ReadOnlyError("x"), "writable"),
        (apsw.CorruptError("x"), "restore a backup"),
        (OSError("odd"), "does not work"),
    ],
)
def test_errors_name_the_remedy(error: Exception, remedy: str) -> None:
    problem = unavailable(error, "town.db")
    assert isinstance(problem, StoreUnavailable)
    assert remedy in problem.detail
    assert "town.db" in problem.detail
