"""A real server in a process of a test's own, and one way to talk to it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any


def free_port() -> int:
    """Return a port of this machine that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Reply:
    """A server's answer; `body` is parsed JSON, the raw bytes when it is none, or None without one."""

    status: int
    headers: http.client.HTTPMessage
    body: Any


@dataclass
class Running:
    """A server process of a test's own."""

    process: subprocess.Popen[str]
    port: int
    log: Path

    @property
    def url(self) -> str:
        """Return the server's address."""
        return f"http://127.0.0.1:{self.port}"

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        """Send one request; keyword arguments are headers, with `_` for `-`. Bytes are sent as they are."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        if data is not None:
            sent.setdefault("Content-Type", "application/json")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=15)
        try:
            connection.request(method, path, data, sent)
            answer = connection.getresponse()
            raw = answer.read()
        finally:
            connection.close()
        try:
            parsed = json.loads(raw) if raw else None
        except ValueError:
            parsed = raw
        return Reply(answer.status, answer.headers, parsed)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End the server and return its exit code; SIGKILL after ten seconds of grace."""
        if self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        return self.process.returncode


def start(folder: Path, *arguments: str, port: int | None = None, wait: float = 30) -> Running:
    """Start `hiroba serve` and return it once it answers; raises AssertionError with its log when it does not."""
    port = port or free_port()
    log = folder / f"server-{port}.log"
    command = [sys.executable, "-m", "hiroba.cli.main", "serve", "--port", str(port), *arguments]
    environment = {**os.environ, "PYTHONWARNINGS": "default"}
    with log.open("w") as out:
        process = subprocess.Popen(
            command, cwd=folder, stdout=out, stderr=subprocess.STDOUT, text=True, env=environment
        )
    deadline = time.monotonic() + wait
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2):
                return Running(process, port, log)
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    process.kill()
    process.wait()
    raise AssertionError(f"the server did not answer on port {port}:\n{log.read_text()}")
