"""`hiroba app …` and `hiroba agent …`."""

from __future__ import annotations

import argparse
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

from hiroba.cli.failing import CommandError
from hiroba.cli.serving import settings_of
from hiroba.host.checks import check_folder
from hiroba.host.guests import extension_folders
from hiroba.host.manifests import Kind, ManifestError, find_all, read_manifest
from hiroba.host.scaffold import ScaffoldError, scaffold


def _kind(args: argparse.Namespace) -> Kind:
    return "agent" if args.command == "agent" else "app"


def new_command(args: argparse.Namespace) -> None:
    """Make a folder with a working app or agent."""
    kind = _kind(args)
    try:
        written = scaffold(kind, args.name, into=args.into)
    except (ScaffoldError, OSError) as error:
        raise CommandError(str(error)) from error
    folder = args.into / args.name
    for file in written:
        print(file)
    print(f"\nTry it: {sys.executable} -m pytest {folder} · hiroba {kind} check {folder}")
    if find_spec("pytest") is None:
        print(f"pytest is not there yet: {sys.executable} -m pip install pytest")


def check_command(args: argparse.Namespace) -> None:
    """Check folders and print each finding on a line; fails when there is one."""
    kind, wrong = _kind(args), 0
    for folder in args.folders:
        if not folder.is_dir():
            raise CommandError(f"{folder} is not a folder")
        findings = check_folder(folder, kind=kind, package=_package(folder.resolve()))
        for finding in findings:
            print(f"{folder}/{finding}")
        if not findings:
            print(f"{folder}: all is well")
        wrong += len(findings)
    if wrong:
        raise CommandError(f"{wrong} thing{'s' if wrong > 1 else ''} to mend")


def _package(folder: Path) -> str:
    """Return the name that the folder's package is imported by: those inside Hiroba have a longer one."""
    parts = [folder.name]
    while (folder.parent / "__init__.py").is_file():
        folder = folder.parent
        parts.append(folder.name)
    return ".".join(reversed(parts))


def list_command(args: argparse.Namespace) -> None:
    """List what the server would start."""
    kind, settings = _kind(args), settings_of(args)
    try:
        found = [one for one in find_all(extension_folders(settings)) if one.kind == kind]
    except ManifestError as error:
        raise CommandError(str(error)) from error
    rows = [("id", "title", "version", "owner", "folder")]
    for one in found:
        manifest = one.manifest
        version = manifest.version or "built in"
        rows.append((manifest.id, manifest.title["en"], version, manifest.owner, str(one.folder)))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        print(*(cell.ljust(width) for cell, width in zip(row, [*widths, 0], strict=True)), sep="  ")


def install_command(args: argparse.Namespace) -> None:
    """Check an app and copy it to the store's folder of extensions."""
    settings, source = settings_of(args), args.folder.resolve()
    if settings.own_folder is None:
        raise CommandError("an app cannot be installed into a store in memory; name a folder with --store")
    findings = check_folder(source, kind="app")
    if findings:
        raise CommandError(f"{args.folder}/{findings[0]} (see: hiroba app check {args.folder})")
    target = settings.own_folder / "extensions" / "apps" / source.name
    if target.exists() and not args.force:
        raise CommandError(f"{target} is there already; --force replaces it")
    try:
        present = [one for one in find_all(extension_folders(settings)) if one.kind == "app"]
        clash = [one for one in present if one.manifest.id == source.name and one.folder != target.resolve()]
        if clash:
            raise CommandError(f"there is an app {source.name!r} already: {clash[0].folder}")
        if target.exists():
            shutil.rmtree(target)
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", ".*", "tests"))
    except (ManifestError, OSError) as error:
        raise CommandError(str(error)) from error
    manifest = read_manifest(target, kind="app")
    print(f"{manifest.id} {manifest.version} is installed in {target}; it runs from the next start on")
