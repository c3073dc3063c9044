"""The habits of the code base that a program can check."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "hiroba"
MODULES = sorted(SOURCE.rglob("*.py"))
CODE = [*MODULES, *sorted((ROOT / "tests").rglob("*.py")), *sorted((ROOT / "bench").rglob("*.py"))]

MODULE_LINES, MODULE_LINES_HARD = 400, 600
FUNCTION_LINES, FUNCTION_LINES_HARD = 50, 80
OVER_MODULE_LINES = 0
OVER_FUNCTION_LINES = 0
"""How many are over the soft limits; the counts may only fall."""
BANNED = re.compile(r"(^|_)(utils?|helpers?|common|manager|misc|service)(_|$)|(Manager|Helper|Util|Utils|Service)$")


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def lines_of(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


@pytest.fixture(scope="module")
def trees() -> dict[Path, ast.Module]:
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in MODULES}


def test_there_is_something_to_check() -> None:
    assert len(MODULES) > 50


def test_no_module_is_over_the_hard_limit() -> None:
    long = {name_of(path): lines for path in CODE if (lines := count(path)) > MODULE_LINES_HARD}
    assert not long


def test_few_modules_are_over_the_soft_limit() -> None:
    long = {name_of(path): lines for path in MODULES if (lines := count(path)) > MODULE_LINES}
    assert len(long) <= OVER_MODULE_LINES, long


def count(path: Path) -> int:
    return path.read_text(encoding="utf-8").count("\n")


def test_functions_stay_short(trees: dict[Path, ast.Module]) -> None:
    sizes = {
        f"{name_of(path)}:{node.lineno} {node.name}": lines_of(node)
        for path, tree in trees.items()
        for node in functions(tree)
    }
    assert not {name: size for name, size in sizes.items() if size > FUNCTION_LINES_HARD}
    soft = {name: size for name, size in sizes.items() if size > FUNCTION_LINES}
    assert len(soft) <= OVER_FUNCTION_LINES, soft


def test_no_import_hides_in_a_function(trees: dict[Path, ast.Module]) -> None:
    hidden = [
        f"{name_of(path)}:{inner.lineno}"
        for path, tree in trees.items()
        for node in functions(tree)
        for inner in ast.walk(node)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    ]
    assert not hidden


def test_no_vague_names(trees: dict[Path, ast.Module]) -> None:
    vague = [name_of(path) for path in MODULES if BANNED.search(path.stem)]
    vague += [name_of(path) for path in MODULES if BANNED.search(path.parent.name)]
    vague += [
        f"{name_of(path)}: {node.name}"
        for path, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and BANNED.search(node.name)
    ]
    assert not vague


def test_every_module_and_public_name_says_what_it_is(trees: dict[Path, ast.Module]) -> None:
    silent = []
    for path, tree in trees.items():
        if not ast.get_docstring(tree):
            silent.append(name_of(path))
        for node in tree.body:
            public = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name[0] != "_"
            if public and not ast.get_docstring(node):  # type: ignore[arg-type]
                silent.append(f"{name_of(path)}: {node.name}")  # type: ignore[union-attr]
    assert not silent


def test_no_error_is_swallowed(trees: dict[Path, ast.Module]) -> None:
    swallowed = [
        f"{name_of(path)}:{node.lineno}"
        for path, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler) and len(node.body) == 1 and isinstance(node.body[0], ast.Pass)
    ]
    assert not swallowed


def test_no_folder_is_only_a_hope() -> None:
    empty = [name_of(folder) for folder in SOURCE.rglob("*") if folder.is_dir() and not any(folder.iterdir())]
    assert not empty


def test_nothing_is_fetched_at_run_time() -> None:
    hosts = re.compile(r"https?://[^\s\"'<>)]*(cdn|unpkg|jsdelivr|googleapis|gstatic)", re.IGNORECASE)
    found = [name_of(path) for path in MODULES if hosts.search(path.read_text(encoding="utf-8"))]
    assert not found


def test_locked_dependencies_carry_hashes_and_no_addresses() -> None:
    for lock in (ROOT / "requirements").glob("*.txt"):
        text = lock.read_text(encoding="utf-8")
        assert "--hash=sha256:" in text, lock
        assert "://" not in text, lock
    for lock in ROOT.glob("*/package-lock.json"):
        assert '"resolved"' not in lock.read_text(encoding="utf-8"), lock


def test_no_cancellation_is_lost(trees: dict[Path, ast.Module]) -> None:
    """`asyncio.wait_for` of Python 3.11 loses one that comes together with the result; `asyncio.timeout` does not."""
    lossy = [
        f"{name_of(path)}:{node.lineno}"
        for path, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node) == "asyncio.wait_for"
    ]
    assert not lossy
