"""Settings: where they come from, in which order, and what stops the start."""

import socket
from pathlib import Path
from typing import Any

import pytest

from hiroba.host.settings import Settings, SettingsError, guest_settings, load_settings, reference


def load(tmp_path: Path, toml: str = "", *, env: dict[str, str] | None = None, **flags: object) -> Settings:
    file = tmp_path / "hiroba.toml"
    file.write_text(toml, encoding="utf-8")
    return load_settings(config=file, environment=env or {}, flags={k.replace("__", "."): v for k, v in flags.items()})


def test_defaults(tmp_path: Path) -> None:
    settings = load(tmp_path)
    assert (settings.host, settings.port, settings.store) == ("127.0.0.1", 1026, "./hiroba-data")
    assert settings.roles == ("api", "notify", "agents", "apps")
    assert settings.keep.history_days == 0
    assert settings.keep.changes_days == 30


def test_each_source_wins_over_the_one_before(tmp_path: Path) -> None:
    toml = 'port = 1\nname = "春日市"\nstore = "a"\n'
    toml += '[mqtt]\nport = 2\nembedded = true\n[agents.mqtt]\nhost = "x"\n'
    settings = load(tmp_path, toml, env={"HIROBA_STORE": "b", "HIROBA_PORT": "3", "HIROBA_MQTT__PORT": "4"}, port=5)
    assert (settings.name, settings.store, settings.port) == ("春日市", "b", 5)
    assert (settings.mqtt.port, settings.mqtt.embedded) == (4, True)
    assert settings.agents["mqtt"] == {"host": "x"}


def test_flag_none_is_not_given(tmp_path: Path) -> None:
    assert load(tmp_path, "port = 7", port=None).port == 7


def test_environment_understands_lists_numbers_and_tables(tmp_path: Path) -> None:
    env = {
        "HIROBA_ROLES": "api, apps",
        "HIROBA_CONTEXT_TIMEOUT": "2",
        "HIROBA_APPS__MAP__ZOOM": "7",
        "HIROBA_APPS__MAP__TITLE": "地図",
        "HIROBA_TEST_DATA": "/nowhere",
        "PATH": "x",
    }
    settings = load(tmp_path, env=env)
    assert settings.roles == ("api", "apps")
    assert settings.context_timeout == 2.0
    assert settings.apps["map"] == {"zoom": 7, "title": "地図"}


@pytest.mark.parametrize(
    ("toml", "env", "named"),
    [
        ("prot = 1", {}, r"hiroba.toml: there is no setting 'prot'; did you mean 'port'"),
        ("[mqtt]\nprot = 1", {}, r"'mqtt.prot'; did you mean 'mqtt.port'"),
        ("port = 'x'", {}, r"'port' must be a whole number, not 'x'"),
        ("port = true", {}, r"'port' must be a whole number, not True"),
        ("port = 70000", {}, r"'port': 70000 is not a port"),
        ("mqtt = 1", {}, r"'mqtt' is a table"),
        ("apps = 1", {}, r"'apps' holds a table per id"),
        ("roles = ['api', 'cook']", {}, r"'cook' is not one of"),
        ("store = 'mysql://x'", {}, r"mysql:// is not a store"),
        ("host = '0.0.0.0'", {}, r"'token': listening on 0.0.0.0 lets others in"),
        ("token = 'short'", {}, r"fewer than 16 characters"),
        ("port = ", {}, r"hiroba.toml: "),
        ("", {"HIROBA_PROT": "1"}, r"HIROBA_PROT: there is no setting 'prot'"),
        (
            "",
            {"HIROBA_MQTT__EMBEDDED": "perhaps"},
            r"HIROBA_MQTT__EMBEDDED: 'mqtt.embedded' must be true or false",
        ),
    ],
)
def test_unknown_or_broken_settings_are_named(tmp_path: Path, toml: str, env: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        load(tmp_path, toml, env=env)


def test_a_named_file_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.toml"):
        load_settings(config=tmp_path / "nowhere.toml", environment={})
    with pytest.raises(SettingsError, match=r"elsewhere\.toml"):
        load_settings(environment={"HIROBA_CONFIG": str(tmp_path / "elsewhere.toml")})


def test_beyond_loopback_with_a_token(tmp_path: Path) -> None:
    assert load(tmp_path, "host = '0.0.0.0'\ntoken = '0123456789abcdef'").host == "0.0.0.0"


def test_the_mqtt_agent_uses_the_embedded_broker_unless_told_otherwise(tmp_path: Path) -> None:
    toml = "[mqtt]\nembedded = true\nport = 21001\n"
    assert load(tmp_path, toml).with_own_mqtt().agents["mqtt"] == {"host": "127.0.0.1", "port": 21001}
    other = load(tmp_path, toml + '[agents.mqtt]\nhost = "far"\n').with_own_mqtt()
    assert other.agents["mqtt"] == {"host": "far", "port": 21001}
    assert load(tmp_path).with_own_mqtt().agents == {}


def test_every_setting_is_documented() -> None:
    known = {one.key: one for one in reference()}
    assert {"host", "port", "store", "mqtt.embedded", "keep.history_days", "extensions.apps"} <= set(known)
    assert all(one.doc for one in known.values())


def test_guest_settings() -> None:
    defaults = {"zoom": 7, "title": "x", "ratio": 0.5, "on": True}
    assert guest_settings("app", "map", defaults=defaults, given={"zoom": 9, "ratio": 1})["zoom"] == 9
    with pytest.raises(SettingsError, match=r"no setting 'apps\.map\.zoon'; did you mean 'zoom'"):
        guest_settings("app", "map", defaults=defaults, given={"zoon": 9})
    for wrong in ({"zoom": "9"}, {"zoom": True}, {"on": 1}, {"title": 1}):
        with pytest.raises(SettingsError, match=r"setting 'apps\.map\.\w+' must be like"):
            guest_settings("app", "map", defaults=defaults, given=wrong)


@pytest.mark.parametrize(
    ("flags", "address"),
    [
        ({"host": "127.0.0.1", "port": 1026}, "http://127.0.0.1:1026"),
        ({"host": "::1", "port": 1026}, "http://[::1]:1026"),
        ({"host": "0.0.0.0", "port": 80, "token": "a" * 16}, f"http://{socket.gethostname()}:80"),
        ({"public_url": "https://city.shiomi.example/"}, "https://city.shiomi.example"),
    ],
)
def test_it_knows_where_others_reach_it(flags: dict[str, Any], address: str) -> None:
    assert load_settings(environment={}, flags=flags).reached_at == address


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"HIROBA_PUBLIC_URL": "city.example"}, "public_url"),
        ({"HIROBA_LIMITS__READ_SECONDS": "0"}, "limits.read_seconds"),
        ({"HIROBA_LIMITS__STREAMS": "0"}, "limits.streams"),
        ({"HIROBA_CONTEXT_TIMEOUT": "-1"}, "context_timeout"),
    ],
)
def test_bounds_that_make_no_sense_are_refused(environment: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        load_settings(environment=environment, flags={})


def test_a_settings_file_as_editors_save_it(tmp_path: Path) -> None:
    file = tmp_path / "hiroba.toml"
    file.write_bytes("name = '広場'".encode("utf-8-sig"))
    assert load_settings(config=file, environment={}).name == "広場"
    file.write_bytes("name = '広場'".encode("cp932"))
    with pytest.raises(SettingsError, match=r"hiroba\.toml: is not UTF-8 text; save it as UTF-8"):
        load_settings(config=file, environment={})
