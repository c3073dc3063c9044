"""Manifests: the same road for every app and agent, and clear words for those that cannot be used."""

from pathlib import Path

import pytest

from hiroba.host import manifests
from hiroba.host.manifests import ManifestError

MANIFEST = """
id = "{id}"
title = {{ja = "試し", en = "A try"}}
owner = "The town"
version = "1.0"
reads = ["RiverGauge"]
[settings]
zoom = 7
"""


def make(folder: Path, manifest: str = MANIFEST, *, init: str = "def setup(app):\n    app.x = 1\n") -> Path:
    folder.mkdir(parents=True)
    (folder / "manifest.toml").write_text(manifest.format(id=folder.name), encoding="utf-8")
    (folder / "__init__.py").write_text(init, encoding="utf-8")
    return folder


@pytest.fixture(autouse=True)
def _no_built_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifests, "BUILT_IN", ())


def test_a_folder_is_found_and_set_up(tmp_path: Path) -> None:
    folder = make(tmp_path / "try_one")
    (folder / "i18n").mkdir()
    (folder / "i18n" / "ja.toml").write_text('a = "あ"\n[b]\nc = "い"\n', encoding="utf-8")
    (folder / "panels").mkdir()
    (folder / "panels" / "level.toml").write_text('kind = "chart"\n', encoding="utf-8")
    (found,) = manifests.find_all([("app", folder)])
    assert (found.kind, found.manifest.id, found.manifest.reads) == ("app", "try_one", ("RiverGauge",))
    assert found.manifest.settings == {"zoom": 7}
    assert manifests.read_texts(folder) == {"ja": {"a": "あ", "b.c": "い"}}
    assert manifests.read_panels(folder) == [{"id": "level", "kind": "chart"}]

    class Bag:
        x = 0

    bag = Bag()
    manifests.load_setup(found)(bag)
    assert bag.x == 1


def test_modules_of_a_folder_import_each_other_by_the_folders_name(tmp_path: Path) -> None:
    folder = make(tmp_path / "try_two", init="from try_two.inner import setup as setup\n")
    (folder / "inner.py").write_text("def setup(app):\n    app.append(2)\n", encoding="utf-8")
    bag: list[int] = []
    manifests.load_setup(manifests.find_all([("app", folder)])[0])(bag)
    assert bag == [2]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (('id = "{id}"', 'id = "other"'), r"the id 'other' is not the folder's name 'try_bad'"),
        (("reads =", "reeds ="), r"'reeds' was unexpected"),
        (('["RiverGauge"]', '"RiverGauge"'), r"reads: 'RiverGauge' is not of type 'array'"),
        (('ja = "試し", ', ""), r"title: 'ja' is a required property"),
        (('version = "1.0"', ""), r"version is missing; third-party apps need one"),
        (("[settings]", "[settings"), r"manifest.toml: "),
    ],
)
def test_a_broken_manifest_is_named(tmp_path: Path, change: tuple[str, str], named: str) -> None:
    before, after = (text.replace("{id}", "try_bad") for text in change)
    text = MANIFEST.format(id="try_bad")
    assert before in text
    folder = make(tmp_path / "try_bad")
    (folder / "manifest.toml").write_text(text.replace(before, after), encoding="utf-8")
    with pytest.raises(ManifestError, match=named):
        manifests.find_all([("app", folder)])


def test_a_missing_manifest_is_named(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="nothing_here"):
        manifests.find_all([("app", tmp_path / "nothing_here")])


def test_two_with_one_id_are_refused_but_an_app_and_an_agent_may_share_it(tmp_path: Path) -> None:
    first, second = make(tmp_path / "a" / "twin"), make(tmp_path / "b" / "twin")
    assert len(manifests.find_all([("app", first), ("agent", second)])) == 2
    with pytest.raises(ManifestError, match="two apps have the id 'twin'"):
        manifests.find_all([("app", first), ("app", second)])


def test_a_package_without_setup_or_with_a_mistake_is_named(tmp_path: Path) -> None:
    bare = make(tmp_path / "try_bare", init="")
    with pytest.raises(ManifestError, match="no function setup"):
        manifests.load_setup(manifests.find_all([("app", bare)])[0])
    broken = make(tmp_path / "try_broken", init="1 / 0\n")
    with pytest.raises(ManifestError, match="app try_broken cannot be imported: ZeroDivisionError"):
        manifests.load_setup(manifests.find_all([("app", broken)])[0])


def test_built_in_ones_that_are_not_there_stop_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifests, "BUILT_IN", ("hiroba.apps.nowhere",))
    with pytest.raises(ManifestError, match=r"hiroba\.apps\.nowhere"):
        manifests.find_all()
