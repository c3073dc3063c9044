"""Every device profile in the repository, tried with its recorded payloads by the agent that it is for."""

from pathlib import Path
from typing import Any

import pytest

from hiroba.agents import http, mqtt
from hiroba.host.guests import profile_folders
from hiroba.host.manifests import read_manifest
from hiroba.sdk import Agent, ProfileError, load_profiles

SOURCE = Path(http.__file__).parents[2]
AGENTS: dict[str, Any] = {"http": http, "mqtt": mqtt}


def folders() -> list[tuple[str, Path]]:
    found = [
        (Path(module.__file__).parent.name, Path(module.__file__).parent / "profiles") for module in AGENTS.values()
    ]
    for id in AGENTS:
        found.extend((id, folder) for folder in sorted(SOURCE.glob(f"demo/**/profiles/{id}")))
    return found


def agent(id: str, folder: Path, tmp_path: Path) -> Agent:
    manifest = read_manifest(SOURCE / "agents" / id, kind="agent")
    profiles = load_profiles([folder], own_keys=manifest.profile_keys)
    made = Agent(manifest, None, data_dir=tmp_path, profiles=profiles)  # type: ignore[arg-type]
    AGENTS[id].setup(made)
    return made


@pytest.mark.parametrize(("id", "folder"), folders(), ids=lambda value: str(value).rpartition("hiroba/")[2])
def test_samples_become_what_they_say(id: str, folder: Path, tmp_path: Path) -> None:
    made = agent(id, folder, tmp_path)
    assert made.profiles
    assert all(profile.samples for profile in made.profiles.values()), "a profile without a sample proves nothing"
    assert made.try_samples() == []


def test_a_sample_that_is_wrong_is_told(tmp_path: Path) -> None:
    text = (SOURCE / "agents/http/profiles/environment-sensor.yaml").read_text(encoding="utf-8")
    (tmp_path / "wrong.yaml").write_text(text.replace("temperature: 21.5,", "temperature: 22,", 1), encoding="utf-8")
    lines = agent("http", tmp_path, tmp_path).try_samples()
    assert any("is no longer there" in line for line in lines), "its samples name another profile"
    (tmp_path / "wrong.yaml").unlink()
    (tmp_path / "environment-sensor.yaml").write_text(
        text.replace("payload: {temperature: 21.5", "payload: {temperature: 22"), encoding="utf-8"
    )
    (line,) = agent("http", tmp_path, tmp_path).try_samples()
    assert "not {" in line
    assert "22" in line


def test_folders_of_profiles(tmp_path: Path) -> None:
    (tmp_path / "profiles").mkdir()
    assert profile_folders(tmp_path, {"profiles": ["x"]}) == [tmp_path / "profiles", Path("x")]
    assert profile_folders(tmp_path / "none", {}) == []
    with pytest.raises(ProfileError):
        load_profiles(profile_folders(tmp_path, {"profiles": ["x"]}))
