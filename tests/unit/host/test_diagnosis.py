"""The doctor: each thing that can be wrong is seen, and the remedy is told."""

import os
import shutil
import socket
from pathlib import Path
from typing import Any

import pytest

from hiroba.host import diagnosis
from hiroba.host.diagnosis import Diagnosis, diagnose
from hiroba.host.scaffold import scaffold
from hiroba.host.settings import Extensions, Mqtt, Settings


def look(tmp_path: Path, **changes: Any) -> dict[str, Diagnosis]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    settings = Settings(**{"store": str(tmp_path / "store"), "port": port, **changes})
    return {one.what: one for one in diagnose(settings)}


def test_all_is_well(tmp_path: Path) -> None:
    found = look(tmp_path)
    assert {"python", "sqlite", "store", "disk", "port", "console", "clock", "apps and agents"} <= set(found)
    assert [one for one in found.values() if one.state == "wrong"] == []
    assert not (tmp_path / "store").exists()


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        found = look(tmp_path, port=taken.getsockname()[1])["port"]
    assert found.state == "wrong"
    assert "--port" in found.remedy


def test_a_store_that_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("x")
    found = look(tmp_path)["store"]
    assert found.state == "wrong"
    assert "writable" in found.remedy


def test_a_store_without_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert look(tmp_path)["store"].state == "wrong"


def test_a_store_in_memory_is_warned_of(tmp_path: Path) -> None:
    assert look(tmp_path, store=":memory:")["store"].state == "warning"


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage)
    found = look(tmp_path)["disk"]
    assert (found.state, found.found) == ("wrong", "0.0 GiB free")


def test_a_clock_that_is_behind(tmp_path: Path) -> None:
    settings = Settings(store=str(tmp_path), port=0)
    old = {one.what: one for one in diagnose(settings, now=lambda: 0.0)}["clock"]
    assert old.state == "wrong"
    written = tmp_path / "default.db"
    written.write_text("")
    now = written.stat().st_mtime - 3600
    behind = {one.what: one for one in diagnose(settings, now=lambda: now)}["clock"]
    assert behind.state == "wrong"
    assert "last write" in behind.found


def test_a_console_that_is_not_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnosis, "STATIC", tmp_path)
    found = look(tmp_path)["console"]
    assert (found.state, found.remedy) == ("warning", "build it: make console")


def test_an_agents_peer(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as peer:
        port = peer.getsockname()[1]
        agents = {"mqtt": {"host": "127.0.0.1", "port": port}}
        assert look(tmp_path, agents=agents)["agent mqtt"].state == "ok"
    gone = look(tmp_path, agents=agents)["agent mqtt"]
    assert gone.state == "warning"
    assert f"127.0.0.1:{port} cannot be reached" in gone.found
    embedded = look(tmp_path, agents=agents, mqtt=Mqtt(embedded=True, port=port))
    assert "agent mqtt" not in embedded


def test_settings_and_folders_that_are_wrong(tmp_path: Path) -> None:
    assert "hots" in look(tmp_path, agents={"mqtt": {"hots": "x"}})["apps and agents"].found
    broken = tmp_path / "store" / "extensions" / "apps" / "broken"
    broken.mkdir(parents=True)
    (broken / "manifest.toml").write_text("id = ")
    found = look(tmp_path)["apps and agents"]
    assert found.state == "wrong"
    assert "broken" in found.found


def test_an_app_or_a_profile_that_the_server_would_stumble_over(tmp_path: Path) -> None:
    scaffold("app", "stumbling", into=tmp_path)
    package = tmp_path / "stumbling" / "__init__.py"
    package.write_text(package.read_text(encoding="utf-8") + "\nnothing\n", encoding="utf-8")
    line = package.read_text(encoding="utf-8").count("\n")
    found = look(tmp_path, extensions=Extensions(apps=(str(tmp_path / "stumbling"),)))["apps and agents"]
    assert found.state == "wrong"
    assert "app stumbling cannot be imported: NameError" in found.found
    assert f"({package}:{line})" in found.found
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "gauge.yaml").write_text("typ: RiverGauge", encoding="utf-8")
    found = look(tmp_path, agents={"http": {"profiles": [str(tmp_path / "profiles")]}})["apps and agents"]
    assert "unknown key 'typ'; did you mean 'type'" in found.found
