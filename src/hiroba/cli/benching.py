"""`hiroba bench`."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import hiroba
from hiroba.cli.failing import CommandError


def run(args: argparse.Namespace) -> int:
    """Run the benchmark of the source tree; raises CommandError where only the installed package is."""
    root = Path(hiroba.__file__).parents[2]
    if not (root / "bench" / "run.py").is_file():
        raise CommandError("the benchmark is part of the source tree; run `make bench` there")
    return subprocess.run([sys.executable, "-m", "bench.run", *args.arguments], cwd=root, check=False).returncode
