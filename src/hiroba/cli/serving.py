"""`hiroba serve`."""

from __future__ import annotations

import argparse
from typing import Any

from hiroba.cli.failing import CommandError
from hiroba.host.serve import ServeError, serve
from hiroba.host.settings import Settings, SettingsError, load_settings


def settings_of(args: argparse.Namespace, **flags: Any) -> Settings:
    """Return the settings for a command's arguments; raises CommandError naming what is wrong."""
    try:
        return load_settings(config=args.config, flags={"store": args.store, **flags})
    except SettingsError as error:
        raise CommandError(str(error), code=2) from error


def serve_command(args: argparse.Namespace) -> None:
    """Run the server in the foreground."""
    settings = settings_of(args, host=args.host, port=args.port, roles=args.roles)
    try:
        serve(settings)
    except ServeError as error:
        raise CommandError(str(error)) from error
