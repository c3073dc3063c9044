"""The day before: what the devices would have sent, made entities by the profiles that the agents use (pure)."""

from __future__ import annotations

import importlib.resources
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import orjson

from hiroba.demo.devices import Device, World
from hiroba.sdk import Entity, Profile, load_profiles
from hiroba.sdk.mapping import entity_of

SPAN: Final = 24 * 3600.0
STEP: Final = 1800.0
_CAPTURE: Final = re.compile(r"\{(\w+)\}")


def profile_folder(door: str) -> Path:
    """Return the folder of the device profiles for a door, `mqtt` or `http`."""
    return Path(str(importlib.resources.files("hiroba.demo"))) / "profiles" / door


def profiles() -> dict[str, Profile]:
    """Return all device profiles of the town by id."""
    return load_profiles([profile_folder("mqtt"), profile_folder("http")], own_keys=["topic"])


def moments(since: float | None, now: float) -> list[float]:
    """Return the moments to tell of, oldest first: a day of half hours, or those after `since` if that is later."""
    first = now - SPAN if since is None else max(since + STEP, now - SPAN)
    steps = int((now - first) // STEP)
    return [now - STEP * step for step in range(steps, 0, -1)]


def readings(world: World, devices: Sequence[Device], known: dict[str, Profile], t: float) -> Iterator[Entity]:
    """Yield what all devices read at a moment, as entities."""
    for device in devices:
        profile = known[device.kind.profile]
        captures = dict.fromkeys(_CAPTURE.findall(profile.entity_id), device.site.code)
        payload = orjson.loads(orjson.dumps(device.payload(world, t)))
        yield entity_of(profile, payload, captures, arrived="")
