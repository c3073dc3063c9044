"""One typed settings object: defaults, then `hiroba.toml`, then `HIROBA_*` of the environment, then flags.

Keys are dotted (`mqtt.port`); in the environment they are upper case with two underscores for the dot
(`HIROBA_MQTT__PORT`). A key that nobody knows, or a value that does not fit, stops the start and is named.
"""

from __future__ import annotations

import dataclasses
import difflib
import os
import re
import socket
import tomllib
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hiroba.host.toml_file import TomlError, read_toml

ROLES = ("api", "notify", "agents", "apps")
_POSTGRESQL = ("postgresql://", "postgres://")
_FOLDER = "./hiroba-data"
_NOT_SETTINGS = ("HIROBA_CONFIG",)
_NOT_SETTINGS_PREFIXES = ("HIROBA_TEST_", "HIROBA_DRILL_", "HIROBA_BENCH_")


class SettingsError(Exception):
    """Say which setting is unknown or broken, where it stands and what would be right."""


def _setting(default: Any, doc: str) -> Any:
    return field(default=default, metadata={"doc": doc})


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one request may ask of the server."""

    body_bytes: int = _setting(16 * 1024 * 1024, "largest body of a request to the broker, in bytes")
    page: int = _setting(1000, "most entities in one page of an answer")
    read_seconds: float = _setting(30.0, "longest that one read of the store may take, in seconds")
    streams: int = _setting(2000, "most clients that follow changes at `/stream` at a time")
    temporal_instances: int = _setting(10_000, "most attribute instances in one page of histories")


@dataclass(frozen=True, kw_only=True)
class Keep:
    """How long what has passed is kept."""

    history_days: int = _setting(0, "days that the history is kept; 0: for ever")
    changes_days: int = _setting(30, "days that the change log is kept after every reader has passed")


@dataclass(frozen=True, kw_only=True)
class Postgresql:
    """How the store in PostgreSQL is used."""

    connections: int = _setting(10, "most connections of this process for reading; half as many write")


@dataclass(frozen=True, kw_only=True)
class Mqtt:
    """The MQTT broker that Hiroba can bring along."""

    embedded: bool = _setting(False, "start an MQTT broker inside this process")
    host: str = _setting("127.0.0.1", "address that the embedded broker listens on")
    port: int = _setting(1883, "port that the embedded broker listens on")


@dataclass(frozen=True, kw_only=True)
class Extensions:
    """Apps and agents that are folders and not installed packages."""

    apps: tuple[str, ...] = _setting((), "folders of third-party apps")
    agents: tuple[str, ...] = _setting((), "folders of third-party agents")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that an operator may set."""

    host: str = _setting("127.0.0.1", "address to listen on; beyond loopback a token is needed")
    port: int = _setting(1026, "port to listen on")
    public_url: str = _setting("", "address under which others reach this server; empty: that of host and port")
    store: str = _setting(
        _FOLDER, "folder of the embedded store, :memory:, or postgresql://user:password@host/database"
    )
    folder: str = _setting("", "folder for what apps and agents keep; empty: the store's, or ./hiroba-data")
    roles: tuple[str, ...] = _setting(ROLES, "what this process does: " + ", ".join(ROLES))
    token: str = _setting("", "static token that every request has to show; empty: none is asked for")
    name: str = _setting("Hiroba", "name of the town, shown in the console")
    log_level: str = _setting("info", "debug, info, warning or error")
    context_timeout: float = _setting(4.0, "seconds to wait for a remote @context")
    limits: Limits = field(default_factory=Limits)
    keep: Keep = field(default_factory=Keep)
    postgresql: Postgresql = field(default_factory=Postgresql)
    mqtt: Mqtt = field(default_factory=Mqtt)
    extensions: Extensions = field(default_factory=Extensions)
    apps: Mapping[str, Mapping[str, Any]] = field(
        default_factory=dict, metadata={"doc": "settings of apps: [apps.<id>], as their manifests name them"}
    )
    agents: Mapping[str, Mapping[str, Any]] = field(
        default_factory=dict,
        metadata={"doc": "settings of agents: [agents.<id>], as their manifests name them"},
    )

    def with_own_mqtt(self) -> Settings:
        """Return these settings with the MQTT agent pointed at the embedded broker, unless it is told another."""
        if not self.mqtt.embedded:
            return self
        address = {"host": self.mqtt.host, "port": self.mqtt.port}
        return dataclasses.replace(self, agents={**self.agents, "mqtt": {**address, **self.agents.get("mqtt", {})}})

    @property
    def reached_at(self) -> str:
        """Return the address under which others reach the server; the machine's name where it listens everywhere."""
        if self.public_url:
            return self.public_url.rstrip("/")
        host = socket.gethostname() if self.host in ("0.0.0.0", "::", "") else self.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    @property
    def memory(self) -> bool:
        """Tell whether the store lives in memory only."""
        return self.store == ":memory:"

    @property
    def in_postgresql(self) -> bool:
        """Tell whether the store is a database of PostgreSQL."""
        return self.store.startswith(_POSTGRESQL)

    @property
    def store_shown(self) -> str:
        """Return the store's place without a password."""
        return re.sub(r"(?<=://)([^:@/?#]*):[^/]*@", r"\1@", re.sub(r"(?i)([?&]password=)[^&]*", r"\1…", self.store))

    @property
    def own_folder(self) -> Path | None:
        """Return the folder for what apps and agents keep, None when all is in memory."""
        if self.folder or self.in_postgresql:
            return Path(self.folder or _FOLDER)
        return None if self.memory else Path(self.store)

    @property
    def loopback(self) -> bool:
        """Tell whether only this machine can reach the server."""
        return self.host in ("localhost", "::1") or self.host.startswith("127.")


