"""The ledger of the standard's clauses is whole, and what it calls implemented has tests that exist."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def ledger(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    return importlib.import_module("ledger")


def test_nothing_is_wrong_in_the_ledger(ledger: Any) -> None:
    assert ledger.problems(ledger.rows()) == []


def test_every_clause_of_the_chapters_that_bind_a_broker_has_a_row(ledger: Any) -> None:
    counts: dict[str, int] = {}
    for row in ledger.rows():
        chapter = row.clause.partition(".")[0]
        counts[chapter] = counts.get(chapter, 0) + 1
    assert counts == {"4": 118, "5": 470, "6": 230, "7": 3}


@pytest.mark.parametrize(
    ("members", "complaint"),
    [
        ({"status": "implemented"}, "is implemented, but names no test"),
        ({"status": "done"}, "the status 'done' is none of"),
        ({"tests": ("tests/unit/test_none.py::test_none",)}, "there is no test"),
        ({"tests": ("tests/docs/test_ledger.py::test_none",)}, "there is no test"),
        ({"summary": ""}, "lacks its title or summary"),
    ],
)
def test_what_is_wrong_is_told(ledger: Any, members: dict[str, Any], complaint: str) -> None:
    row = {"clause": "5.6.1", "title": "Create", "summary": "Creates.", "status": "missing", "tests": ()} | members
    (wrong,) = ledger.problems([ledger.Row(**row)])
    assert complaint in wrong
    assert "5.6.1" in wrong


def test_clauses_stand_in_the_order_of_the_standard(ledger: Any) -> None:
    clauses = ["A.1", "5.10", "5.2", "4.3.6.2", "4.3.6"]
    found = sorted((ledger.Row(one, "", "", "missing", ()) for one in clauses), key=lambda row: row.order)
    assert [row.clause for row in found] == ["4.3.6", "4.3.6.2", "5.2", "5.10", "A.1"]
