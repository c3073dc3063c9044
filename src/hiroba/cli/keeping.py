"""`hiroba backup`, `restore` and `migrate`."""

from __future__ import annotations

import argparse
import asyncio
from datetime import UTC, datetime
from pathlib import Path

import apsw

from hiroba.cli.failing import CommandError
from hiroba.cli.serving import settings_of
from hiroba.kernel.model.errors import HirobaError
from hiroba.kernel.store.sqlite import SqliteStore, backup, restore
from hiroba.kernel.store.sqlite.files import connect, tenant_files, unavailable
from hiroba.kernel.store.sqlite.schema import tenant_of


def _directory(args: argparse.Namespace, what: str) -> Path:
    settings = settings_of(args)
    if settings.memory:
        raise CommandError(f"a store in memory cannot be {what}; name a folder with --store")
    return Path(settings.store)


def backup_command(args: argparse.Namespace) -> None:
    """Copy all tenants into one file, whether or not a server runs."""
    directory = _directory(args, "backed up")
    if args.file.exists():
        raise CommandError(f"{args.file} is there already; name a new file")

    try:
        files = {_tenant_in(file): file for file in tenant_files(directory)}
        if not files:
            raise CommandError(f"{directory} holds no store; name its folder with --store")

        async def copy() -> None:
            async for line in backup.write(files, args.file):
                print(line)

        asyncio.run(copy())
    except HirobaError as error:
        raise CommandError(error.detail) from error
    except OSError as error:
        raise CommandError(f"{args.file} cannot be written: {error.strerror}") from error


def _tenant_in(file: Path) -> str:
    try:
        db = connect(file, writes=False)
        try:
            return tenant_of(db) or ""
        finally:
            db.close()
    except apsw.Error as error:
        raise unavailable(error, str(file)) from error


def restore_command(args: argparse.Namespace) -> None:
    """Put a backup's tenants into a store that no server uses."""
    directory = _directory(args, "restored")
    if not args.file.is_file():
        raise CommandError(f"{args.file} is not a file")
    try:
        names = asyncio.run(restore(args.file, directory, force=args.force))
        _set_aside(directory / "apps")
    except HirobaError as error:
        raise CommandError(error.detail) from error
    except OSError as error:
        raise CommandError(f"{directory} cannot be written: {error}") from error
    for name in names:
        print(f"{name or 'default tenant'} is restored")


def _set_aside(folder: Path) -> None:
    """Move what apps kept beside the old data out of their way: it does not belong to the restored data."""
    if folder.is_dir():
        now = datetime.now(UTC)
        folder.rename(folder.with_name(f"{folder.name}-before-{now:%Y%m%dT%H%M%S%f}"))


def migrate_command(args: argparse.Namespace) -> None:
    """Open the store, which brings every file to the present form."""
    directory = _directory(args, "migrated")
    if not directory.is_dir():
        raise CommandError(f"{directory} is not there; name the store's folder with --store")

    async def migrate() -> list[str]:
        store = SqliteStore(directory)
        await store.open()
        try:
            return await store.tenants()
        finally:
            await store.close()

    try:
        names = asyncio.run(migrate())
    except HirobaError as error:
        raise CommandError(error.detail) from error
    print(f"{directory}: {len(names)} tenant{'s' if len(names) > 1 else ''} in the form of this version")
