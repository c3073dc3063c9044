"""`hiroba serve` as a process: it says when it is ready, ends cleanly, and says in one line why it cannot start."""

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

TOKEN = "a-token-of-many-characters"


def run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hiroba.cli.main", *arguments], cwd=folder, env={**os.environ, **environment},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_says_once_that_it_is_ready_and_ends_cleanly(how: signal.Signals, start_server: Callable[..., Any]) -> None:
    server = start_server("--store", "store")
    assert server.call("GET", "/ready").status == 200
    assert server.stop(how) == 0
    lines = server.log.read_text().splitlines()
    assert len([line for line in lines if "ready at" in line]) == 1
    assert f"http://127.0.0.1:{server.port}" in lines[-1]
    assert not any("Traceback" in line or "ERROR" in line for line in lines)


_STUBBORN = """
import asyncio
from hiroba.host.serve import serve
from hiroba.host.settings import Settings

async def company(url):
    print(url, flush=True)
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            if cancelled:
                raise
            cancelled.append(True)

cancelled = []
serve(Settings(port=0, store=":memory:"), on_ready=company)
"""


def test_company_that_does_not_want_to_end_does_not_keep_the_server() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", _STUBBORN], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("http://")
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "what ran beside the server does not end" in told


def test_it_ends_while_a_browser_listens(start_server: Callable[..., Any]) -> None:
    server = start_server("--store", ":memory:")
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request("GET", "/stream")
    answer = connection.getresponse()
    assert answer.status == 200
    assert b"retry" in answer.readline()
    rest: list[bytes] = []
    reader = threading.Thread(target=lambda: rest.append(answer.read()))
    reader.start()
    assert server.stop() == 0
    reader.join(20)
    assert not reader.is_alive()
    connection.close()
    assert "Traceback" not in server.log.read_text()


def test_what_was_written_is_there_after_a_restart(start_server: Callable[..., Any]) -> None:
    server = start_server("--store", "store")
    entity = {"id": "urn:ngsi-ld:T:1", "type": "T"}
    assert server.call("POST", "/ngsi-ld/v1/entities", entity).status == 201
    assert server.stop() == 0
    again = start_server("--store", "store")
    assert again.call("GET", "/ngsi-ld/v1/entities/urn:ngsi-ld:T:1").body == entity


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run(tmp_path, "serve", "--port", str(port))
    assert done.returncode == 1
    assert re.fullmatch(rf"hiroba serve: cannot listen on 127\.0\.0\.1 port {port}: .*\n", done.stderr)
    assert not (tmp_path / "hiroba-data").exists()


def test_the_doctor_knows_a_server_that_is_running(tmp_path: Path, start_server: Callable[..., Any]) -> None:
    server = start_server("--store", "store")
    port = server.url.rpartition(":")[2]
    done = run(tmp_path, "doctor", "--port", port, "--store", "store")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"port: 127.0.0.1 port {port}: Hiroba is running there" in done.stdout
    server.stop()
    assert f"port: 127.0.0.1 port {port} is free" in run(tmp_path, "doctor", "--port", port, "--store", "store").stdout


def test_a_port_of_the_embedded_broker_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        settings = {"HIROBA_MQTT__EMBEDDED": "true", "HIROBA_MQTT__PORT": port}
        done = run(tmp_path, "serve", "--port", "0", "--store", ":memory:", **settings)
    assert done.returncode == 1
    assert done.stderr.startswith(f"hiroba serve: the embedded MQTT broker cannot listen on 127.0.0.1:{port}: ")
    assert done.stderr.count("\n") == 1


def test_a_store_that_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file where a folder should be")
    done = run(tmp_path, "serve", "--port", "0", "--store", "store")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert done.stderr == "hiroba serve: The store directory store is not a directory. Name a folder for the store.\n"


def test_two_servers_on_one_store(tmp_path: Path, start_server: Callable[..., Any]) -> None:
    start_server("--store", "store")
    done = run(tmp_path, "serve", "--port", "0", "--store", "store")
    assert done.returncode == 1
    assert "Another Hiroba is using the store" in done.stderr


def test_settings_that_nobody_knows(tmp_path: Path) -> None:
    (tmp_path / "hiroba.toml").write_text("[agents.mqtt]\nhots = 'x'\n")
    done = run(tmp_path, "serve", "--port", "0", "--store", ":memory:")
    assert done.returncode == 1
    assert "no setting 'agents.mqtt.hots'; did you mean 'host'" in done.stderr
    (tmp_path / "hiroba.toml").write_text("[apps.nothing]\n")
    assert "there is no app 'nothing'" in run(tmp_path, "serve", "--port", "0", "--store", ":memory:").stderr
    (tmp_path / "hiroba.toml").unlink()
    done = run(tmp_path, "serve", "--port", "0", "--store", ":memory:", HIROBA_PROT="1")
    assert done.returncode == 2
    assert "HIROBA_PROT" in done.stderr


