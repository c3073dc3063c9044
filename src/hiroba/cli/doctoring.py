"""`hiroba doctor`."""

from __future__ import annotations

import argparse

from hiroba.cli.failing import CommandError
from hiroba.cli.serving import settings_of
from hiroba.host.diagnosis import diagnose

_MARKS = {"ok": "ok     ", "warning": "warning", "wrong": "WRONG  "}


def doctor_command(args: argparse.Namespace) -> None:
    """Print a line for each thing that was looked at; fails when something is wrong."""
    wrong = 0
    for one in diagnose(settings_of(args, host=args.host, port=args.port)):
        print(f"{_MARKS[one.state]}  {one.what}: {one.found}")
        if one.remedy:
            print(f"         → {one.remedy}")
        wrong += one.state == "wrong"
    if wrong:
        raise CommandError(f"{wrong} thing{'s' if wrong > 1 else ''} to mend")
