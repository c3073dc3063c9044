"""Writes one transaction's rows in one statement, each table from arrays: one way to the server and back for all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from hiroba.kernel.store.batch import Batch
from hiroba.kernel.store.postgres.keys import id_key, scope_key, value_key

_WIDEST: Final = 1e30
"""What lies further out than this, in degrees, is put here: an index of boxes holds no more."""

_COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "name": ("id:int", "iri:text"),
    "entity": (
        *("ref:bigint", "id:text", "key:bytea", "version:bigint", "created:bigint", "modified:bigint"),
        *("expires:bigint", "deleted:bigint", "doc:text"),
    ),
    "entity_type": ("type:int", "ref:bigint"),
    "gone_type": ("type:int", "ref:bigint"),
    "entity_scope": ("scope:bytea", "ref:bigint"),
    "attr_value": ("attr:int", "v:bytea", "ref:bigint"),
    "geo": ("id:bigint", "attr:int", "x0:float8", "x1:float8", "y0:float8", "y1:float8"),
    "history": (
        *("ref:bigint", "attr:int", "at:bigint", "seq:bigint", "ds:int", "observed:bigint", "created:bigint"),
        *("modified:bigint", "deleted:bigint", "num:float8", "doc:text"),
    ),
    "change": ("seq:bigint", "at:bigint", "op:smallint", "ref:bigint", "types:text", "payload:text"),
    "usage": ("type:int", "attr:int", "kind:text", "n:bigint"),
    "cursor": ("name:text", "seq:bigint"),
    "record": ("seq:bigint", "kind:text", "id:text", "body:text"),
}
_JSON: Final = frozenset({"doc", "types", "payload", "body"})
_SETS: Final = ("entity_type", "gone_type", "entity_scope", "attr_value")
_INSTEAD: Final[Mapping[str, str]] = {
    "entity": "ON CONFLICT(tenant, ref) DO UPDATE SET version = excluded.version, created = excluded.created, "
    "modified = excluded.modified, expires = excluded.expires, deleted = excluded.deleted, doc = excluded.doc",
    "geo": "ON CONFLICT(tenant, id) DO UPDATE SET attr = excluded.attr, box = excluded.box",
    "history": "ON CONFLICT(tenant, ref, attr, at, seq, ds) DO UPDATE SET observed = excluded.observed, "
    "created = excluded.created, modified = excluded.modified, deleted = excluded.deleted, num = excluded.num, "
    "doc = excluded.doc",
    "usage": "ON CONFLICT(tenant, type, attr, kind) DO UPDATE SET n = hiroba.usage.n + excluded.n",
    "cursor": "ON CONFLICT(tenant, name) DO UPDATE SET seq = excluded.seq",
    **{table: "ON CONFLICT DO NOTHING" for table in ("name", *_SETS)},
}


class _Places:
    """Number the parameters of a statement; $1 is the tenant."""

    def __init__(self) -> None:
        self.last = 1

    def arrays(self, columns: Iterable[str]) -> tuple[str, str]:
        """Return `unnest(…)` over further parameters and the names of its columns."""
        names, kinds = zip(*(column.split(":") for column in columns), strict=True)
        places = ", ".join(f"${self.last + n}::{kind}[]" for n, kind in enumerate(kinds, 1))
        self.last += len(names)
        return f"unnest({places}) AS k({', '.join(names)})", ", ".join(names)


def insertion(table: str, places: _Places | None = None, *, gis: str = "") -> str:
    """Return the INSERT of a table from arrays of its columns, by itself the tenant and they are the parameters."""
    source, names = (places or _Places()).arrays(_COLUMNS[table])
    if table == "geo":
        into = "id, attr, box"
        box = f"{gis}.ST_SetSRID({gis}.ST_MakePoint(x0, y0), 4326)"
        wide = f"{gis}.ST_MakeEnvelope(x0, y0, x1, y1, 4326)"
        taken = f"id, attr, CASE WHEN x0 = x1 AND y0 = y1 THEN {box} ELSE {wide} END"
    else:
        into = names
        taken = ", ".join(f"{name}::json" if name in _JSON else name for name in names.split(", "))
    return f"INSERT INTO hiroba.{table}(tenant, {into}) SELECT $1::int, {taken} FROM {source} {_INSTEAD.get(table, '')}"


def _deletion(table: str, columns: Iterable[str], places: _Places) -> str:
    source, names = places.arrays(columns)
    same = " AND ".join(f"t.{name} = k.{name}" for name in names.split(", "))
    return f"DELETE FROM hiroba.{table} t USING {source} WHERE t.tenant = $1 AND {same}"


def statement(gis: str) -> str:
    """Return the statement that writes everything; `values` gives its parameters.

    It returns the transaction's number, by which its fate can be found out.
    """
    places = _Places()
    parts = [f"name_in AS ({insertion('name', places)})", f"entity_in AS ({insertion('entity', places)})"]
    for table in _SETS:
        parts.append(f"{table}_out AS ({_deletion(table, _COLUMNS[table], places)})")
        parts.append(f"{table}_in AS ({insertion(table, places)})")
    parts.append(f"geo_out AS ({_deletion('geo', _COLUMNS['geo'][:1], places)})")
    parts.append(f"geo_in AS ({insertion('geo', places, gis=gis)})")
    parts.extend(f"{table}_in AS ({insertion(table, places)})" for table in ("history", "change", "usage", "cursor"))
    seq, refs, names = (places.last + n for n in (1, 2, 3))
    parts.append(
        f"tenant_in AS (UPDATE hiroba.tenant SET seq = ${seq}, refs = ${refs}, names = ${names} WHERE id = $1)"
    )
    return f"WITH {', '.join(parts)} SELECT pg_current_xact_id()::text"


def values(batch: Batch, cursors: Mapping[str, int], *, seq: int, next_ref: int, last: bool) -> list[Any]:
    """Return what `statement` writes, the tenant aside; the counts only at the `last`."""
    if last:
        batch.add_up()
    arrays: list[Any] = insertion_values("name", batch.names.fresh)
    arrays += insertion_values("entity", map(_entity_row, batch.entities.values()))
    for table in _SETS:
        wanted = batch.sets[table]
        for there in (False, True):
            keys = [index_row(table, key) for key, kept in wanted.items() if kept is there]
            arrays += insertion_values(table, keys)
    arrays.append([id for id, row in batch.geo.items() if row is None])
    arrays += insertion_values("geo", [_geo_row(row) for row in batch.geo.values() if row is not None])
    # of two rows with one key the last one counts
    history = {row[:5]: row for row in batch.history}
    arrays += insertion_values("history", [(*row[:10], str(row[10], "utf-8")) for row in history.values()])
    changes = [(*row[:4], str(row[4], "utf-8"), str(row[5], "utf-8")) for row in batch.changes]
    arrays += insertion_values("change", changes)
    arrays += insertion_values("usage", [(*key, step) for key, step in batch.usage.items() if step and last])
    arrays += insertion_values("cursor", cursors.items())
    return [*arrays, seq, next_ref - 1, len(batch.names.iris)]


def index_row(table: str, row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return a row of the embedded store as the table here has it."""
    match table:
        case "attr_value":
            return row[0], value_key(row[1]), row[2]
        case "entity_scope":
            return scope_key(row[0]), row[1]
        case "entity":
            return _entity_row(row)
        case "geo":
            return _geo_row(row)
        case "history" | "record":
            return *row[:-1], _text(row[-1])
        case "change":
            return *row[:4], _text(row[4]), _text(row[5])
        case _:
            return row


def _text(doc: bytes | str) -> str:
    return doc if isinstance(doc, str) else str(doc, "utf-8")


def _entity_row(row: tuple[Any, ...]) -> tuple[Any, ...]:
    ref, id, *rest, doc = row
    return (ref, id, id_key(id), *rest, str(doc, "utf-8"))


def _geo_row(row: tuple[Any, ...]) -> tuple[Any, ...]:
    id, west, east, south, north, attr = row
    return (id, attr, *(min(max(float(bound), -_WIDEST), _WIDEST) for bound in (west, east, south, north)))


def insertion_values(table: str, rows: Iterable[tuple[Any, ...]]) -> list[Any]:
    """Return the columns of rows for the INSERT of a table."""
    columns = list(zip(*rows, strict=True))
    return columns or [()] * len(_COLUMNS[table])
