"""Finds apps and agents and reads their manifests: the built-in ones and third-party ones by one and the same
road."""

from __future__ import annotations

import importlib.resources
import importlib.util
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import jsonschema
import orjson

from hiroba.host.toml_file import TomlError, read_toml
from hiroba.sdk import Manifest

Kind = Literal["app", "agent"]

BUILT_IN = (
    "hiroba.apps.map",
    "hiroba.apps.imports",
    "hiroba.agents.mqtt",
    "hiroba.agents.http",
)
"""The apps and agents that come with Hiroba; nothing else names them."""

LANGUAGES = ("ja", "en")


class ManifestError(Exception):
    """Say which app or agent cannot be used, and why."""


@dataclass(frozen=True, slots=True)
class Found:
    """An app or agent that was found: its folder, the name its package is imported by, and its checked
    manifest."""

    kind: Kind
    package: str
    folder: Path
    manifest: Manifest
    built_in: bool = False


@cache
def _validator() -> jsonschema.Draft202012Validator:
    text = importlib.resources.files("hiroba.host.schemas").joinpath("manifest.json").read_bytes()
    return jsonschema.Draft202012Validator(orjson.loads(text))


def read_manifest(folder: Path, *, kind: Kind) -> Manifest:
    """Return the manifest of a folder; raises ManifestError naming the file and the key."""
    file = folder / "manifest.toml"
    body = _read(file)
    wrong = min(_validator().iter_errors(body), key=lambda error: list(map(str, error.path)), default=None)
    if wrong is not None:
        place = ".".join(map(str, wrong.path))
        raise ManifestError(f"{file}: {place + ': ' if place else ''}{wrong.message}")
    if body["id"] != folder.name:
        raise ManifestError(f"{file}: the id {body['id']!r} is not the folder's name {folder.name!r}")
    lists = ("fields", "reads", "writes", "rights", "agents", "requires", "profile_keys")
    return Manifest(
        id=body["id"],
        title=body["title"],
        folder=folder,
        kind=kind,
        about=body.get("about", {}),
        **{key: tuple(body.get(key, ())) for key in lists},
        settings=body.get("settings", {}),
        owner=body["owner"],
        tier=body.get("tier", "bronze"),
        version=body.get("version", ""),
        layers=tuple(body.get("layers", ())),
    )


def _read(file: Path) -> dict[str, Any]:
    try:
        return read_toml(file)
    except TomlError as error:
        raise ManifestError(str(error)) from error


def read_texts(folder: Path) -> dict[str, dict[str, str]]:
    """Return the texts of `i18n/*.toml` by language, nested keys joined by dots."""
    return {file.stem: _flat(_read(file)) for file in sorted((folder / "i18n").glob("*.toml"))}


def _flat(table: dict[str, Any], prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            flat.update(_flat(value, f"{prefix}{key}."))
        else:
            flat[prefix + key] = str(value)
    return flat


def read_panels(folder: Path) -> list[dict[str, Any]]:
    """Return the declarative panels of `panels/*.toml`, each with its file's name as `id` unless it has
    one."""
    return [{"id": file.stem, **_read(file)} for file in sorted((folder / "panels").glob("*.toml"))]


def find_all(folders: Sequence[tuple[Kind, Path]] = ()) -> list[Found]:
    """Return all apps and agents: built in, by the entry points `hiroba.apps` and `hiroba.agents`, and by
    folder.

    Raises ManifestError for the first that cannot be used, also when two of a kind have the same id.
    """
    found = [_built_in(package) for package in BUILT_IN]
    for kind, group in (("app", "hiroba.apps"), ("agent", "hiroba.agents")):
        for point in sorted(entry_points(group=group), key=lambda point: point.name):
            found.append(_found(kind, point.value, _package_folder(point.value)))  # type: ignore[arg-type]
    found.extend(_found(kind, folder.resolve().name, folder.resolve()) for kind, folder in folders)
    seen: dict[tuple[str, str], Found] = {}
    for one in found:
        other = seen.setdefault((one.kind, one.manifest.id), one)
        if other is not one:
            raise ManifestError(f"two {one.kind}s have the id {one.manifest.id!r}: {other.folder} and {one.folder}")
    return found


def _built_in(package: str) -> Found:
    kind: Kind = "app" if ".apps." in package else "agent"
    folder = _package_folder(package)
    return Found(kind, package, folder, read_manifest(folder, kind=kind), built_in=True)


def _found(kind: Kind, package: str, folder: Path) -> Found:
    manifest = read_manifest(folder, kind=kind)
    if not manifest.version:
        raise ManifestError(f"{folder / 'manifest.toml'}: version is missing; third-party {kind}s need one")
    return Found(kind, package, folder, manifest)


def _package_folder(package: str) -> Path:
    try:
        spec = importlib.util.find_spec(package)
    except ImportError as error:
        raise ManifestError(f"the package {package} cannot be found: {error}") from error
    if spec is None or not spec.submodule_search_locations:
        raise ManifestError(f"the package {package} is not there, or is not a folder with an __init__.py")
    return Path(next(iter(spec.submodule_search_locations)))


def load_setup(found: Found) -> Callable[[Any], None]:
    """Import the package and return its `setup`; raises ManifestError when it has none or fails to import."""
    try:
        module = _imported(found)
    except Exception as error:
        raise ManifestError(f"{found.kind} {found.manifest.id} cannot be imported: {error!r}{_where(error)}") from error
    setup = getattr(module, "setup", None)
    if not callable(setup):
        raise ManifestError(f"{found.folder / '__init__.py'} has no function setup({found.kind})")
    return setup  # type: ignore[no-any-return]


def _where(error: Exception) -> str:
    """Return the line of code that raised, for whoever is to mend it."""
    last = traceback.extract_tb(error.__traceback__)[-1:]
    return "".join(f" ({frame.filename}:{frame.lineno})" for frame in last if not frame.filename.startswith("<"))


def _imported(found: Found) -> ModuleType:
    known = sys.modules.get(found.package)
    if known is not None and known.__file__ and Path(known.__file__).parent == found.folder:
        return known
    spec = importlib.util.find_spec(found.package) if "." in found.package or found.built_in else None
    if spec is None:
        spec = importlib.util.spec_from_file_location(
            found.package, found.folder / "__init__.py", submodule_search_locations=[str(found.folder)]
        )
    if spec is None or spec.loader is None:
        raise ImportError(f"{found.folder} is not a Python package")
    module = importlib.util.module_from_spec(spec)
    sys.modules[found.package] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[found.package]
        raise
    return module
