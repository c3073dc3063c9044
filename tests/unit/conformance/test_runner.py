"""The runner of the ETSI suite: what it does to the copy, how it counts, and what it says without a suite."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

RUNNER = Path(__file__).parents[2] / "conformance"


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(RUNNER))
    return importlib.import_module("run")


def suite(folder: Path) -> Path:
    """Make a clone of a suite with one test that needs the network."""
    file = folder / "TP" / "NGSI-LD" / "Some" / "001.robot"
    file.parent.mkdir(parents=True)
    address = (
        "https://forge.etsi.org/rep/cim/ngsi-ld-test-suite/-/raw/develop/resources/jsonld-contexts/compound.jsonld"
    )
    file.write_text(f'*** Variables ***\n${{context}}    {address}\n${{name}}    "避難所"\n', encoding="utf-8")
    (folder / "resources" / "jsonld-contexts").mkdir(parents=True)
    (folder / "resources" / "jsonld-contexts" / "compound.jsonld").write_text("{}", encoding="utf-8")
    for command in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "one"],
    ):
        subprocess.run(["git", "-C", str(folder), *command], check=True)
    return folder


@pytest.mark.skipif(shutil.which("git") is None, reason="no git: install Debian's git")
def test_the_copy_asks_this_machine_only(runner: Any, tmp_path: Path) -> None:
    original = suite(tmp_path / "suite")
    assert runner.offline.prepare(original, tmp_path / "copy") == 1
    text = (tmp_path / "copy" / "TP" / "NGSI-LD" / "Some" / "001.robot").read_text(encoding="utf-8")
    assert "http://127.0.0.1:18090/jsonld-contexts/compound.jsonld" in text
    assert "https://" not in text
    assert "避難所" in text
    assert "https://" in (original / "TP" / "NGSI-LD" / "Some" / "001.robot").read_text(encoding="utf-8")
    assert os.access(tmp_path / "copy" / "bin" / "docker", os.X_OK)


def test_tests_count_for_their_folder_and_area(runner: Any) -> None:
    key = "TP/NGSI-LD/ContextInformation/Provision/Entities/CreateEntity/001_01.robot::001_01 Create"
    assert runner.area_of(key) == "ContextInformation/Provision"
    assert runner.unit_of(key, ["TP/NGSI-LD"]) == "TP/NGSI-LD/ContextInformation/Provision/Entities/CreateEntity"
    file = key.partition("::")[0]
    assert runner.unit_of(key, [file]) == file
    assert runner.area_of("IOP_TP/NGSI-LD/Federation/Query/IOP_01.robot::one") == "IOP/Query"


def test_a_test_that_ends_differently_is_named(runner: Any, capsys: pytest.CaptureFixture[str]) -> None:
    one = {"a": {"passed": True}, "b": {"passed": True}}
    other = {"a": {"passed": True}, "b": {"passed": False}}
    runner.compare({"sqlite": {"tests": one}, "postgresql": {"tests": other}})
    said = capsys.readouterr().out
    assert said.startswith("\n1 tests end differently")
    assert "  b" in said
    assert "  a" not in said


def test_without_a_suite_it_says_how_to_get_it(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "ETSI_SUITE"}
    command = [sys.executable, str(RUNNER / "run.py"), "--work", str(tmp_path / "work")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "marek-mraz/ngsi-ld-test-suite" in done.stderr
    assert not (tmp_path / "work").exists()
