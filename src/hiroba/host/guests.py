"""Invites apps and agents in: lends them cities within their rights, sets them up, starts and stops them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.routing import Mount

from hiroba.host.lending import LentHost
from hiroba.host.manifests import Found, Kind, ManifestError, find_all, load_setup, read_panels, read_texts
from hiroba.host.settings import Settings, SettingsError, guest_settings
from hiroba.kernel.broker.broker import Broker
from hiroba.sdk import Agent, App, Guest, ProfileError, load_profiles

LOG = logging.getLogger(__name__)


class GuestError(Exception):
    """Say which app or agent could not be set up or started, and why."""


@dataclass
class Guests:
    """The apps and agents of one host, set up and ready to be started."""

    apps: list[App] = field(default_factory=list)
    agents: list[Agent] = field(default_factory=list)

    def mounts(self) -> list[Mount]:
        """Return the guests' routes under `/apps/<id>` and `/agents/<id>`."""
        return [
            Mount(f"/{guest.manifest.kind}s/{guest.id}", routes=guest.routes)
            for guest in [*self.apps, *self.agents]
            if guest.routes
        ]

    async def start(self) -> None:
        """Start the apps, then the agents; raises GuestError when one cannot, after stopping those begun."""
        begun: list[Guest] = []
        for guest in [*self.apps, *self.agents]:
            begun.append(guest)
            try:
                await guest.start()
            except Exception as error:
                await _stop(begun)
                raise GuestError(f"{guest.manifest.kind} {guest.id} cannot start: {error}") from error

    async def stop(self) -> None:
        """Stop the agents, so that nothing more comes in, then the apps."""
        await _stop([*self.apps, *self.agents])


async def _stop(guests: Iterable[Guest]) -> None:
    for guest in reversed(list(guests)):
        try:
            await guest.stop()
        except Exception:
            LOG.exception("%s %s did not stop cleanly", guest.manifest.kind, guest.id)


def invite(broker: Broker, settings: Settings, *, data_dir: Path) -> Guests:
    """Find, check and set up the guests for the roles of this process; raises GuestError naming one that
    fails."""
    try:
        found = find_all(extension_folders(settings))
        _check_settings_belong(found, settings)
        guests = Guests()
        for one in found:
            if f"{one.kind}s" in settings.roles:
                _set_up(one, guests, broker, settings, data_dir / f"{one.kind}s" / one.manifest.id)
    except (ManifestError, SettingsError, ProfileError, OSError) as error:
        raise GuestError(str(error)) from error
    return guests


def extension_folders(settings: Settings) -> list[tuple[Kind, Path]]:
    """Return the folders of third-party apps and agents: those that the settings name, and those installed."""
    named: tuple[tuple[Kind, Sequence[str]], ...] = (
        ("app", settings.extensions.apps),
        ("agent", settings.extensions.agents),
    )
    found = [(kind, Path(folder)) for kind, folders in named for folder in folders]
    if settings.own_folder is not None:
        for kind, _ in named:
            installed = settings.own_folder / "extensions" / f"{kind}s"
            found.extend((kind, manifest.parent) for manifest in sorted(installed.glob("*/manifest.toml")))
    return found


def _check_settings_belong(found: Sequence[Found], settings: Settings) -> None:
    for kind, tables in (("app", settings.apps), ("agent", settings.agents)):
        ids = {one.manifest.id for one in found if one.kind == kind}
        for id in tables:
            if id not in ids:
                raise SettingsError(f"settings [{kind}s.{id}]: there is no {kind} {id!r}")


def _set_up(found: Found, guests: Guests, broker: Broker, settings: Settings, folder: Path) -> None:
    manifest = found.manifest
    given = (settings.apps if found.kind == "app" else settings.agents).get(manifest.id, {})
    own = guest_settings(found.kind, manifest.id, defaults=manifest.settings, given=given)
    folder.mkdir(parents=True, exist_ok=True)
    lent = LentHost(broker, manifest.writes)
    setup = load_setup(found)
    guest: App | Agent
    if found.kind == "app":
        guest = App(manifest, lent, data_dir=folder, settings=own, texts=read_texts(found.folder))
        for panel in read_panels(found.folder):
            guest.panel(panel)
        guests.apps.append(guest)
    else:
        profiles = load_profiles(profile_folders(manifest.folder, own), own_keys=manifest.profile_keys)
        texts = read_texts(found.folder)
        guest = Agent(manifest, lent, data_dir=folder, settings=own, texts=texts, profiles=profiles)
        guests.agents.append(guest)
    try:
        setup(guest)
    except ProfileError:
        raise
    except Exception as error:
        raise GuestError(f"{found.kind} {manifest.id}: setup failed: {error!r}") from error
    if isinstance(guest, Agent):
        wrong = guest.try_samples()
        if wrong:
            rest = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
            raise GuestError(f"agent {manifest.id}: {wrong[0]}{rest}; mend the profile or its sample")


def profile_folders(folder: Path, settings: Any) -> list[Path]:
    """Return the folders of an agent's device profiles: its own, then those of its setting `profiles`."""
    own = folder / "profiles"
    return [*([own] if own.is_dir() else []), *(Path(one) for one in settings.get("profiles", ()))]
