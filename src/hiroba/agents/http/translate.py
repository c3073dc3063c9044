"""From a device's JSON to entities, by the profile that its address names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hiroba.sdk import Message, Misfit, Profile, Reading, decode, entities_of


class Translation:
    """The profiles by their ids; a message's source is `profile/device`."""

    def __init__(self, profiles: Mapping[str, Profile]) -> None:
        self._profiles = profiles

    def readings(self, message: Message) -> Iterator[Reading | Misfit]:
        """Yield what a message says; `{device}` is captured from the address. Raises Misfit for one that fits not."""
        name, _, device = message.source.partition("/")
        profile = self._profiles.get(name)
        if profile is None:
            raise Misfit(f"the profile {name!r} is no longer there")
        document = decode(message.payload)
        for part in entities_of(profile, document, {"device": device}, arrived=message.at):
            yield part if isinstance(part, Misfit) else Reading(part, profile.tenant)
