"""Read the ledger of the standard's clauses, find what is wrong in it, and write the conformance page from it."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
LEDGER = ROOT / "docs" / "spec" / "ngsi-ld"
STANDARD = "ETSI GS CIM 009 V1.9.1"
STATUSES = {
    "implemented": "done as the clause says; the tests named show it",
    "partial": "done in part; the summary says what is missing",
    "missing": "not done",
    "informative": "asks nothing of a broker",
}
SHOWN = {"implemented": "yes", "partial": "in part", "missing": "no", "informative": ""}


@dataclass(frozen=True, slots=True)
class Row:
    """One clause: its number and title, what it asks in our words, how far Hiroba is, and the tests that show it."""

    clause: str
    title: str
    summary: str
    status: str
    tests: tuple[str, ...]

    @property
    def order(self) -> tuple[tuple[int, object], ...]:
        """Return what sorts clauses as the standard does."""
        return tuple((0, int(part)) if part.isdigit() else (1, part) for part in self.clause.split("."))


def rows(folder: Path = LEDGER) -> list[Row]:
    """Return all rows in the standard's order; raises ValueError for one that is no row."""
    found: list[Row] = []
    for file in sorted(folder.glob("*.yaml")):
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
        for clause, members in document.items():
            if not isinstance(clause, str) or not isinstance(members, dict):
                raise ValueError(f"{file.name}: {clause!r} is no clause with members; put its number in quotes")  # noqa: TRY004
            unknown = members.keys() - {"title", "summary", "status", "tests"}
            if unknown:
                raise ValueError(f"{file.name}: {clause} has unknown members: {', '.join(sorted(unknown))}")
            texts = [str(members.get(name, "")) for name in ("title", "summary", "status")]
            found.append(Row(clause, *texts, tuple(members.get("tests", ()))))
    return sorted(found, key=lambda row: row.order)


def problems(found: list[Row], root: Path = ROOT) -> list[str]:
    """Return what is wrong with rows, a line each; tests are looked up below `root`."""
    wrong = [f"{clause} stands twice" for clause, n in Counter(row.clause for row in found).items() if n > 1]
    known: dict[str, set[str]] = {}
    for row in found:
        if not row.title or not row.summary:
            wrong.append(f"{row.clause} lacks its title or summary")
        if "\n" in row.summary.strip():
            wrong.append(f"{row.clause}: the summary is more than one line")
        if row.status not in STATUSES:
            wrong.append(f"{row.clause}: the status {row.status!r} is none of {', '.join(STATUSES)}")
        if row.status == "implemented" and not row.tests:
            wrong.append(f"{row.clause} is implemented, but names no test")
        for test in row.tests:
            file, _, name = test.partition("::")
            if file not in known:
                known[file] = set(_tests(root / file)) if (root / file).is_file() else set()
            if name.partition("[")[0] not in known[file]:
                wrong.append(f"{row.clause}: there is no test {test}")
    return wrong


def _tests(file: Path) -> Iterator[str]:
    """Yield the tests of a file, as pytest names them within it."""
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
            yield node.name
        elif isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef) and inner.name.startswith("test"):
                    yield f"{node.name}::{inner.name}"


def page() -> str:
    """Return the conformance page."""
    found = rows()
    counts = Counter(row.status for row in found)
    lines = [
        "# Conformance\n",
        f"The clauses of {STANDARD} in chapters 4 to 7, what each asks in our words, and the tests that",
        "show that Hiroba does it. Where a",
        "test of the ETSI suite and the standard disagree, see [the deviations](../spec/deviations.md).\n",
        "| status | clauses | meaning |",
        "| --- | --- | --- |",
        *(f"| {name} | {counts[name]} | {meaning} |" for name, meaning in STATUSES.items()),
    ]
    chapter = ""
    for row in found:
        top = row.clause.partition(".")[0]
        if top != chapter:
            chapter = top
            lines += [f"\n## Chapter {top}\n", "| clause | title | what it asks | done | tests |", "| --- " * 5 + "|"]
        tests = "<br>".join(f"`{test}`" for test in row.tests)
        cells = (row.clause, row.title, row.summary.strip(), SHOWN[row.status], tests)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"
