"""A real mosquitto of a test's own, on loopback."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
PASSWORDS = shutil.which("mosquitto_passwd")
MISSING = "mosquitto is not installed: apt install mosquitto"


@contextmanager
def running_mosquitto(
    folder: Path, port: int, *, user: str = "", password: str = "", certificate: tuple[Path, Path] | None = None
) -> Iterator[int]:
    """Run mosquitto until the block ends; with a user it lets in nobody else, with certificate and key it is TLS."""
    lines = [f"listener {port} 127.0.0.1", f"allow_anonymous {'false' if user else 'true'}", "user root"]
    if user:
        file = folder / f"passwords-{port}"
        subprocess.run([str(PASSWORDS), "-c", "-b", str(file), user, password], check=True, capture_output=True)
        lines.append(f"password_file {file}")
    if certificate:
        lines += [f"certfile {certificate[0]}", f"keyfile {certificate[1]}"]
    config = folder / f"mosquitto-{port}.conf"
    config.write_text("\n".join(lines) + "\n")
    process = subprocess.Popen(
        [str(MOSQUITTO), "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 10
        while process.poll() is None and time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.02)
        assert process.poll() is None, "mosquitto ended at once"
        yield port
    finally:
        process.terminate()
        process.wait()
