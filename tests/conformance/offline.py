"""Make a copy of the suite that needs no network, and the virtual environment that runs it."""

from __future__ import annotations

import functools
import http.server
import json
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

COMMIT = "5da9091"
"""The commit of the suite that the project's figures are about."""
CONTEXT_PORT = 18090
MQTT_PORT, MQTT_OTHER_PORT = 1883, 1884
CONTEXTS = f"http://127.0.0.1:{CONTEXT_PORT}/jsonld-contexts/"

_SUFFIXES = {".robot", ".resource", ".py", ".json", ".jsonld", ".geojson"}
_TOPS = ("TP", "IOP_TP", "data", "resources", "libraries")
_RAW = r"https://(?:raw\.githubusercontent\.com|forge\.etsi\.org/rep/cim/ngsi-ld-test-suite/-/raw)/"
_ELSEWHERE = (
    (_RAW + r"[^\s\"'<>]*?/resources/jsonld-contexts/", CONTEXTS),
    (_RAW + r"develop/\"\n\s*\"resources/jsonld-contexts/", CONTEXTS),
    (
        r"https://easy-global-market\.github\.io/ngsild-api-data-models/ngsildTestSuite/[^\s\"'<>]*-compound\.jsonld",
        CONTEXTS + "ngsi-ld-test-suite-compound.jsonld",
    ),
    (r"https://fiware\.github\.io/data-models/context\.jsonld", CONTEXTS + "data-models.jsonld"),
    (r"https://fiware\.github\.io/NGSI-LD_TestSuite/ldContext/testContext\.jsonld", CONTEXTS + "test-context.jsonld"),
    # a resource of the interoperability part names its broker by address
    (r"http://localhost:9090\$\{uri\}", "${{ $url.split('/ngsi-ld')[0] }}${uri}"),
)
_STAND_INS = ("data-models", "test-context")
"""Contexts that only exist on the network; the suite takes one term of each."""

_DOCKER = """#!/bin/sh
# The suite starts its MQTT broker by docker; this stands in and runs the machine's mosquitto.
PATH=$PATH:/usr/sbin
dir=$(dirname "$0")
stop() { [ -f "$dir/mqtt.pid" ] && kill "$(cat "$dir/mqtt.pid")" 2>/dev/null && sleep 0.3; rm -f "$dir/mqtt.pid"; }
case "$1" in
  run)
    stop
    for word in "$@"; do case "$word" in CONF=*) conf=${word#CONF=};; esac; done
    cp "$dir/../resources/mqttUtils/mosquitto/mosquitto_pwd" "$dir/passwords"
    echo >> "$dir/passwords"; chmod 600 "$dir/passwords"
    { [ "$(id -u)" -eq 0 ] && echo "user root"
      echo "listener PORT 127.0.0.1"; echo "listener OTHER 127.0.0.1"
      case "$conf" in
        *user*) echo "allow_anonymous false"; echo "password_file $dir/passwords";;
        *) echo "allow_anonymous true";;
      esac; } > "$dir/mqtt.conf"
    mosquitto -c "$dir/mqtt.conf" > "$dir/mqtt.log" 2>&1 &
    echo $! > "$dir/mqtt.pid"
    sleep 1;;
  rm|container) stop;;
esac
"""


def prepare(suite: Path, copy: Path) -> int:
    """Clone the suite, lead its remote addresses to this machine, and return the number of files rewritten."""
    stop_mqtt(copy)
    shutil.rmtree(copy, ignore_errors=True)
    subprocess.run(["git", "clone", "-q", str(suite), str(copy)], check=True)
    rewritten = 0
    for top in _TOPS:
        for file in (copy / top).rglob("*"):
            if file.suffix in _SUFFIXES and file.is_file():
                rewritten += _rewrite(file)
    for name in _STAND_INS:
        terms = {"@context": {"almostFull": f"https://example.org/{name}#almostFull"}}
        (copy / "resources" / "jsonld-contexts" / f"{name}.jsonld").write_text(json.dumps(terms), encoding="utf-8")
    docker = copy / "bin" / "docker"
    docker.parent.mkdir(exist_ok=True)
    script = _DOCKER.replace("OTHER", str(MQTT_OTHER_PORT)).replace("PORT", str(MQTT_PORT))
    docker.write_text(script, encoding="utf-8")
    docker.chmod(0o755)
    return rewritten


def _rewrite(file: Path) -> bool:
    before = file.read_bytes().decode("utf-8")
    after = before
    for pattern, address in _ELSEWHERE:
        after = re.sub(pattern, lambda _, to=address: to, after)
    if after != before:
        file.write_bytes(after.encode("utf-8"))
    return after != before


def stop_mqtt(copy: Path) -> None:
    """End the MQTT broker that a procedure may have left behind."""
    docker = copy / "bin" / "docker"
    if docker.exists():
        subprocess.run([str(docker), "rm"], stderr=subprocess.DEVNULL, check=False)


def environment(folder: Path, copy: Path) -> Path:
    """Return the Python of the virtual environment that has what the suite requires, made when it is not there."""
    python = folder / "bin" / "python"
    stamp = folder / ".made"
    if not stamp.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        lines = (copy / "requirements.txt").read_text(encoding="utf-8").splitlines()
        wanted = [line.removeprefix("-e ") for line in lines if line and not line.startswith("#")]
        install = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", *wanted]
        subprocess.run(install, cwd=copy, check=True)
        stamp.touch()
    return python


def commit_of(suite: Path) -> str:
    """Return the commit that a clone of the suite stands at."""
    done = subprocess.run(["git", "-C", str(suite), "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    return done.stdout.strip()


class _Contexts(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    extensions_map = {".jsonld": "application/ld+json", "": "application/octet-stream"}  # noqa: RUF012

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def serve_contexts(copy: Path) -> http.server.ThreadingHTTPServer:
    """Serve the suite's contexts on loopback until the process ends."""
    handler = functools.partial(_Contexts, directory=str(copy / "resources"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", CONTEXT_PORT), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