def test_the_token_guards_the_server(start_server: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HIROBA_TOKEN", TOKEN)
    server = start_server("--store", ":memory:", "--host", "0.0.0.0")
    for path in ("/ngsi-ld/v1/entities?local=true", "/api/info", "/apps/map/layers", "/stream", "/metrics"):
        assert server.call("GET", path).status == 401
    assert server.call("POST", "/agents/http/environment-sensor/1", {"temperature": 1}).status == 401
    assert server.call("GET", "/health").status == 200
    assert server.call("GET", "/api/agents", Authorization=f"Bearer {TOKEN}").body[1]["received"] == 0
    opened = server.call("POST", "/api/session", {"token": TOKEN})
    cookie = opened.headers["Set-Cookie"].partition(";")[0]
    assert server.call("GET", "/api/info", Cookie=cookie).status == 200


def test_the_hosts_own_answers(start_server: Callable[..., Any]) -> None:
    server = start_server("--store", ":memory:")
    assert server.call("GET", "/api/info").body["name"] == "Hiroba"
    assert server.call("GET", "/api/tenants").body == [""]
    assert {app["id"] for app in server.call("GET", "/api/apps").body} >= {"map", "imports"}
    assert {agent["id"] for agent in server.call("GET", "/api/agents").body} == {"mqtt", "http"}
    assert server.call("GET", "/api/agents/nothing/rejects").status == 404
    assert server.call("GET", "/api/agents/http/rejects?limit=x").status == 400
    assert server.call("GET", "/api/nothing").body["type"].endswith("/ResourceNotFound")
    assert server.call("GET", "/apps/nothing").status == 404
    assert len(server.call("GET", "/api/vocabulary").body) > 5


def test_roles_leave_out_what_is_not_asked_for(start_server: Callable[..., Any]) -> None:
    server = start_server("--store", ":memory:", "--roles", "api")
    assert server.call("GET", "/api/apps").body == []
    assert server.call("GET", "/api/agents").body == []
    assert server.call("GET", "/ngsi-ld/v1/entities?local=true").status == 200


def test_backup_while_serving_and_restore(tmp_path: Path, start_server: Callable[..., Any]) -> None:
    server = start_server("--store", "store")
    for tenant in ("", "北"):
        header = {"NGSILD_Tenant": tenant.encode().decode("latin-1")} if tenant else {}
        entity = {"id": f"urn:ngsi-ld:T:{tenant or 'main'}", "type": "T"}
        assert server.call("POST", "/ngsi-ld/v1/entities", entity, **header).status == 201
    saved = run(tmp_path, "backup", "town.tar", "--store", "store")
    assert saved.returncode == 0, saved.stderr
    assert "北: 1 entities" in saved.stdout
    assert "is there already" in run(tmp_path, "backup", "town.tar", "--store", "store").stderr
    server.call("DELETE", "/ngsi-ld/v1/entities/urn:ngsi-ld:T:main")
    busy = run(tmp_path, "restore", "town.tar", "--store", "store", "--force")
    assert busy.returncode == 1
    assert "Another Hiroba" in busy.stderr
    server.stop()
    refused = run(tmp_path, "restore", "town.tar", "--store", "store")
    assert refused.returncode == 1
    assert "--force" in refused.stderr or "force" in refused.stderr
    done = run(tmp_path, "restore", "town.tar", "--store", "store", "--force")
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "store" / "apps").exists()
    assert run(tmp_path, "migrate", "--store", "store").stdout == "store: 2 tenants in the form of this version\n"
    again = start_server("--store", "store")
    assert again.call("GET", "/ngsi-ld/v1/entities/urn:ngsi-ld:T:main").status == 200
    assert again.call("GET", "/api/tenants").body == ["", "北"]


def test_the_pages_may_fetch_from_the_towns_own_background(start_server: Any, tmp_path: Path) -> None:
    title = '{ja = "町", en = "Town"}'
    tiles = "https://tiles.shiomi.example:8443/{z}/{x}/{y}.png"
    background = f'{{id = "own", title = {title}, tiles = "{tiles}", attribution = "町"}}'
    (tmp_path / "hiroba.toml").write_text(f"[apps.map]\nbackgrounds = [{background}]\n", encoding="utf-8")
    server = start_server("--store", ":memory:")
    (own,) = server.call("GET", "/apps/map/settings").body["backgrounds"]
    assert own["id"] == "own"
    policy = server.call("GET", "/", Accept="text/html").headers["content-security-policy"]
    assert "img-src 'self' data: blob: https://tiles.shiomi.example:8443;" in policy
    assert "gsi.go.jp" not in policy
