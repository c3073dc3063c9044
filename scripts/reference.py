"""Write the reference pages from the code itself: `make docs`; a test fails when they are stale."""

from __future__ import annotations

import argparse
import asyncio
import inspect
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ledger
import yaml
from starlette.routing import Mount, Route

from hiroba import sdk
from hiroba.apps import imports
from hiroba.cli.parser import build_parser
from hiroba.host import manifests
from hiroba.host.settings import load_settings, reference
from hiroba.host.wiring import House
from hiroba.kernel.api import app
from hiroba.kernel.api.app import MODULES
from hiroba.kernel.api.ngsi_v2.app import MODULES as NGSI_V2_MODULES
from hiroba.kernel.model import errors

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "docs" / "reference"
NOTE = "<!-- Written by `make docs` from the code; change it there. -->\n"


def first_line(thing: Any) -> str:
    """Return the first paragraph of a docstring on one line."""
    text = inspect.getdoc(thing) or ""
    return " ".join(text.split("\n\n")[0].split())


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Return a Markdown table."""
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def commands() -> str:
    """Return the page of the command line."""
    parser = build_parser()
    parts = ["# Commands\n"]
    for path, one in _parsers(parser, ()):
        parts.append(f"## {' '.join(('hiroba', *path))}\n\n```text\n{_help(one)}```\n")
    return "\n".join(parts)


def _help(parser: argparse.ArgumentParser) -> str:
    parser.formatter_class = lambda prog: argparse.RawDescriptionHelpFormatter(prog, width=100)  # type: ignore[assignment]
    return parser.format_help()


def _parsers(
    parser: argparse.ArgumentParser, path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], argparse.ArgumentParser]]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, one in action.choices.items():
                yield (*path, name), one
                yield from _parsers(one, (*path, name))


def settings() -> str:
    """Return the page of the settings."""
    rows = [
        (f"`{one.key}`", one.type, f"`{json.dumps(one.default, ensure_ascii=False)}`", one.doc) for one in reference()
    ]
    intro = (
        "Defaults, then `hiroba.toml`, then the environment (`HIROBA_PORT`, `HIROBA_MQTT__PORT`: two underscores for\n"
        "the dot), then flags. An unknown key or a value that does not fit stops the start and is named.\n"
    )
    return f"# Settings\n\n{intro}\n" + table(("setting", "type", "default", "meaning"), rows)


async def routes() -> str:
    """Return the page of all HTTP routes of a server with its built-in apps and agents."""
    rows = [
        (f"`{method}`", f"`{path}`", first_line(handler))
        for module in (*MODULES, app)
        for method, path, handler, *_ in module.ROUTES
    ]
    orion = [
        (f"`{method}`", f"`{path}`", first_line(handler))
        for module in NGSI_V2_MODULES
        for method, path, handler, *_ in module.ROUTES
    ]
    house = House(load_settings(environment={}, flags={"store": ":memory:", "port": 0}))
    await house.start()
    try:
        others = sorted(
            (f"`{method}`", f"`{path}`", first_line(endpoint)) for method, path, endpoint in _routes(house.routes, "")
        )
    finally:
        await house.stop()
    head = ("method", "path", "what it does")
    return (
        "# Routes\n\nEvery error is a problem document (type, title, status, detail); see [errors](errors.md).\n"
        "Those of NGSIv2 have `error` and `description`, as its clients expect.\n"
        f"\n## The broker\n\n{table(head, rows)}"
        f"\n## The broker in NGSIv2\n\n{table(head, orion)}\n## The host, its apps and agents\n\n{table(head, others)}"
    )


def _routes(found: Any, prefix: str) -> Iterator[tuple[str, str, Any]]:
    for route in found:
        if isinstance(route, Mount):
            yield from _routes(route.routes, prefix + route.path)
        elif isinstance(route, Route):
            for method in sorted((route.methods or {"GET"}) - {"HEAD"}):
                yield method, prefix + route.path, route.endpoint


def manifest() -> str:
    """Return the page of the manifest's keys."""
    schema = json.loads((Path(manifests.__file__).parent / "schemas" / "manifest.json").read_text(encoding="utf-8"))
    rows = [
        (f"`{name}`", "yes" if name in schema["required"] else "", one.get("description", ""))
        for name, one in schema["properties"].items()
    ]
    return "# Manifest\n\nThe keys of `manifest.toml` of an app or agent.\n\n" + table(
        ("key", "needed", "meaning"), rows
    )


def errors_page() -> str:
    """Return the page of the error types."""
    kinds = [
        one
        for one in vars(errors).values()
        if inspect.isclass(one) and issubclass(one, errors.HirobaError) and one is not errors.HirobaError
    ]
    rows = [(f"`{one.slug}`", str(one.status), first_line(one)) for one in kinds]
    return f"# Errors\n\nThe `type` of a problem document is `{errors.ERROR_BASE}` and one of these.\n\n" + table(
        ("type", "status", "meaning"), rows
    )


def sdk_page() -> str:
    """Return the page of what apps and agents may import."""
    rows = [(f"`{name}`", first_line(getattr(sdk, name))) for name in sdk.__all__]
    return "# The sdk\n\n`from hiroba.sdk import …`: all that apps and agents use of Hiroba.\n\n" + table(
        ("name", "what it is"), rows
    )


def datasets() -> str:
    """Return the page of the data sets that the import recognises."""
    rows = []
    for file in sorted((Path(imports.__file__).parent / "mappings").glob("*.yaml")):
        mapping = yaml.safe_load(file.read_text(encoding="utf-8"))
        title = mapping["title"]
        rows.append((f"`{file.stem}`", title["ja"], title["en"], f"`{mapping['type']}`"))
    return "# Data sets\n\nTables that `hiroba import` recognises by their columns.\n\n" + table(
        ("mapping", "データセット", "data set", "entity type"), rows
    )


def pages() -> dict[str, str]:
    """Return every reference page by its file name."""
    written = {
        "commands.md": commands(),
        "settings.md": settings(),
        "routes.md": asyncio.run(routes()),
        "manifest.md": manifest(),
        "errors.md": errors_page(),
        "sdk.md": sdk_page(),
        "datasets.md": datasets(),
        "conformance.md": ledger.page(),
    }
    # one page of the reference is not made from the code but held against it by tests
    by_hand = {name: (TARGET / name).read_text(encoding="utf-8") for name in ("ngsi-v2.md",)}
    listed = {**written, **by_hand}.items()
    index = "\n".join(f"- [{text.splitlines()[0].lstrip('# ')}]({name})" for name, text in listed)
    written["README.md"] = f"# Reference\n\n{index}\n"
    return {name: text.replace("\n", f"\n\n{NOTE}", 1) for name, text in written.items()}


def main() -> int:
    """Write the pages; with `--check` only tell whether they are fresh."""
    stale = []
    for name, text in pages().items():
        file = TARGET / name
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            stale.append(name)
            if "--check" not in sys.argv:
                TARGET.mkdir(parents=True, exist_ok=True)
                file.write_text(text, encoding="utf-8")
    if stale:
        print("stale:" if "--check" in sys.argv else "written:", ", ".join(stale))
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
