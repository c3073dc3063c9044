"""Virtual environments for other makers' clients, whose pins clash with ours and with each other.

Each is made once under `.venvs/` from its locked requirements and kept until these change.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PATIENCE = 600


class Unavailable(Exception):
    """Say why an environment could not be made."""


def interpreter(client: str) -> Path:
    """Return the Python of a client's own environment, made when there is none; raises Unavailable."""
    locked = ROOT / "requirements" / f"client-{client}.txt"
    folder = ROOT / ".venvs" / client
    python, stamp = folder / "bin" / "python", folder / "locked"
    digest = hashlib.sha256(locked.read_bytes() + sys.version.encode()).hexdigest()
    if stamp.is_file() and stamp.read_text(encoding="ascii") == digest and python.exists():
        return python
    _run([sys.executable, "-m", "venv", "--clear", str(folder)])
    pip = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", "--require-hashes"]
    _run([*pip, "-r", str(locked)])
    stamp.write_text(digest, encoding="ascii")
    return python


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(str(error)) from error
    if done.returncode:
        raise Unavailable((done.stderr or done.stdout).strip()[-400:])
