"""Start servers pinned to a core, and read what they spend."""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import client

ROOT = Path(__file__).parents[1]
STEP = 1 / os.sysconf("SC_CLK_TCK")
CORE = "0"
"""Where servers run; who asks them runs on another one, when there is one."""


@contextmanager
def server(command: list[str], port: int) -> Iterator[int]:
    """Run a server pinned to one core until the end of the block; gives its process id."""
    process = subprocess.Popen(["taskset", "-c", CORE, *command], cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        wait_for(f"http://127.0.0.1:{port}/health", process)
        yield process.pid
    finally:
        process.terminate()
        process.wait(20)


def wait_for(address: str, process: subprocess.Popen[bytes], *, seconds: float = 60) -> bytes:
    """Return what an address answers as soon as it does; raises RuntimeError when its server ends or is silent."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=2) as answer:
                body: bytes = answer.read()
                return body
        except OSError:
            time.sleep(0.02)
    raise RuntimeError(f"no answer from {address}")


def cpu_seconds(pid: int) -> float:
    """Return the CPU time a process has used so far, all threads, user and system, in steps of 10 ms."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * STEP


def resident(pid: int) -> int:
    """Return the resident memory of a process in bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGESIZE")


def measure(pid: int, port: int, requests: list[bytes], connections: int = 32) -> tuple[float, float, int]:
    """Return CPU µs per request, requests a second, bytes of an answer's body; refuses a run with a failed request."""
    before, started = cpu_seconds(pid), time.perf_counter()
    answers = asyncio.run(client.run(port, requests, connections))
    elapsed, spent = time.perf_counter() - started, cpu_seconds(pid) - before
    failed = {status: count for status, count in answers.statuses.items() if status >= 300}
    if failed:
        raise RuntimeError(f"requests failed: {failed}")
    size = answers.body_bytes // len(requests)
    return spent / len(requests) * 1e6, len(requests) / elapsed, size
