"""The check of apps' and agents' folders: the built-in ones pass, and each thing that is wrong is found."""

from collections.abc import Callable
from pathlib import Path

import pytest

from hiroba.host.checks import check_folder
from hiroba.host.manifests import BUILT_IN, Kind, find_all
from hiroba.host.scaffold import ScaffoldError, scaffold


@pytest.mark.parametrize("package", BUILT_IN)
def test_what_is_built_in_passes(package: str) -> None:
    found = next(one for one in find_all() if one.package == package)
    assert [str(one) for one in check_folder(found.folder, kind=found.kind, package=package)] == []


@pytest.mark.parametrize("kind", ["app", "agent"])
def test_what_is_scaffolded_passes(kind: Kind, tmp_path: Path) -> None:
    name = f"made_{kind}_a"
    written = scaffold(kind, name, into=tmp_path)
    assert not any("{{" in file.read_text(encoding="utf-8") for file in written)
    assert [str(one) for one in check_folder(tmp_path / name, kind=kind)] == []


@pytest.mark.parametrize("name", ["Rain", "rain-watch", "1rain", "", "json", "class", "hiroba", "r" * 41, "雨"])
def test_names_that_cannot_be(name: str, tmp_path: Path) -> None:
    with pytest.raises(ScaffoldError):
        scaffold("app", name, into=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "rain").mkdir()
    with pytest.raises(ScaffoldError, match="is there already"):
        scaffold("app", "rain", into=tmp_path)
    assert list((tmp_path / "rain").iterdir()) == []


def replaced(before: str, after: str) -> Callable[[str], str]:
    def change(text: str) -> str:
        assert before in text
        return text.replace(before, after)

    return change


def added(more: str) -> Callable[[str], str]:
    return lambda text: text + more


MISTAKES: list[tuple[Kind, str, Callable[[str], str], str]] = [
    ("app", "manifest.toml", replaced('owner = "you"', ""), "'owner' is a required property"),
    ("app", "manifest.toml", replaced('version = "0.1.0"', ""), "version is missing"),
    ("app", "manifest.toml", replaced("about", "# about"), "about is missing"),
    ("app", "i18n/ja.toml", added('"only.here" = "x"\n'), "i18n/en.toml: 'only.here' is missing"),
    ("app", "i18n/en.toml", replaced('"Temperature to warn at (°C)"', '""'), "'settings.limit' is missing or empty"),
    ("app", "README.md", replaced("## Known limits", "## Limits"), "no heading '## Known limits'"),
    ("app", "models/alert.json", added("}"), "models/alert.json: is not JSON"),
    ("app", "panels/alerts.toml", replaced("ja =", "de ="), "panels/alerts.toml: title needs a text in ja and en"),
    ("app", "handlers.py", added("import numpy\n"), "imports numpy, which the manifest does not name"),
    ("app", "handlers.py", added("from hiroba.kernel.store import port\n"), "only hiroba.sdk is for apps"),
    ("app", "handlers.py", added("from hiroba import host\n"), "imports hiroba.host"),
    ("app", "handlers.py", added("from .routes import Routes\n"), "imports relatively"),
    ("app", "handlers.py", added("import socket\n"), "ask for the right 'network'"),
    ("app", "handlers.py", added("def f():\n    import json\n    return json\n"), "imports inside of f"),
    ("app", "handlers.py", added("print('hello')\n"), "does something when it is imported"),
    ("app", "handlers.py", added("def f(:\n"), "is not Python"),
    ("app", "handlers.py", added("def f():\n" + "    x = 1\n" * 81), "f has more than 80 lines"),
    ("app", "__init__.py", added("# more\n" * 60), "more than 60 lines"),
    ("app", "__init__.py", replaced("def setup", "def set_up"), "no function setup"),
    ("app", "__init__.py", replaced("app.react(", "app.rect("), "setup failed"),
    ("app", "__init__.py", added("\n\n1 / 0\n"), "does something when it is imported"),
    ("agent", "translate.py", added("import aiohttp\n"), "only client.py meets the network"),
    ("agent", "profiles/example.yaml", replaced("temp: 21.5", "temp: 22.5"), "sample example"),
    ("agent", "profiles/example.yaml", replaced("samples:", "smaples:"), "did you mean 'samples'"),
]


@pytest.mark.parametrize(("kind", "file", "change", "named"), MISTAKES, ids=lambda value: str(value)[:40])
def test_each_mistake_is_found(
    kind: Kind, file: str, change: Callable[[str], str], named: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    # a name of its own for each, since modules stay imported
    name = f"try_{abs(hash(request.node.name)) % 10**9}"
    scaffold(kind, name, into=tmp_path)
    target = tmp_path / name / file
    target.write_text(change(target.read_text(encoding="utf-8")), encoding="utf-8")
    findings = [str(one) for one in check_folder(tmp_path / name, kind=kind)]
    assert any(named in one for one in findings), findings


def test_a_folder_without_files(tmp_path: Path) -> None:
    (tmp_path / "empty_one").mkdir()
    (finding,) = check_folder(tmp_path / "empty_one", kind="app")
    assert "manifest.toml" in str(finding)
