"""`hiroba demo`."""

from __future__ import annotations

import argparse

from hiroba.cli.failing import CommandError
from hiroba.demo import town
from hiroba.host.serve import ServeError
from hiroba.host.settings import SettingsError


def demo_command(args: argparse.Namespace) -> None:
    """Run the demo town until SIGTERM or Ctrl-C."""
    try:
        town.run(port=args.port, keep=args.keep)
    except (ServeError, SettingsError) as error:
        raise CommandError(str(error)) from error
