"""Checks an app's or agent's folder against what is promised of every one of them."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from hiroba.host.guests import profile_folders
from hiroba.host.manifests import (
    LANGUAGES,
    Found,
    Kind,
    ManifestError,
    load_setup,
    read_manifest,
    read_panels,
    read_texts,
)
from hiroba.sdk import Agent, App, Manifest, ProfileError, load_profiles

HEADINGS = ("what a city gains", "what it needs", "known limits")
MOST_SETUP_LINES = 60
NETWORK = frozenset(
    (
        *("socket", "ssl", "asyncio.streams", "http.client", "urllib.request", "ftplib", "smtplib"),
        *("aiohttp", "aiomqtt", "amqtt", "asyncssh", "httpx", "paho", "pysnmp", "requests", "websockets"),
    )
)
"""Modules that reach beyond the machine: in an agent only `client.py` imports them, in an app the right is declared."""

_LIMIT_ERROR, _FUNCTION_ERROR = 600, 80


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: where, and what to do about it."""

    where: str
    what: str

    def __str__(self) -> str:
        """Return it as one line."""
        return f"{self.where}: {self.what}"


def kind_of(folder: Path) -> Kind:
    """Tell an agent's folder by what only agents have: a client, a translation or profiles."""
    return "agent" if any((folder / name).exists() for name in ("client.py", "translate.py", "profiles")) else "app"


def check_folder(folder: Path, *, kind: Kind, package: str | None = None) -> list[Finding]:
    """Return all that is wrong with a folder; `package` is its import name when it is not the folder's own name."""
    folder = folder.resolve()
    try:
        manifest = read_manifest(folder, kind=kind)
    except ManifestError as error:
        return [Finding("manifest.toml", str(error).removeprefix(f"{folder / 'manifest.toml'}: "))]
    name = package or folder.name
    third_party = not name.startswith("hiroba.")
    findings = [
        *_manifest(manifest, third_party=third_party),
        *_files(folder),
        *_texts(folder),
        *_readme(folder),
        *_models(folder),
        *_code(folder, manifest, name),
    ]
    # what cannot even be read would only fail again when it is imported
    return findings or [*_set_up(Found(kind, name, folder, manifest, built_in=not third_party))]


def _manifest(manifest: Manifest, *, third_party: bool) -> Iterator[Finding]:
    if third_party and not manifest.version:
        yield Finding("manifest.toml", "version is missing; third-party ones need one")
    if not manifest.about:
        yield Finding("manifest.toml", "about is missing: one sentence on what it does, in ja and en")


def _files(folder: Path) -> Iterator[Finding]:
    for name in ("__init__.py", "README.md", "i18n/ja.toml", "i18n/en.toml"):
        if not (folder / name).is_file():
            yield Finding(name, "is missing")
    init = folder / "__init__.py"
    if init.is_file() and len(init.read_text(encoding="utf-8").splitlines()) > MOST_SETUP_LINES:
        yield Finding("__init__.py", f"has more than {MOST_SETUP_LINES} lines; setup only registers")


def _texts(folder: Path) -> Iterator[Finding]:
    try:
        texts = read_texts(folder)
        panels = read_panels(folder)
    except ManifestError as error:
        yield Finding("i18n, panels", str(error))
        return
    if not all(language in texts for language in LANGUAGES):
        return
    known = {key for language in LANGUAGES for key in texts[language]}
    for language in LANGUAGES:
        for key in sorted(known - {key for key, text in texts[language].items() if text.strip()}):
            yield Finding(f"i18n/{language}.toml", f"{key!r} is missing or empty")
    for panel in panels:
        title = panel.get("title")
        if not isinstance(title, dict) or not all(title.get(language) for language in LANGUAGES):
            yield Finding(f"panels/{panel['id']}.toml", "title needs a text in ja and en")


def _readme(folder: Path) -> Iterator[Finding]:
    readme = folder / "README.md"
    if not readme.is_file():
        return
    headings = [
        line.strip("# ").lower() for line in readme.read_text(encoding="utf-8").splitlines() if line[:3] == "## "
    ]
    for heading in HEADINGS:
        if heading not in headings:
            yield Finding("README.md", f"has no heading '## {heading.capitalize()}'")


def _models(folder: Path) -> Iterator[Finding]:
    for file in sorted((folder / "models").glob("*.json")):
        try:
            orjson.loads(file.read_bytes())
        except orjson.JSONDecodeError as error:
            yield Finding(f"models/{file.name}", f"is not JSON: {error}")


