"""The command line: every command has help with an example, and failures are one line with a code."""

import argparse
import importlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hiroba.cli.failing import CommandError
from hiroba.cli.main import main
from hiroba.cli.parser import build_parser


def commands(parser: argparse.ArgumentParser, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, below in action.choices.items():
                yield (*path, name), below
                yield from commands(below, (*path, name))


ALL = dict(commands(build_parser()))


def test_the_commands_that_others_rely_on_are_there() -> None:
    words = {" ".join(path) for path in ALL}
    assert words >= {
        "serve", "demo", "import", "backup", "restore", "migrate", "doctor", "bench", "app new", "app check",
        "app list", "app install", "agent new", "agent check", "agent list",
    }  # fmt: skip


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_help_has_an_example_that_parses(path: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main([*path, "--help"])
    assert end.value.code == 0
    shown = capsys.readouterr().out
    example = shown.partition("example:\n")[2].strip()
    assert example.startswith("hiroba "), shown
    args = build_parser().parse_args(example.split()[1:])
    module, _, function = args.handler.partition(":")
    assert callable(getattr(importlib.import_module(module), function))


@pytest.mark.parametrize("arguments", [[], ["nothing"], ["app"], ["serve", "--port", "x"], ["backup"]])
def test_what_is_misunderstood_ends_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    told = capsys.readouterr().err
    assert told.startswith("hiroba")
    assert told.endswith(" --help\n")
    assert told.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (["serve", "--host", "0.0.0.0"], 2, "hiroba serve: setting 'token': listening on 0.0.0.0 lets others in"),
        (["serve", "--store", "mysql://x"], 2, "hiroba serve: setting 'store': mysql:// is not a store"),
        (["serve", "--roles", "api,cook"], 2, "hiroba serve: setting 'roles': 'cook' is not one of"),
        (["serve", "--config", "nowhere.toml"], 2, "hiroba serve: nowhere.toml: there is no such file\n"),
        (["backup", "b.tar"], 1, "hiroba backup: hiroba-data holds no store"),
        (["backup", "b.tar", "--store", ":memory:"], 1, "hiroba backup: a store in memory cannot be backed up"),
        (["restore", "b.tar"], 1, "hiroba restore: b.tar is not a file"),
        (["migrate"], 1, "hiroba migrate: hiroba-data is not there"),
        (["app", "new", "Bad-Name"], 1, "hiroba app: 'Bad-Name' cannot be an id"),
        (
            ["import", ".", "--url", "127.0.0.1:1026"],
            1,
            "hiroba import: --url: '127.0.0.1:1026' is not an address; http",
        ),
        (["import", ".", "--url", "htp://x"], 1, "hiroba import: --url: 'htp://x' is not an address; http://127.0.0.1"),
        (["app", "check", "nowhere"], 1, "hiroba app: nowhere is not a folder"),
    ],
)
def test_failures_are_one_line(
    arguments: list[str], code: int, line: str, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == code
    told = capsys.readouterr().err
    assert told.startswith(line)
    assert told.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("settings", "arguments", "address"),
    [
        ("port = 3", [], "http://127.0.0.1:3"),
        ('port = 4\nhost = "0.0.0.0"\ntoken = "a-token-of-many-characters"', [], "http://127.0.0.1:4"),
        ('port = 5\nhost = "::"\ntoken = "a-token-of-many-characters"', [], "http://[::1]:5"),
        ("port = 6", ["--url", "http://127.0.0.1:7/"], "http://127.0.0.1:7"),
    ],
)
def test_an_import_goes_where_the_settings_listen(
    settings: str, arguments: list[str], address: str, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    Path("hiroba.toml").write_text(settings)
    Path("parks.csv").write_text("name\n")
    assert main(["import", *arguments, "parks.csv"]) == 1
    assert capsys.readouterr().err.startswith(f"hiroba import: no city answers at {address} (Connection refused); ")


@pytest.mark.parametrize("there", [True, False])
def test_a_new_app_says_how_to_try_its_tests(
    there: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("hiroba.cli.extending.find_spec", lambda _name: object() if there else None)
    assert main(["app", "new", "rain", "--into", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert f"python -m pytest {tmp_path / 'rain'}" in told
    assert ("-m pip install pytest" in told) is not there


def test_an_interrupt_ends_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("hiroba.cli.keeping.migrate_command", interrupted)
    assert main(["migrate"]) == 130


def test_an_interrupted_import_says_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    async def interrupted(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.setattr("hiroba.cli.importing._Import.carry_out", interrupted)
    (tmp_path / "a.csv").write_text("x")
    assert main(["import", str(tmp_path)]) == 130
    told = capsys.readouterr().err
    assert told == "hiroba import: interrupted; what was written stays, and the same command again writes the rest\n"


def test_a_command_error_carries_its_code() -> None:
    assert CommandError("x", code=7).code == 7


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys\nfrom hiroba.cli.main import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "print([m for m in sys.modules if m.startswith(('hiroba.host', 'hiroba.kernel', 'uvicorn', 'shapely'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


_SLOW = """
import importlib, sys, time
from hiroba.cli.main import main

def slow(name):
    print("importing", flush=True)
    try:
        time.sleep(60)
    except KeyboardInterrupt as error:
        raise ImportError("a library that was broken off while it was loaded") from error

importlib.import_module = slow
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize(
    ("command", "how", "code"),
    [
        ("serve", signal.SIGINT, 130), ("serve", signal.SIGTERM, 0), ("demo", signal.SIGINT, 130),
        ("demo", signal.SIGTERM, 0), ("doctor", signal.SIGINT, 130), ("doctor", signal.SIGTERM, -signal.SIGTERM),
    ],
)  # fmt: skip
def test_an_end_in_the_middle_of_imports_is_quiet(command: str, how: signal.Signals, code: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", _SLOW, command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "importing\n"
    process.send_signal(how)
    said, complaints = process.communicate(timeout=30)
    assert (process.returncode, said, complaints) == (code, "", "")


def test_the_handlers_of_the_caller_are_there_again() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    main(["app", "check", "/nowhere"])
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
