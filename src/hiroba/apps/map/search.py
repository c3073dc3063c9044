"""Find places by their names, fast: an index of folded names in a file of the app's own folder."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import apsw

from hiroba.apps.map.folding import fold, grams, phrase, words
from hiroba.apps.map.places import Place
from hiroba.sdk import errors

_log = logging.getLogger(__name__)

_VERSION: Final = 2
_SCHEMA: Final = """
CREATE TABLE progress (tenant TEXT PRIMARY KEY, seq INTEGER NOT NULL, at REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE place (
    ref INTEGER PRIMARY KEY, tenant TEXT NOT NULL, id TEXT NOT NULL, type TEXT NOT NULL, name TEXT NOT NULL,
    address TEXT NOT NULL, lon REAL, lat REAL, shape TEXT NOT NULL,
    folded TEXT NOT NULL, others TEXT NOT NULL, folded_address TEXT NOT NULL, code TEXT NOT NULL,
    UNIQUE (tenant, id)
);
CREATE INDEX place_folded ON place (tenant, folded);
CREATE INDEX place_type ON place (tenant, type, shape);
CREATE INDEX place_lon ON place (tenant, lon) WHERE lon IS NOT NULL;
CREATE INDEX place_lat ON place (tenant, lat) WHERE lat IS NOT NULL;
CREATE VIRTUAL TABLE words USING fts5 (
    names, address, code, content='', contentless_delete=1, tokenize="unicode61 remove_diacritics 0"
);
"""
_COLUMNS: Final = "tenant, id, type, name, address, lon, lat, shape, folded, others, folded_address, code"
_FOUND: Final = "place.ref, place.id, type, name, place.address, lon, lat, folded, others, folded_address, place.code"
_CANDIDATES: Final = 400
_NAMES_DONE: Final = 3
_EDGE: Final = 0.005
_LAST: Final = "\U0010ffff"


@contextlib.contextmanager
def _as_the_sdk_says() -> Iterator[None]:
    try:
        yield
    except apsw.Error as error:
        raise errors.StoreUnavailable(f"the map's index of names cannot be used: {error}") from error


@dataclass(frozen=True, slots=True)
class Hit:
    """A place found."""

    id: str
    type: str
    name: str
    address: str
    lon: float | None
    lat: float | None


@dataclass(frozen=True, slots=True)
class Progress:
    """Up to which `seq` the changes are known, and when (seconds since 1970) that was written."""

    seq: int
    at: float


class Index:
    """The names of all tenants' places in one SQLite file; methods block and may be called from any thread.

    A `write` keeps places together with how far the change log was read: a crash loses and repeats nothing.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._readers: list[apsw.Connection] = []
        with _as_the_sdk_says():
            self._writer = self._open()

    def _open(self) -> apsw.Connection:
        """Open the file, or begin a new one in its place: all of it can be read from the city again."""
        if (known := self._known()) is not None:
            return known
        for suffix in ("", "-wal", "-shm"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
        connection = self._connect()
        with connection:
            connection.execute(_SCHEMA)
            connection.execute(f"PRAGMA user_version = {_VERSION}")
        return connection

    def _known(self) -> apsw.Connection | None:
        connection = apsw.Connection(str(self._path))
        try:
            if connection.execute("PRAGMA user_version").get == _VERSION:
                return self._prepared(connection)
        except (apsw.NotADBError, apsw.CorruptError):
            _log.warning("%s is damaged; the index of names is made anew", self._path)
        connection.close()
        return None

    def _connect(self) -> apsw.Connection:
        return self._prepared(apsw.Connection(str(self._path)))

    @staticmethod
    def _prepared(connection: apsw.Connection) -> apsw.Connection:
        connection.set_busy_timeout(5000)
        connection.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL")
        return connection

    def close(self) -> None:
        """Let the file go; searches under way have to be done."""
        with self._lock:
            for connection in (*self._readers, self._writer):
                connection.close()
            self._readers.clear()

    def progress(self, tenant: str) -> Progress | None:
        """Return how far the tenant's changes are known, None when it was never filled."""
        with _as_the_sdk_says(), self._lock:
            row = self._writer.execute("SELECT seq, at FROM progress WHERE tenant = ?", (tenant,)).fetchone()
        return None if row is None else Progress(*row)

    def forget(self, tenant: str) -> None:
        """Empty a tenant's index."""
        with _as_the_sdk_says(), self._lock, self._writer as writer:
            writer.execute("DELETE FROM words WHERE rowid IN (SELECT ref FROM place WHERE tenant = ?)", (tenant,))
            writer.execute("DELETE FROM place WHERE tenant = ?", (tenant,))
            writer.execute("DELETE FROM progress WHERE tenant = ?", (tenant,))

    def write(self, tenant: str, places: Iterable[Place], gone: Iterable[str] = (), *, seq: int | None) -> None:
        """Keep places as they are now and forget those gone; with `seq` also how far changes were read."""
        with _as_the_sdk_says(), self._lock, self._writer as writer:
            for id in gone:
                self._remove(writer, tenant, id)
            for one in places:
                self._put(writer, tenant, one)
            if seq is not None:
                writer.execute("INSERT OR REPLACE INTO progress VALUES (?, ?, ?)", (tenant, seq, time.time()))

    @staticmethod
    def _remove(writer: apsw.Connection, tenant: str, id: str) -> None:
        ref = writer.execute("SELECT ref FROM place WHERE tenant = ? AND id = ?", (tenant, id)).get
        if ref is not None:
            writer.execute("DELETE FROM words WHERE rowid = ?", (ref,))
            writer.execute("DELETE FROM place WHERE ref = ?", (ref,))

    def _put(self, writer: apsw.Connection, tenant: str, one: Place) -> None:
        self._remove(writer, tenant, one.id)
        folded = fold(one.name)
        others = [text for name in one.names if (text := fold(name)) and text != folded]
        address, code = fold(one.address), fold(_code(one))
        writer.execute(
            f"INSERT INTO place ({_COLUMNS}) VALUES ({', '.join('?' * 12)})",
            (
                *(tenant, one.id, one.type, one.name, one.address, one.lon, one.lat, one.shape),
                *(folded, "\n".join(others), address, code),
            ),
        )
        writer.execute(
            "INSERT INTO words (rowid, names, address, code) VALUES (?, ?, ?, ?)",
            (
                writer.last_insert_rowid(),
                " ".join(grams(text) for text in (folded, *others)),
                grams(address),
                grams(code),
            ),
        )

    def search(self, tenant: str, text: str, *, limit: int, types: Sequence[str] = ()) -> list[Hit]:
        """Return the places that a text names, the best first: by id, name, other names, address."""
        asked = words(text)
        if not asked:
            return []
        with self._reader() as reader:
            return self._ranked(reader, tenant, text.strip(), asked, limit, types)

    def _ranked(
        self,
        reader: apsw.Connection,
        tenant: str,
        text: str,
        asked: list[str],
        limit: int,
        types: Sequence[str],
    ) -> list[Hit]:
        chosen, bound = _of_types(types)
        found: dict[int, tuple[int, int, str, Hit]] = {}
        for step, (condition, values) in enumerate(_tiers(text, asked)):
            rows = reader.execute(
                f"SELECT {_FOUND} FROM {condition} AND tenant = ?{chosen} LIMIT {_CANDIDATES}",
                (*values, tenant, *bound),
            )
            for ref, *row in rows:
                if ref not in found:
                    rank = -1 if row[0] == text else _rank(asked, row)
                    found[ref] = (rank, len(row[6]), row[0], Hit(*row[:6]))
            if len(found) >= limit and step >= _NAMES_DONE:
                break
        best = sorted(found.values(), key=lambda one: one[:3])
        return [hit for *_, hit in best[:limit]]

    @contextlib.contextmanager
    def _reader(self) -> Iterator[apsw.Connection]:
        with self._lock:
            reader = self._readers.pop() if self._readers else None
        with _as_the_sdk_says():
            reader = reader or self._connect()
            try:
                yield reader
            finally:
                self._readers.append(reader)

    def shapes(self, tenant: str) -> dict[str, dict[str, int]]:
        """Return type → shape → how many places; the shape of those without a location is empty."""
        with self._reader() as reader:
            rows: list[Any] = reader.execute(
                "SELECT type, shape, count(*) FROM place WHERE tenant = ? GROUP BY type, shape", (tenant,)
            ).fetchall()
        kinds: dict[str, dict[str, int]] = {}
        for kind, shape, count in rows:
            kinds.setdefault(kind, {})[shape] = count
        return kinds

    def extent(self, tenant: str) -> tuple[float, float, float, float] | None:
        """Return the box (west, south, east, north) of the places, less 0.5 % on each side."""
        with self._reader() as reader:
            total = reader.execute("SELECT count(*) FROM place WHERE tenant = ? AND lon IS NOT NULL", (tenant,)).get
            if not total:
                return None
            skip = int(total * _EDGE)
            west, east, south, north = (
                reader.execute(
                    f"SELECT {axis} FROM place WHERE tenant = ? AND {axis} IS NOT NULL"
                    f" ORDER BY {axis} {order} LIMIT 1 OFFSET {skip}",
                    (tenant,),
                ).get
                for axis, order in (("lon", ""), ("lon", "DESC"), ("lat", ""), ("lat", "DESC"))
            )
        return west, south, east, north


def _code(one: Place) -> str:
    """Return the part of an id behind its kind: `kasuga-1` of `urn:ngsi-ld:RiverGauge:kasuga-1`."""
    head, _, rest = one.id.partition(f":{one.type}:")
    return rest or head


def _of_types(types: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    if not types:
        return "", ()
    return f" AND +type IN ({', '.join('?' * len(types))})", tuple(types)


def _tiers(text: str, asked: list[str]) -> list[tuple[str, tuple[Any, ...]]]:
    """Return the looks to take, the best first; one that fills the answer ends the search."""
    whole = "".join(asked)
    by_words = "words CROSS JOIN place ON place.ref = words.rowid WHERE words MATCH ?"
    every = " AND ".join(phrase(word) for word in asked)
    return [
        ("place WHERE id >= ? AND id < ?", (text, text + _LAST)),
        ("place WHERE folded = ?", (whole,)),
        ("place WHERE folded >= ? AND folded < ?", (whole, whole + _LAST)),
        (by_words, (f"names : ({every})",)),
        (by_words, (f"code : ({every})",)),
        (by_words, (f"({every})",)),
    ]


def _rank(asked: list[str], row: Sequence[Any]) -> int:
    """Return how well a place fits, 0 best."""
    folded, others, address, code = row[6:10]
    whole = "".join(asked)
    other_names = others.split("\n")
    checks = (
        folded == whole,
        whole in other_names,
        code == whole,
        folded.startswith(whole),
        any(name.startswith(whole) for name in other_names),
        all(word in folded for word in asked),
        all(any(word in name for name in (folded, *other_names)) for word in asked),
        all(word in folded + others + address for word in asked),
    )
    return next((rank for rank, fits in enumerate(checks) if fits), len(checks))