@dataclass(frozen=True, slots=True)
class Known:
    """One setting for the reference: its dotted key, type, default and what it means."""

    key: str
    type: str
    default: Any
    doc: str


def reference(kind: type[Any] = Settings, prefix: str = "") -> Iterator[Known]:
    """Yield all settings that there are."""
    hints = typing.get_type_hints(kind)
    for one in dataclasses.fields(kind):
        hint = hints[one.name]
        if dataclasses.is_dataclass(hint):
            yield from reference(typing.cast("type[Any]", hint), f"{prefix}{one.name}.")
            continue
        default = one.default if one.default is not dataclasses.MISSING else {}
        yield Known(prefix + one.name, _type_name(hint), default, one.metadata["doc"])


def load_settings(
    *,
    config: Path | None = None,
    environment: Mapping[str, str] | None = None,
    flags: Mapping[str, Any] | None = None,
) -> Settings:
    """Return the settings; `config` None: what HIROBA_CONFIG names, else `./hiroba.toml` when it is there.

    `flags` are dotted keys with values, None for those not given. Raises SettingsError.
    """
    environment = os.environ if environment is None else environment
    values: dict[str, Any] = {}
    named = config or (Path(environment["HIROBA_CONFIG"]) if environment.get("HIROBA_CONFIG") else None)
    file = named or Path("hiroba.toml")
    if named is not None or file.is_file():
        values = _typed(_read(file), Settings, str(file), "")
    for name, text in sorted(environment.items()):
        if name.startswith("HIROBA_") and name not in _NOT_SETTINGS and not name.startswith(_NOT_SETTINGS_PREFIXES):
            path = name.removeprefix("HIROBA_").lower().split("__")
            _merge(values, _typed(_nested(path, text), Settings, f"environment variable {name}", ""))
    for key, value in (flags or {}).items():
        if value is not None:
            _merge(values, _typed(_nested(key.split("."), value), Settings, f"flag for {key}", ""))
    settings: Settings = _build(Settings, values)
    _check(settings)
    return settings


def _read(file: Path) -> dict[str, Any]:
    try:
        return read_toml(file)
    except TomlError as error:
        raise SettingsError(str(error)) from error


def _nested(path: list[str], value: Any) -> dict[str, Any]:
    for part in reversed(path):
        value = {part: value}
    return typing.cast("dict[str, Any]", value)


def _merge(into: dict[str, Any], more: Mapping[str, Any]) -> None:
    for key, value in more.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value


def _typed(values: Mapping[str, Any], kind: type[Any], where: str, prefix: str) -> dict[str, Any]:
    hints = typing.get_type_hints(kind)
    typed: dict[str, Any] = {}
    for key, value in values.items():
        if key not in hints:
            near = difflib.get_close_matches(key, hints, 1)
            hint = f"; did you mean {prefix + near[0]!r}?" if near else ""
            raise SettingsError(f"{where}: there is no setting {prefix + key!r}{hint}")
        wanted = hints[key]
        if dataclasses.is_dataclass(wanted):
            if not isinstance(value, dict):
                raise SettingsError(f"{where}: {prefix + key!r} is a table of settings, not {value!r}")
            typed[key] = _typed(value, typing.cast("type[Any]", wanted), where, f"{prefix}{key}.")
        elif typing.get_origin(wanted) is not None and typing.get_origin(wanted) is not tuple:
            typed[key] = _free_tables(value, where, prefix + key)
        else:
            typed[key] = _converted(value, wanted, where, prefix + key)
    return typed


def _free_tables(value: Any, where: str, key: str) -> dict[str, dict[str, Any]]:
    if not isinstance(value, dict) or not all(isinstance(table, dict) for table in value.values()):
        raise SettingsError(f"{where}: {key!r} holds a table per id, such as [{key}.map], not {value!r}")
    return {id: {name: _free(one) for name, one in table.items()} for id, table in value.items()}


