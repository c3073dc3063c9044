"""Looks at everything that the server needs, and says for each how it is and how to mend it."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw

from hiroba.console import STATIC
from hiroba.host.guests import extension_folders, profile_folders
from hiroba.host.listening import CannotListen, listen
from hiroba.host.manifests import ManifestError, find_all, load_setup
from hiroba.host.settings import Settings, SettingsError, guest_settings
from hiroba.host.stores import look_at
from hiroba.kernel.model.errors import StoreUnavailable
from hiroba.sdk import ProfileError, load_profiles

LEAST_FREE_BYTES = 1 << 30
LEAST_SQLITE = (3, 45, 0)
_YEAR_OF_THIS_VERSION = 2026
_CONNECT_SECONDS = 3.0
_LONGEST_HEALTH = 1000


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """How one thing is: `state` is ok, warning (the server starts) or wrong; `remedy` says how to mend it."""

    what: str
    state: str
    found: str
    remedy: str = ""


def diagnose(settings: Settings, *, now: Callable[[], float] = time.time) -> Iterator[Diagnosis]:
    """Yield a diagnosis for each thing that the server needs."""
    yield _python()
    yield _sqlite()
    yield from _store(settings)
    yield _port(settings)
    yield _console()
    yield _clock(settings, now())
    yield from _guests(settings)


def _python() -> Diagnosis:
    version = ".".join(map(str, sys.version_info[:3]))
    return Diagnosis("python", "ok", f"{version} at {sys.executable}")


def _sqlite() -> Diagnosis:
    version = apsw.sqlite_lib_version()
    parts = tuple(int(part) for part in version.split("."))
    if parts < LEAST_SQLITE:
        return Diagnosis("sqlite", "wrong", version, "install apsw 3.46 or newer: pip install -U apsw")
    return Diagnosis("sqlite", "ok", version)


def _store(settings: Settings) -> Iterator[Diagnosis]:
    if settings.memory:
        yield Diagnosis("store", "warning", "in memory: all is lost at the stop", "name a folder with --store")
        return
    if settings.in_postgresql:
        yield from _database(settings)
    folder = (settings.own_folder or Path(settings.store)).resolve()
    what = "folder" if settings.in_postgresql else "store"
    there = folder
    while not there.exists():
        there = there.parent
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        remedy = f"make {there} writable for the user that runs Hiroba, or choose another folder with --store"
        yield Diagnosis(what, "wrong", f"{folder} cannot be written", remedy)
        return
    yield Diagnosis(what, "ok", str(folder) if folder.exists() else f"{folder} (will be made)")
    free = shutil.disk_usage(there).free
    found = f"{free / (1 << 30):.1f} GiB free"
    if free < LEAST_FREE_BYTES:
        yield Diagnosis("disk", "wrong", found, "free at least 1 GiB on the store's disk")
    else:
        yield Diagnosis("disk", "ok", found)


def _database(settings: Settings) -> Iterator[Diagnosis]:
    try:
        for found in look_at(settings):
            state = "wrong" if found.remedy else "ok"
            yield Diagnosis("store", state, found.what, found.remedy)
    except StoreUnavailable as error:
        yield Diagnosis("store", "wrong", settings.store_shown, error.detail)


def _port(settings: Settings) -> Diagnosis:
    address = f"{settings.host} port {settings.port}"
    try:
        listen(settings.host, settings.port).close()
    except CannotListen as error:
        if _is_hiroba(settings):
            return Diagnosis("port", "ok", f"{address}: Hiroba is running there")
        return Diagnosis("port", "wrong", f"{address}: {error.reason}", error.remedy)
    return Diagnosis("port", "ok", f"{address} is free")


def _is_hiroba(settings: Settings) -> bool:
    """Tell whether it is Hiroba itself that has the port: then nothing is to be mended."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)
    asking = http.client.HTTPConnection(host, settings.port, timeout=_CONNECT_SECONDS)
    try:
        asking.request("GET", "/health")
        answer = json.loads(asking.getresponse().read(_LONGEST_HEALTH))
    except (OSError, http.client.HTTPException, ValueError):
        return False
    finally:
        asking.close()
    return isinstance(answer, dict) and answer.keys() == {"status", "version"}


def _console() -> Diagnosis:
    if (STATIC / "index.html").is_file():
        return Diagnosis("console", "ok", str(STATIC))
    return Diagnosis("console", "warning", "is not built: there is no map", "build it: make console")


def _clock(settings: Settings, now: float) -> Diagnosis:
    year = time.gmtime(now).tm_year
    shown = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
    remedy = "set the clock, and let it follow a time server (timedatectl set-ntp true)"
    if year < _YEAR_OF_THIS_VERSION:
        return Diagnosis("clock", "wrong", f"{shown} is before this version was made", remedy)
    newest = _newest_write(settings)
    if newest is not None and newest > now + 60:
        return Diagnosis("clock", "wrong", f"{shown} is before the store's last write", remedy)
    return Diagnosis("clock", "ok", shown)


def _newest_write(settings: Settings) -> float | None:
    files = [] if settings.memory or settings.in_postgresql else list(Path(settings.store).glob("*.db"))
    return max((file.stat().st_mtime for file in files), default=None)


def _guests(settings: Settings) -> Iterator[Diagnosis]:
    try:
        found = find_all(extension_folders(settings))
        for one in found:
            tables = settings.apps if one.kind == "app" else settings.agents
            given = tables.get(one.manifest.id, {})
            own = guest_settings(one.kind, one.manifest.id, defaults=one.manifest.settings, given=given)
            load_setup(one)
            if one.kind == "agent":
                load_profiles(profile_folders(one.folder, own), own_keys=one.manifest.profile_keys)
                yield from _agent(one.manifest.id, own, settings)
    except (ManifestError, SettingsError, ProfileError) as error:
        yield Diagnosis("apps and agents", "wrong", str(error), "mend or remove it; `hiroba app check` tells more")
        return
    yield Diagnosis("apps and agents", "ok", ", ".join(one.manifest.id for one in found))


def _agent(id: str, own: dict[str, Any], settings: Settings) -> Iterator[Diagnosis]:
    """Try to reach the peer that an agent's settings name by `host` and `port`, and look at its spool."""
    host, port = own.get("host"), own.get("port")
    embedded = settings.mqtt.embedded and port == settings.mqtt.port
    if isinstance(host, str) and host and isinstance(port, int) and not embedded:
        try:
            socket.create_connection((host, port), timeout=_CONNECT_SECONDS).close()
        except OSError as error:
            remedy = f"check that it runs and that no firewall is between; settings [agents.{id}] host and port"
            yield Diagnosis(f"agent {id}", "warning", f"{host}:{port} cannot be reached: {error}", remedy)
        else:
            yield Diagnosis(f"agent {id}", "ok", f"{host}:{port} answers")
    spool = None if settings.own_folder is None else settings.own_folder / "agents" / id / "spool.db"
    if spool is not None and spool.is_file():
        try:
            db = sqlite3.connect(f"file:{spool}?mode=ro", uri=True)
            try:
                (waiting,) = db.execute("SELECT count(*) FROM message").fetchone()
            finally:
                db.close()
        except sqlite3.Error as error:
            yield Diagnosis(
                f"agent {id}", "wrong", f"{spool}: {error}", "move the file away; what waited in it is lost"
            )
            return
        yield Diagnosis(f"agent {id}", "ok", f"{waiting} messages wait in its spool")
