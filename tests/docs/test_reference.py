"""The reference is what the code says, nothing undocumented, nothing stale; the README's words are true."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from hiroba.cli.parser import build_parser
from hiroba.host.settings import reference
from hiroba.kernel.api.app import MODULES
from hiroba.kernel.api.ngsi_v2.app import MODULES as NGSI_V2_MODULES
from hiroba.kernel.model import errors

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), *ROOT.glob("*.md")])


def page(name: str) -> str:
    return (DOCS / "reference" / name).read_text(encoding="utf-8")


def test_the_reference_is_fresh() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "reference.py"), "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, f"run `make docs`: {done.stdout}{done.stderr}"


def test_every_setting_command_route_and_error_is_documented() -> None:
    assert not [one.key for one in reference() if f"`{one.key}`" not in page("settings.md")]
    assert not [
        path
        for module in (*MODULES, *NGSI_V2_MODULES)
        for _, path, *_ in module.ROUTES
        if f"`{path}`" not in page("routes.md")
    ]
    kinds = errors.HirobaError.__subclasses__()
    assert not [one.slug for one in kinds if f"`{one.slug}`" not in page("errors.md")]
    usage = build_parser().format_help()
    names = re.findall(r"^    ([a-z]+) ", usage, re.MULTILINE)
    assert len(names) > 8
    assert not [name for name in names if f"## hiroba {name}" not in page("commands.md")]


def test_every_route_says_what_it_does() -> None:
    silent = [line for line in page("routes.md").splitlines() if line.startswith("| `") and line.endswith("|  |")]
    assert not silent


@pytest.mark.parametrize("file", PAGES, ids=lambda file: str(file.relative_to(ROOT)))
def test_links_lead_somewhere(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    dead = []
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if "://" not in target and not (file.parent / target).exists():
            dead.append(target)
    assert not dead


def test_the_commands_that_the_pages_show_exist() -> None:
    known = set(re.findall(r"^    ([a-z]+) ", build_parser().format_help(), re.MULTILINE))
    shown = set()
    for file in PAGES:
        blocks = re.findall(r"```sh\n(.*?)```", file.read_text(encoding="utf-8"), re.DOTALL)
        for block in blocks:
            shown |= set(re.findall(r"hiroba ([a-z]+)", block))
    assert shown
    assert shown <= known


def test_the_verbs_that_the_pages_show_exist() -> None:
    verbs = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for file in PAGES:
        for block in re.findall(r"```sh\n(.*?)```", file.read_text(encoding="utf-8"), re.DOTALL):
            assert set(re.findall(r"^make ([a-z]+)", block, re.MULTILINE)) <= verbs, file


def test_both_languages_tell_the_same() -> None:
    english = (ROOT / "README.md").read_text(encoding="utf-8")
    japanese = (ROOT / "README.ja.md").read_text(encoding="utf-8")
    blocks = [re.findall(r"```sh\n(.*?)```", text, re.DOTALL) for text in (english, japanese)]
    assert blocks[0] == blocks[1]
    assert english.count("\n## ") == japanese.count("\n## ")
