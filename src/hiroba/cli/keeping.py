"""`hiroba backup`, `restore` and `migrate`."""

from __future__ import annotations

import argparse
import asyncio
from datetime import UTC, datetime
from pathlib import Path

from hiroba.cli.failing import CommandError
from hiroba.cli.serving import settings_of
from hiroba.host import stores
from hiroba.host.settings import Settings
from hiroba.kernel.model.errors import HirobaError


def _settings(args: argparse.Namespace, what: str) -> Settings:
    settings = settings_of(args)
    if settings.memory:
        raise CommandError(f"a store in memory cannot be {what}; name a folder with --store")
    return settings


def backup_command(args: argparse.Namespace) -> None:
    """Copy all tenants into one file, whether or not a server runs."""
    settings = _settings(args, "backed up")
    if args.file.exists():
        raise CommandError(f"{args.file} is there already; name a new file")

    async def copy() -> None:
        async for line in stores.backup(settings, args.file):
            print(line)

    try:
        asyncio.run(copy())
    except HirobaError as error:
        raise CommandError(error.detail) from error
    except OSError as error:
        raise CommandError(f"{args.file} cannot be written: {error.strerror}") from error


def restore_command(args: argparse.Namespace) -> None:
    """Put a backup's tenants into a store that no server uses."""
    settings = _settings(args, "restored")
    if not args.file.is_file():
        raise CommandError(f"{args.file} is not a file")
    try:
        names = asyncio.run(stores.restore(settings, args.file, force=args.force))
        assert settings.own_folder is not None
        _set_aside(settings.own_folder / "apps")
    except HirobaError as error:
        raise CommandError(error.detail) from error
    except OSError as error:
        raise CommandError(f"{settings.own_folder} cannot be written: {error}") from error
    for name in names:
        print(f"{name or 'default tenant'} is restored")


def _set_aside(folder: Path) -> None:
    """Move what apps kept beside the old data out of their way: it does not belong to the restored data."""
    if folder.is_dir():
        now = datetime.now(UTC)
        folder.rename(folder.with_name(f"{folder.name}-before-{now:%Y%m%dT%H%M%S%f}"))


def migrate_command(args: argparse.Namespace) -> None:
    """Open the store, which brings it to the present form."""
    settings = _settings(args, "migrated")
    if not settings.in_postgresql and not Path(settings.store).is_dir():
        raise CommandError(f"{Path(settings.store)} is not there; name the store's folder with --store")

    async def migrate() -> list[str]:
        store = stores.store_of(settings)
        await store.open()
        try:
            return await store.tenants()
        finally:
            await store.close()

    try:
        names = asyncio.run(migrate())
    except HirobaError as error:
        raise CommandError(error.detail) from error
    print(f"{settings.store_shown}: {len(names)} tenant{'s' if len(names) > 1 else ''} in the form of this version")
