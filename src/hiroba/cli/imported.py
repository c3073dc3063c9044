"""Tells what became of an import in the language of the terminal: figures, and why something was not taken."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from rich.table import Table

MOST_SHOWN: Final = 20
_COUNTS: Final = ("read", "written", "unchanged", "rejected")
_LONGEST_VALUE: Final = 60

_TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    "file": ("ファイル", "file"),
    "type": ("種類", "type"),
    "read": ("読んだ", "read"),
    "written": ("書いた", "written"),
    "unchanged": ("同じ", "unchanged"),
    "rejected": ("不採用", "rejected"),
    "line": ("行", "line"),
    "column": ("列", "column"),
    "value": ("値", "value"),
    "what": ("取り込まなかったもの", "not taken"),
    "reason": ("理由", "reason"),
    "a_row": ("行全体", "row"),
    "a_value": ("値だけ", "value"),
    "failed": ("取り込めません", "could not be imported"),
    "types": ("{first} ほか {more} 種", "{first} and {more} more"),
    "more": (
        "ほかに {more} 件。--report FILE を付けるとすべて残ります",
        "… and {more} more; --report FILE keeps them all",
    ),
    "report": ("取り込まなかったものと理由は {file} にあります", "what was not taken and why is in {file}"),
    "gone": (
        "{label}: 以前の版にあった {count} 件がこの版にはありません({names})。コンソールで廃止するまで残ります",
        "{label}: {count} of an earlier edition are not in it any more ({names}); "
        "they stay until somebody retires them in the console",
    ),
    "end": (
        "{all} 件のうち {failed} 件を取り込めませんでした。理由は上のとおりです",
        "{failed} of {all} could not be imported; the reasons are above",
    ),
    "interrupted": (
        "中断しました。書いたものは残ります。もう一度実行すると残りを書きます",
        "interrupted; what was written stays, and the same command again writes the rest",
    ),
    "hint": (
        "。既知のデータセットでない表は --type 種類名 を付けると取り込めます",
        ". A table that no data set knows is imported with --type TYPE",
    ),
}


@dataclass(slots=True)
class Outcome:
    """What became of one table, feed or list of entities."""

    label: str
    type: str = ""
    job: dict[str, Any] = field(default_factory=dict)
    failure: str = ""
    seconds: float = 0.0


def language() -> str:
    """Return the language of the terminal, `ja` or `en`."""
    spoken = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or ""
    return "ja" if spoken.startswith("ja") else "en"


class Telling:
    """The sentences and tables about an import, in one language."""

    def __init__(self, lang: str) -> None:
        self._at = 0 if lang == "ja" else 1

    def summary(self, outcomes: Sequence[Outcome]) -> Table:
        """Return the final table: per file what was read, written, unchanged and rejected."""
        table = Table()
        for name in ("file", "type"):
            table.add_column(self._text(name), overflow="fold")
        for name in _COUNTS:
            table.add_column(self._text(name), justify="right")
        for outcome in outcomes:
            counts = [str(outcome.job.get(name, 0)) for name in _COUNTS]
            cells = [_escaped(outcome.label), _escaped(self._type(outcome)), *counts]
            table.add_row(*cells, style="red" if outcome.failure else None)
        if len(outcomes) > 1:
            sums = [str(sum(outcome.job.get(name, 0) for outcome in outcomes)) for name in _COUNTS]
            table.add_section()
            table.add_row("", "", *sums)
        return table

    def rejects(self, outcomes: Sequence[Outcome]) -> Table | None:
        """Return a table of the first things that were not taken and why, None when all was."""
        rejects = [(one.label, reject) for one in outcomes for reject in one.job.get("rejects", ())]
        if not rejects:
            return None
        table = Table()
        for name in ("file", "line", "column", "value", "what", "reason"):
            table.add_column(self._text(name), overflow="fold")
        for label, reject in rejects[:MOST_SHOWN]:
            table.add_row(
                _escaped(label),
                str(reject["line"] or ""),
                _escaped(reject["column"]),
                _escaped(str(reject["value"])[:_LONGEST_VALUE]),
                self._text("a_row" if reject["row"] else "a_value"),
                _escaped(reject["reason"]),
            )
        return table

    def failures(self, outcomes: Sequence[Outcome]) -> Iterator[str]:
        """Yield why files were not taken, each reason once with the files that it holds for."""
        reasons: dict[str, list[str]] = {}
        for outcome in outcomes:
            if outcome.failure:
                reasons.setdefault(outcome.failure, []).append(outcome.label)
        for reason, labels in reasons.items():
            if len(labels) == 1:
                yield f"{labels[0]}: {reason}"
                continue
            yield f"{reason}:"
            yield from (f"  {label}" for label in labels)

    def afterwards(self, outcomes: Sequence[Outcome], report: Path | None) -> Iterator[str]:
        """Yield where the rest of the rejects is, and what is gone from newer editions."""
        more = sum(len(outcome.job.get("rejects", ())) for outcome in outcomes) - MOST_SHOWN
        if report is not None:
            yield self._text("report", file=report)
        elif more > 0:
            yield self._text("more", more=more)
        for outcome in outcomes:
            if gone := outcome.job.get("gone"):
                names = ", ".join(entry["name"] or entry["id"] for entry in gone[:5]) + (" …" if len(gone) > 5 else "")
                yield self._text("gone", label=outcome.label, count=len(gone), names=names)

    def end(self, outcomes: Sequence[Outcome], *, typed: bool) -> str:
        """Return the last line when something failed, nothing when all is well; `typed`: --type was given."""
        failed = sum(1 for outcome in outcomes if outcome.failure)
        if not failed:
            return ""
        return self._text("end", failed=failed, all=len(outcomes)) + ("" if typed else self._text("hint"))

    def interrupted(self) -> str:
        """Return what an operator who broke off has to know."""
        return self._text("interrupted")

    def _type(self, outcome: Outcome) -> str:
        if outcome.failure:
            return self._text("failed")
        first, _, more = outcome.type.partition(", ")
        return self._text("types", first=first, more=more.count(",") + 1) if more else first

    def _text(self, name: str, **words: Any) -> str:
        return _TEXTS[name][self._at].format(**words) if words else _TEXTS[name][self._at]


def _escaped(text: str) -> str:
    return text.replace("[", r"\[")
