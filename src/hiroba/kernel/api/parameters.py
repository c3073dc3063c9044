"""Which query parameters and `options` each operation knows; any other is refused by name (GS CIM 009, 6.3.20)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hiroba.kernel.model.errors import BadRequestData, InvalidRequest, TooComplexQuery, shown

DIGITS: Final = 12
"""How many a whole number may have."""
JOINS: Final = ("inline", "flat", "@none")
DEEPEST: Final = 10
"""How many links deep linked entities can be had."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """What one operation can be asked: the names of its parameters and the words of its `options`."""

    names: frozenset[str] = frozenset()
    options: frozenset[str] = frozenset()

    def __or__(self, other: Parameters) -> Parameters:
        """Return what either of two knows."""
        return Parameters(self.names | other.names, self.options | other.options)

    def check(self, query: dict[str, str]) -> None:
        """Raise InvalidRequest for a parameter or option that the operation does not know.

        Raises BadRequestData for a linked entity retrieval that makes no sense, TooComplexQuery for a very deep one.
        """
        for name in query:
            if name not in self.names:
                known = ", ".join(sorted(self.names)) or "none"
                raise InvalidRequest(f"The parameter {name!r} means nothing here; those that do: {known}.")
        words = query.get("options")
        if words:
            for word in words.split(","):
                if word.strip() not in self.options:
                    known = ", ".join(sorted(self.options)) or "none"
                    raise InvalidRequest(f"options has {word.strip()!r}, which means nothing here; known are {known}.")
        if "join" in query or "joinLevel" in query:
            _check_join(query)


def _check_join(query: dict[str, str]) -> None:
    level = query.get("joinLevel", "1")
    if not level.isascii() or not level.isdigit() or len(level) > DIGITS or int(level) < 1:
        raise BadRequestData(f"joinLevel is {shown(level)}; give a whole number of at least 1.")
    if int(level) > DEEPEST:
        raise TooComplexQuery(f"joinLevel is {level}; linked entities can be had {DEEPEST} links deep.")
    if query.get("join", "@none") not in JOINS:
        raise BadRequestData(f"join is {shown(query['join'])}; choose one of {', '.join(JOINS)}.")


def _of(names: str, options: str = "") -> Parameters:
    return Parameters(frozenset(names.split()), frozenset(options.split()))


LOCAL: Final = _of("local via")
_FORMATS: Final = "normalized concise simplified keyValues"
_SHOWN: Final = _of(
    "attrs pick omit lang datasetId geometryProperty format options entityMap entityMapLifetime sysAttrs",
    f"{_FORMATS} sysAttrs entityMap",
)
_JOINED: Final = _of("join joinLevel containedBy")
_GEO: Final = "georel geometry coordinates geoproperty"
_CHOSEN: Final = _of(f"id idPattern type q scopeQ csf expandValues jsonKeys splitEntities {_GEO}")
_PAGED: Final = _of("limit offset count options", "count")
_ORDERED: Final = _of("orderBy collation orderFrom orderGeometry")
_HISTORY: Final = _of(
    "timerel timeAt endTimeAt timeproperty lastN aggrMethods aggrPeriodDuration options",
    "temporalValues aggregatedValues",
)
_TYPED: Final = LOCAL | _of("type")

CREATE: Final = LOCAL
RETRIEVE: Final = _TYPED | _SHOWN | _JOINED
_QUERY: Final = LOCAL | _SHOWN | _CHOSEN | _PAGED | _ORDERED
QUERY: Final = _QUERY | _JOINED
PURGE: Final = LOCAL | _CHOSEN | _of("attrs keep drop pick omit geometryProperty datasetId")
REPLACE: Final = _TYPED
MERGE: Final = _TYPED | _of("observedAt lang format options", _FORMATS)
DELETE: Final = _TYPED
APPEND: Final = _TYPED | _of("options", "noOverwrite")
UPDATE: Final = _TYPED
DELETE_ATTRIBUTE: Final = _TYPED | _of("datasetId deleteAll")
BATCH: Final = LOCAL
BATCH_UPSERT: Final = LOCAL | _of("options", "update replace")
BATCH_UPDATE: Final = LOCAL | _of("options", "noOverwrite")
DISCOVERY: Final = LOCAL
DISCOVERY_LIST: Final = LOCAL | _of("details")
SUBSCRIPTIONS: Final = LOCAL | _PAGED | _of("options", "sysAttrs")
SUBSCRIPTION: Final = LOCAL | _of("options", "sysAttrs")
SOURCES: Final = (
    LOCAL
    | _CHOSEN
    | _PAGED
    | _of("attrs pick omit lang datasetId geometryProperty timerel timeAt endTimeAt timeproperty sysAttrs options")
    | _of("options", "sysAttrs")
)
CONTEXTS: Final = _of("details kind")
CONTEXT: Final = _of("details")
CONTEXT_DELETE: Final = _of("reload")
HISTORY: Final = _TYPED | _SHOWN | _HISTORY
HISTORIES: Final = _QUERY | _HISTORY
NONE: Final = Parameters()
