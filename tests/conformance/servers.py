"""Start the servers under test, each with a store of its own that is gone afterwards."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

PAGE = os.sysconf("SC_PAGESIZE")
Store = Callable[[Path], "contextlib.AbstractContextManager[str]"]
"""Makes an empty store in a folder and gives what `--store` takes."""
SETTINGS = {"HIROBA_LIMITS__TEMPORAL_INSTANCES": "30"}
"""What the suite expects of a server beyond its defaults: pages of histories that 2 x 20 instances do not fit in."""


@contextlib.contextmanager
def sqlite(folder: Path) -> Iterator[str]:
    """Give a directory for the embedded store."""
    yield str(folder / "store")


STORES: dict[str, Store] = {"sqlite": sqlite}


@contextlib.contextmanager
def serving(store: str, port: int, *, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run `hiroba serve` in the foreground on an empty store until the end of the block."""
    folder.mkdir(parents=True, exist_ok=True)
    with STORES[store](folder) as place, (folder / "server.log").open("ab") as log:
        command = [sys.executable, "-m", "hiroba.cli.main", "serve", "--store", place, "--port", str(port)]
        environment = {**os.environ, **SETTINGS}
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, start_new_session=True, env=environment)
        try:
            _wait(process, port)
            yield process
        finally:
            end(process)


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode} before it answered; see server.log")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/ngsi-ld/v1/types", timeout=5):
                return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("the server did not answer within a minute; see server.log")


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process and what it started: SIGTERM, and after eight seconds SIGKILL."""
    for how, patience in ((signal.SIGTERM, 8), (signal.SIGKILL, 5)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, how)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
            return


def resident(pid: int) -> int:
    """Return the largest resident size that a process has had, in bytes; 0 for one that is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return 0
    line = next((one for one in status.splitlines() if one.startswith("VmHWM:")), "VmHWM: 0 kB")
    return int(line.split()[1]) * 1024
