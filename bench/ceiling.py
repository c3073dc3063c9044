"""The ceilings: a bare ASGI app that answers given bytes, and a bare group commit into SQLite."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import apsw
import uvicorn


def bare_app(size: int) -> Any:
    """Return an ASGI app that reads the request and answers `size` bytes."""
    body = b"x" * size
    headers = [(b"content-type", b"application/json"), (b"content-length", str(size).encode())]

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        message = await receive()
        while message.get("more_body"):
            message = await receive()
        await send({"type": "http.response.start", "status": 200, "headers": list(headers)})
        await send({"type": "http.response.body", "body": body})

    return app


def group_commit(folder: Path, rows: int, per_commit: int, size: int) -> float:
    """Return the CPU seconds a row costs when only written, `per_commit` rows to a durable transaction."""
    connection = apsw.Connection(str(folder / "ceiling.sqlite"))
    connection.pragma("journal_mode", "WAL")
    connection.pragma("synchronous", "FULL")
    connection.execute("CREATE TABLE line(id TEXT PRIMARY KEY, doc BLOB)")
    doc = os.urandom(size)
    before = sum(os.times()[:2])
    for start in range(0, rows, per_commit):
        connection.execute("BEGIN IMMEDIATE")
        for number in range(start, start + per_commit):
            connection.execute("INSERT INTO line VALUES(?, ?)", (f"urn:ngsi-ld:Bench:{number}", doc))
        connection.execute("COMMIT")
    spent = sum(os.times()[:2]) - before
    connection.close()
    return spent / rows


if __name__ == "__main__":
    port, size = int(sys.argv[1]), int(sys.argv[2])
    uvicorn.run(bare_app(size), host="127.0.0.1", port=port, log_level="error", access_log=False, lifespan="off")
