"""The trees that the query languages parse into; names in them are expanded IRIs.

Every node is immutable and comparable, so that a tree can be a key and two spellings of one query are equal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from hiroba.kernel.query.collation import Collation

ENTITY_MEMBERS: Final = frozenset({"id", "type", "scope", "createdAt", "modifiedAt", "deletedAt", "expiresAt"})
"""First names of a path that mean the entity's own members."""

TIME_MEMBERS: Final = frozenset({"observedAt", "createdAt", "modifiedAt", "deletedAt", "expiresAt"})
"""Members that always hold a point in time."""

INSTANCE_MEMBERS: Final = TIME_MEMBERS | {
    "type", "value", "object", "objectType", "objectList", "languageMap", "vocab", "json", "valueList",
    "unitCode", "datasetId", "instanceId",
}  # fmt: skip
"""Last names of a path that mean a member of the attribute's instance rather than a sub-attribute."""


@dataclass(frozen=True, slots=True)
class Path:
    """Point at a value of an entity: `attr.sub.sub[key.key]` (GS CIM 009, 4.9).

    `attr` is an IRI, or one of `ENTITY_MEMBERS` for the entity's own members. `sub` are sub-attribute IRIs,
    or one of `INSTANCE_MEMBERS` (then the last). `trail` are the expanded keys inside a compound value.
    `keys` are the same keys as written, needed for languages of a LanguageProperty (`*`: any) and for JSON
    and GeoJSON values; empty when they do not differ from `trail`. With a `link`, `attr` is a Relationship and there is
    nothing else.
    """

    attr: str
    sub: tuple[str, ...] = ()
    trail: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    link: Link | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """Lead from a Relationship on into the entities that it links to, those of one of `types` (IRIs; none: any)."""

    path: Path
    types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Range:
    """Bound a value on both sides, both included."""

    low: Any
    high: Any


@dataclass(frozen=True, slots=True)
class Exists:
    """Ask that the path leads somewhere."""

    path: Path


@dataclass(frozen=True, slots=True, eq=False)
class Compare:
    """Compare the value at a path; with `==` and `!=` there may be several values or ranges.

    `op` is one of `==  !=  <  <=  >  >=  ~=  !~=`; for the last two `values` holds one pattern text.
    Values are str (also for a URI, quoted or bare), int, float, bool or `Range`; `instant` is true when all
    of them are texts of dates, times or date-times, which compare as points in time. `true` is not equal to
    `1` here.
    """

    path: Path
    op: str
    values: tuple[Any, ...]
    instant: bool = False

    def _identity(self) -> tuple[Any, ...]:
        return self.path, self.op, self.values, self.instant, tuple(isinstance(v, bool) for v in self.values)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Compare) and self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())


@dataclass(frozen=True, slots=True)
class And:
    """Ask for all of the parts."""

    parts: tuple[Query, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Ask for at least one of the parts."""

    parts: tuple[Query, ...]


@dataclass(frozen=True, slots=True)
class Beyond:
    """Ask what `q` of NGSI-LD has no words for and no index answers.

    `ask` is `missing` (the path leads nowhere), `null` or `valued` (it leads to null, to anything else), `id` (the id
    as NGSIv2 shows it has the pattern `value` in it) or `scope` (the scope query `value` holds).
    """

    ask: str
    path: Path
    value: str | ScopeQuery | None = None


Query: TypeAlias = Exists | Compare | And | Or | Beyond


def attributes_of(query: Query) -> frozenset[str]:
    """Return the IRIs of the attributes that a query looks at, the entity's own members left out."""
    match query:
        case And(parts) | Or(parts):
            return frozenset().union(*map(attributes_of, parts))
        case Exists(path) | Compare(path) | Beyond(_, path):
            return frozenset() if path.attr in ENTITY_MEMBERS else frozenset({path.attr})


def links_of(query: Query | None) -> int:
    """Return how many links a query follows at most, one after the other."""
    match query:
        case None:
            return 0
        case And(parts) | Or(parts):
            return max(map(links_of, parts), default=0)
        case Exists(path) | Compare(path) | Beyond(_, path):
            depth = 0
            while path.link is not None:
                depth += 1
                path = path.link.path
            return depth


@dataclass(frozen=True, slots=True)
class TypeIs:
    """Ask that an entity has this type (IRI) among its types."""

    type: str


@dataclass(frozen=True, slots=True)
class TypeAnd:
    """Ask for all of the parts of a type selection."""

    parts: tuple[TypeQuery, ...]


@dataclass(frozen=True, slots=True)
class TypeOr:
    """Ask for at least one of the parts of a type selection."""

    parts: tuple[TypeQuery, ...]


TypeQuery: TypeAlias = TypeIs | TypeAnd | TypeOr


@dataclass(frozen=True, slots=True)
class ScopeIs:
    """Match one scope: levels may be `+` (any one level); `below` is true for a trailing `/#`."""

    levels: tuple[str, ...]
    below: bool = False


@dataclass(frozen=True, slots=True)
class ScopeAnd:
    """Ask for all of the parts of a scope query."""

    parts: tuple[ScopeQuery, ...]


@dataclass(frozen=True, slots=True)
class ScopeOr:
    """Ask for at least one of the parts of a scope query."""

    parts: tuple[ScopeQuery, ...]


ScopeQuery: TypeAlias = ScopeIs | ScopeAnd | ScopeOr


ANYWHERE: Final = "*"
"""The name that stands for every GeoProperty of an entity."""


@dataclass(frozen=True, slots=True)
class GeoQuery:
    """Relate a GeoProperty of an entity to a reference geometry (GS CIM 009, 4.10).

    `georel` is one of `near within contains overlaps intersects equals disjoint`, or NGSIv2's `coveredBy`, which is
    `within` with the border; distances are metres and belong to `near`. `geometry` is a GeoJSON type name,
    `coordinates` its nested tuples (lon, lat). `geoproperty` may be `ANYWHERE`: whichever the entity has.
    """

    georel: str
    geometry: str
    coordinates: Any
    geoproperty: str
    min_distance: float | None = None
    max_distance: float | None = None


@dataclass(frozen=True, slots=True)
class TemporalQuery:
    """Bound a time property (GS CIM 009, 4.11): `timerel` is `before after between`, or None for all time.

    `start` and `end` are microseconds since 1970-01-01 UTC; `before` uses `start` as its bound.
    `timeproperty` is one of `observedAt createdAt modifiedAt deletedAt`.
    """

    timerel: str | None
    start: int | None
    end: int | None
    timeproperty: str = "observedAt"


@dataclass(frozen=True, slots=True)
class OrderBy:
    """Sort by the value at a path; `descending` turns it round.

    With `origin` it is the distance of a GeoProperty from that geometry that counts. Texts sort by `collation`, without
    one by code point.
    """

    path: Path
    descending: bool = False
    origin: GeoQuery | None = None
    collation: Collation | None = None