def _free(value: Any) -> Any:
    """Return a text of the environment as the TOML value that it spells, if it does."""
    if not isinstance(value, str):
        return value
    try:
        return tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return value


def _converted(value: Any, wanted: Any, where: str, key: str) -> Any:
    given = value
    if isinstance(value, str) and wanted is not str:
        value = _from_text(value, wanted)
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if typing.get_origin(wanted) is tuple:
        if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
            return tuple(value)
    elif isinstance(value, wanted) and not (isinstance(value, bool) and wanted is not bool):
        return value
    raise SettingsError(f"{where}: {key!r} must be {_type_name(wanted)}, not {given!r}")


def _from_text(text: str, wanted: Any) -> Any:
    if wanted is bool:
        return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}.get(text.lower())
    if typing.get_origin(wanted) is tuple:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    try:
        return wanted(text)
    except ValueError:
        return None


def _type_name(wanted: Any) -> str:
    names = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}
    if typing.get_origin(wanted) is tuple:
        return "a list of texts"
    return names.get(wanted, "tables") if isinstance(wanted, type) else "tables"


def _build(kind: type[Any], values: Mapping[str, Any]) -> Any:
    hints = typing.get_type_hints(kind)
    given = {
        key: _build(hints[key], value) if dataclasses.is_dataclass(hints[key]) else _frozen(value)
        for key, value in values.items()
    }
    return kind(**given)


def _frozen(value: Any) -> Any:
    return types.MappingProxyType(value) if isinstance(value, dict) else value


def _check(settings: Settings) -> None:
    def refuse(key: str, why: str) -> None:
        raise SettingsError(f"setting {key!r}: {why}")

    for key, port in (("port", settings.port), ("mqtt.port", settings.mqtt.port)):
        if not 0 <= port <= 65535:
            refuse(key, f"{port} is not a port (0 to 65535)")
    for role in settings.roles:
        if role not in ROLES:
            refuse("roles", f"{role!r} is not one of {', '.join(ROLES)}")
    if not settings.roles:
        refuse("roles", f"at least one of {', '.join(ROLES)} is needed")
    if settings.log_level not in ("debug", "info", "warning", "error"):
        refuse("log_level", f"{settings.log_level!r} is not debug, info, warning or error")
    if "://" in settings.store and not settings.in_postgresql:
        kind = settings.store.split("://")[0]
        refuse(
            "store", f"{kind}:// is not a store; name a folder, :memory: or postgresql://user:password@host/database"
        )
    if not settings.store:
        refuse("store", "it is empty; name a folder, :memory: or postgresql://user:password@host/database")
    for key, number in (
        ("limits.body_bytes", settings.limits.body_bytes),
        ("limits.page", settings.limits.page),
        ("limits.streams", settings.limits.streams),
        ("postgresql.connections", settings.postgresql.connections),
        ("limits.temporal_instances", settings.limits.temporal_instances),
    ):
        if number < 1:
            refuse(key, f"{number} is less than 1")
    if not 0 < settings.context_timeout <= 60:
        refuse("context_timeout", f"{settings.context_timeout:g} is not a number of seconds from 0 to 60")
    if settings.limits.read_seconds <= 0:
        refuse("limits.read_seconds", f"{settings.limits.read_seconds:g} is no time to read anything in")
    if settings.public_url and not settings.public_url.startswith(("http://", "https://")):
        refuse("public_url", f"{settings.public_url!r} is no address; http://… or https://… is expected")
    for key, days in (
        ("keep.history_days", settings.keep.history_days),
        ("keep.changes_days", settings.keep.changes_days),
    ):
        if days < 0:
            refuse(key, f"{days} is less than 0")
    if not settings.loopback and not settings.token:
        refuse("token", f"listening on {settings.host} lets others in: set a token, or listen on 127.0.0.1")
    if settings.token and len(settings.token) < 16:
        refuse("token", "it has fewer than 16 characters, which is too easily guessed")


def guest_settings(kind: str, id: str, *, defaults: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of one app or agent over its manifest's defaults; raises SettingsError for unknown
    keys."""
    for key, value in given.items():
        place = f"{kind}s.{id}.{key}"
        if key not in defaults:
            near = difflib.get_close_matches(key, list(defaults), 1)
            raise SettingsError(f"there is no setting {place!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
        default = defaults[key]
        fits = isinstance(value, type(default)) or (isinstance(default, float) and isinstance(value, int))
        if not fits or isinstance(value, bool) != isinstance(default, bool):
            raise SettingsError(f"setting {place!r} must be like {default!r}, not {value!r}")
    return {**defaults, **given}
