"""The console's files as an ASGI app: what the build made, and a plain page that says how to build it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Scope

STATIC: Final = Path(__file__).parent / "static"

_UNBUILT: Final = """<!doctype html><html lang="ja"><meta charset="utf-8"><title>Hiroba</title>
<h1>Hiroba</h1><p>サーバーは動いています。画面はまだ作られていません：<code>make console</code></p>
<p lang="en">The server runs. Its console is not built yet: <code>make console</code></p></html>"""

_HEADERS: Final = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "x-frame-options": "SAMEORIGIN",
}


class _ConsoleFiles(StaticFiles):
    """Built files: those with a hash in their name are kept for ever, the others are asked for again."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        kept = path.startswith("assets/")
        response.headers["cache-control"] = "public, max-age=31536000, immutable" if kept else "no-cache"
        response.headers.update(_HEADERS)
        return response


async def _unbuilt(_request: Request) -> Response:
    return HTMLResponse(_UNBUILT, 503)


def console_files(folder: Path = STATIC) -> ASGIApp:
    """Return the app that serves the console from the folder of its build."""
    if (folder / "index.html").is_file():
        return Starlette(routes=[Mount("/", _ConsoleFiles(directory=folder, html=True))])
    return Starlette(routes=[Route("/", _unbuilt)])
