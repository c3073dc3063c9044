"""The pages on NGSIv2 are true: each row of the table has its test, each command of the how-to works."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from real_server import Running

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests" / "acceptance" / "test_ngsi_v2_and_ld.py"


def test_each_row_names_its_test_and_each_test_has_its_row() -> None:
    page = (ROOT / "docs" / "reference" / "ngsi-v2.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| ") and "---" not in line][1:]
    named = re.findall(r"\| `(test_\w+)` \|$", "\n".join(rows), re.MULTILINE)
    written = re.findall(r"^def (test_\w+)", TESTS.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(named) == len(rows) > 20
    assert sorted(named) == sorted(written)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed: apt install curl")
def test_the_commands_of_the_how_to_work(server: Running) -> None:
    page = (ROOT / "docs" / "howto" / "ngsi-v2.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    commands = re.split(r"\n(?=curl )", "\n".join(block.strip() for block in blocks))
    assert len(commands) == 7
    said = []
    for command in commands:
        here = command.replace("http://127.0.0.1:1026", server.url)
        done = subprocess.run(
            ["bash", "-c", here.replace("curl ", "curl -sS -g -w '\\n%{http_code}' ", 1)],
            capture_output=True,
            text=True,
            timeout=20,
        )
        body, _, status = done.stdout.rpartition("\n")
        assert status in ("200", "201", "204"), (command, done.stdout, done.stderr)
        said.append(json.loads(body) if body else None)
    assert said[1] == [{"id": "Room1", "type": "Room", "temperature": 21.5, "location": "34.34, 134.05"}]
    assert [one["id"] for one in said[2]] == ["Room1"]
    assert said[6]["temperature"]["value"] == 25
