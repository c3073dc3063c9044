"""What `hiroba import` prints at its end, in both languages."""

import io

import pytest
from rich.console import Console

from hiroba.cli.imported import MOST_SHOWN, Outcome, Telling, language

REJECT = {"line": 3, "column": "緯度", "value": "[x]", "row": False, "reason": "数値ではありません"}
TAKEN = Outcome("a.csv", "Park", {"read": 3, "written": 2, "unchanged": 1, "rejected": 0, "rejects": [REJECT]})
FEED = Outcome("bus.zip", "GtfsAgency, GtfsRoute, GtfsStop", {"read": 5, "written": 5})


def shown(what: object) -> str:
    console = Console(width=120, file=io.StringIO())
    console.print(what)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_tables_speak_the_terminals_language() -> None:
    english = shown(Telling("en").summary([TAKEN, FEED, Outcome("b.csv", failure="why")]))
    assert "GtfsAgency and 2 more" in english
    assert "could not be imported" in english
    assert "│    8 │       7 │         1 │        0 │" in english
    japanese = shown(Telling("ja").summary([TAKEN, FEED, Outcome("b.csv", failure="なぜ")]))
    assert "GtfsAgency ほか 2 種" in japanese
    assert "取り込めません" in japanese
    assert not {"file", "type", "written"} & set(japanese.split())
    rejects = Telling("ja").rejects([TAKEN])
    assert "[x]" in shown(rejects)
    assert "値だけ" in shown(rejects)
    assert Telling("ja").rejects([FEED]) is None


def test_a_reason_is_said_once_with_its_files() -> None:
    outcomes = [
        Outcome("a.csv", failure="empty"),
        Outcome("b.csv", failure="broken"),
        Outcome("c.csv", failure="empty"),
    ]
    lines = list(Telling("en").failures([TAKEN, *outcomes]))
    assert lines == ["empty:", "  a.csv", "  c.csv", "b.csv: broken"]


def test_the_last_line_names_what_helps() -> None:
    failed = [TAKEN, Outcome("b.csv", failure="why")]
    assert Telling("en").end([TAKEN], typed=False) == ""
    assert "1 of 2 could not be imported" in Telling("en").end(failed, typed=False)
    assert "--type" in Telling("en").end(failed, typed=False)
    assert "--type" not in Telling("ja").end(failed, typed=True)


def test_what_is_left_to_say() -> None:
    many = Outcome("a.csv", "Park", {"rejects": [REJECT] * (MOST_SHOWN + 2), "gone": [{"id": "urn:x:1", "name": ""}]})
    more, gone = Telling("en").afterwards([many], None)
    assert more.startswith("… and 2 more")
    assert gone.startswith("a.csv: 1 of an earlier edition are not in it any more (urn:x:1); they stay")


@pytest.mark.parametrize(("spoken", "expected"), [("ja_JP.UTF-8", "ja"), ("en_GB.UTF-8", "en"), ("", "en")])
def test_language_follows_the_locale(spoken: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", spoken)
    assert language() == expected