def _code(folder: Path, manifest: Manifest, package: str) -> Iterator[Finding]:
    for file in sorted(folder.rglob("*.py")):
        where = file.relative_to(folder).as_posix()
        if where.startswith("tests/"):
            continue
        source = file.read_text(encoding="utf-8")
        try:
            tree = ast.parse(source, filename=where)
        except SyntaxError as error:
            yield Finding(f"{where}:{error.lineno}", f"is not Python: {error.msg}")
            continue
        if len(source.splitlines()) > _LIMIT_ERROR:
            yield Finding(where, f"has more than {_LIMIT_ERROR} lines; split it by what it does")
        for node in ast.walk(tree):
            yield from _node(node, where, manifest, package)
        yield from _runs_at_import(tree, where)


def _node(node: ast.AST, where: str, manifest: Manifest, package: str) -> Iterator[Finding]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        if (node.end_lineno or node.lineno) - node.lineno >= _FUNCTION_ERROR:
            yield Finding(f"{where}:{node.lineno}", f"{node.name} has more than {_FUNCTION_ERROR} lines")
        for inner in ast.walk(node):
            if isinstance(inner, ast.Import | ast.ImportFrom):
                yield Finding(f"{where}:{inner.lineno}", f"imports inside of {node.name}; import at the top")
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield from _import(alias.name, f"{where}:{node.lineno}", manifest, package)
    elif isinstance(node, ast.ImportFrom):
        if node.level:
            yield Finding(f"{where}:{node.lineno}", "imports relatively; write the whole name")
        elif node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            module = node.module if node.module not in ("hiroba", "asyncio", "http", "urllib") else names[0]
            yield from _import(module, f"{where}:{node.lineno}", manifest, package)


def _import(module: str, where: str, manifest: Manifest, package: str) -> Iterator[Finding]:
    top = module.split(".", 1)[0]
    if _within(module, "hiroba.sdk") or _within(module, package):
        return
    if top == "hiroba":
        yield Finding(where, f"imports {module}; of Hiroba only hiroba.sdk is for apps and agents")
        return
    if top not in sys.stdlib_module_names and not any(_within(module, one) for one in manifest.requires):
        yield Finding(where, f"imports {module}, which the manifest does not name under requires")
    if any(_within(module, one) for one in NETWORK):
        if manifest.kind == "agent" and not where.startswith("client.py:"):
            yield Finding(where, f"imports {module}; in an agent only client.py meets the network")
        if "network" not in manifest.rights and manifest.kind == "app":
            yield Finding(where, f"imports {module}; the manifest has to ask for the right 'network'")


def _within(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


def _runs_at_import(tree: ast.Module, where: str) -> Iterator[Finding]:
    for node in tree.body:
        if isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant):
            yield Finding(f"{where}:{node.lineno}", "does something when it is imported; do it in setup")
        if isinstance(node, ast.For | ast.While | ast.With | ast.Try) and where == "__init__.py":
            yield Finding(f"{where}:{node.lineno}", "does something when it is imported; do it in setup")


def _set_up(found: Found) -> Iterator[Finding]:
    """Set the guest up as the host would, without starting it, and try the samples of an agent's profiles."""
    manifest, folder = found.manifest, found.folder
    guest: Any
    try:
        texts = read_texts(folder)
        if found.kind == "agent":
            profiles = load_profiles(profile_folders(folder, {}), own_keys=manifest.profile_keys)
            guest = Agent(manifest, _NoHost(), data_dir=folder, texts=texts, profiles=profiles)
        else:
            guest = App(manifest, _NoHost(), data_dir=folder, texts=texts)
        load_setup(found)(guest)
    except (ManifestError, ProfileError) as error:
        yield Finding("__init__.py", str(error))
        return
    except Exception as error:  # noqa: BLE001 - whatever a guest's setup raises is its finding
        yield Finding("__init__.py", f"setup failed: {error!r}")
        return
    if found.kind == "agent":
        for profile in guest.profiles.values():
            if not profile.samples:
                yield Finding(
                    f"profiles/{profile.file.name}", "has no samples; record a payload and what becomes of it"
                )
        for line in guest.try_samples():
            yield Finding("profiles", line)


class _NoHost:
    """A host that lends nothing: setup only registers."""

    def city(self, tenant: str = "") -> Any:
        raise RuntimeError("setup must not reach for the city; do that in a handler, a route or a task")

    async def tenants(self) -> list[str]:
        raise RuntimeError("setup must not reach for the city; do that in a handler, a route or a task")

    async def cursor(self, tenant: str, name: str) -> int | None:
        raise RuntimeError("setup must not read")

    async def keep_cursor(self, tenant: str, name: str, seq: int) -> None:
        raise RuntimeError("setup must not write")
