"""From a topic and a JSON payload to entities, by the profile whose topic pattern fits."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from hiroba.sdk import Message, Misfit, Profile, ProfileError, Reading, decode, entities_of

_CAPTURE: Final = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class TopicPattern:
    """A topic with `{captures}`, `+` and a last `#`: what it matches and the filter to subscribe to."""

    expression: re.Pattern[str]
    filter: str


def parse_pattern(text: object, where: str) -> TopicPattern:
    """Read a profile's `topic`; raises ProfileError saying what is wrong with it."""
    if not isinstance(text, str) or not text:
        raise ProfileError(f"{where}: topic must be a text such as 'rivers/{{gauge}}/level', not {text!r}")
    levels = text.split("/")
    expressions: list[str] = []
    filters: list[str] = []
    for number, level in enumerate(levels):
        if level == "#" and number == len(levels) - 1:
            expressions.append(".*")
            filters.append("#")
        elif level == "+":
            expressions.append("[^/]*")
            filters.append("+")
        elif "#" in level or "+" in level:
            raise ProfileError(
                f"{where}: in the topic {text!r}, + and # stand alone between slashes, # only at the end"
            )
        else:
            expressions.append(_level(level, text, where))
            filters.append("+" if "{" in level else level)
    try:
        return TopicPattern(re.compile("/".join(expressions)), "/".join(filters))
    except re.error as error:
        raise ProfileError(f"{where}: the topic {text!r} names a capture twice or badly: {error}") from error


def _level(level: str, text: str, where: str) -> str:
    parts = _CAPTURE.split(level)
    for name in parts[1::2]:
        if not name.isidentifier():
            raise ProfileError(f"{where}: in the topic {text!r}, {{{name}}} is not a name")
    if any("{" in part or "}" in part for part in parts[::2]):
        raise ProfileError(f"{where}: in the topic {text!r}, a brace is not closed")
    return "".join(re.escape(part) if at % 2 == 0 else f"(?P<{part}>[^/]+)" for at, part in enumerate(parts))


class Topics:
    """The profiles by their topics; raises ProfileError for a profile without one."""

    def __init__(self, profiles: Iterable[Profile]) -> None:
        self._patterns = [
            (parse_pattern(profile.keys.get("topic"), f"profile {profile.file or profile.id}"), profile)
            for profile in profiles
        ]

    def filters(self) -> list[str]:
        """Return what to subscribe to, each filter once."""
        return sorted({pattern.filter for pattern, _ in self._patterns})

    def readings(self, message: Message) -> Iterator[Reading | Misfit]:
        """Yield what a message says by every profile that its topic fits; raises Misfit when none does."""
        fits = [
            (profile, match.groupdict())
            for pattern, profile in self._patterns
            if (match := pattern.expression.fullmatch(message.source)) is not None
        ]
        if not fits:
            raise Misfit("no profile has a topic that fits")
        document = decode(message.payload)
        for profile, captures in fits:
            for part in entities_of(profile, document, captures, arrived=message.at):
                yield part if isinstance(part, Misfit) else Reading(part, profile.tenant)
