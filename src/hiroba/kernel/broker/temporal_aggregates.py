"""Aggregate the instances of attributes over periods of time (GS CIM 009, 4.5.19)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, Final

import orjson

from hiroba.kernel.broker.temporal_periods import LAST, Duration
from hiroba.kernel.model.entity import Instance, value_of
from hiroba.kernel.model.errors import BadRequestData
from hiroba.kernel.model.instants import format_instant, parse_instant
from hiroba.kernel.store.port import Evolution

METHODS: Final = ("totalCount", "distinctCount", "sum", "avg", "min", "max", "stddev", "sumsq")
Key = tuple[str, str | None]


def parse_methods(text: str | None) -> tuple[str, ...]:
    """Return the methods of a comma separated list; raises BadRequestData for none or an unknown one."""
    found = tuple(dict.fromkeys(word.strip() for word in text.split(","))) if text else ()
    if not found:
        raise BadRequestData("aggrMethods is missing; aggregated values need at least one method.")
    for word in found:
        if word not in METHODS:
            raise BadRequestData(f"aggrMethods has {word!r}; the methods are {', '.join(METHODS)}.")
    return found


def time_of(instance: Instance, timeproperty: str) -> str:
    """Return the time that an instance counts at: the property asked for, or when it was written."""
    text: str = (
        instance.get(timeproperty) or instance.get("observedAt") or instance.get("deletedAt") or instance["modifiedAt"]
    )
    return text


class Bucket:
    """The values of one attribute in one period."""

    __slots__ = ("count", "distinct", "numbers", "sizes", "texts")

    def __init__(self) -> None:
        self.count = 0
        self.distinct: set[Any] = set()
        self.numbers: list[float] = []
        self.sizes: list[int] = []
        self.texts: tuple[str, str] | None = None

    def add(self, instance: Instance) -> None:
        """Count an instance in."""
        value = value_of(instance)
        self.count += 1
        self.distinct.add(_identity(value))
        if instance["type"] not in ("Property", "ListProperty"):
            return
        if isinstance(value, dict) and isinstance(value.get("@value"), str | int | float):
            value = value["@value"]
        if isinstance(value, bool | int | float):
            self.numbers.append(int(value) if isinstance(value, bool) else value)
        elif isinstance(value, list):
            self.sizes.append(len(value))
        elif isinstance(value, str):
            low, high = self.texts or (value, value)
            self.texts = (min(low, value), max(high, value))

    def result(self, method: str) -> Any:
        """Return what a method makes of the values, None when it does not apply to them."""
        if method == "totalCount":
            return self.count
        if method == "distinctCount":
            return len(self.distinct)
        if self.numbers:
            return NUMERIC[method](self.numbers)
        if self.sizes:
            return NUMERIC[method](self.sizes) if method in ("avg", "sum", "min", "max") else None
        if self.texts is not None and method in ("min", "max"):
            return self.texts[method == "max"]
        return None


def _identity(value: Any) -> Any:
    if isinstance(value, bool):
        return (bool, value)
    if isinstance(value, str | int | float):
        return value
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _sum(values: Iterable[float]) -> float:
    numbers = list(values)
    if all(isinstance(one, int) for one in numbers):
        return sum(numbers)
    return _exact(numbers)


def _exact(values: Iterable[float]) -> float:
    """Sum without gathering errors; refuses a sum that JSON cannot say."""
    try:
        total = math.fsum(values)
    except OverflowError:
        total = math.inf
    if not math.isfinite(total):
        raise BadRequestData("The values are too large to be aggregated.")
    return total


def _mean(values: list[float]) -> float:
    return _sum(values) / len(values)


def _deviation(values: list[float]) -> float:
    mean = _mean(values)
    return math.sqrt(_exact((one - mean) * (one - mean) for one in values) / len(values))


NUMERIC: Final[dict[str, Callable[[Any], Any]]] = {
    "sum": _sum,
    "avg": _mean,
    "min": min,
    "max": max,
    "stddev": _deviation,
    "sumsq": lambda values: _sum(one * one for one in values),
}


class Aggregates:
    """The buckets of one entity; give it the history part by part, oldest first.

    `start` and `end` (µs) are those of the query; without a start the first instance is it. Only periods with values
    are told of. The standard deviation is that of the whole population.
    """

    def __init__(self, period: Duration, *, start: int | None, end: int | None, timeproperty: str) -> None:
        self._period = period
        self._origin = start
        self._end = end
        self._last = 0
        self._timeproperty = timeproperty
        self._buckets: dict[Key, dict[int, Bucket]] = {}
        self._kinds: dict[Key, str] = {}

    def add(self, evolution: Evolution) -> None:
        """Count the instances of a history in, those apart that tell of a deletion."""
        timed: list[tuple[int, Key, Instance]] = []
        for iri, instances in evolution.instances.items():
            for instance in instances:
                if value_of(instance) is not None:
                    at = parse_instant(time_of(instance, self._timeproperty))
                    timed.append((at, (iri, instance.get("datasetId")), instance))
        if not timed:
            return
        if self._origin is None:
            self._origin = min(at for at, _, _ in timed)
        self._last = max(self._last, *(at for at, _, _ in timed))
        for at, key, instance in timed:
            number = 0 if self._period.whole else self._period.number(self._origin, at)
            buckets = self._buckets.setdefault(key, {})
            bucket = buckets.get(number)
            if bucket is None:
                bucket = buckets[number] = Bucket()
            bucket.add(instance)
            self._kinds[key] = instance["type"]

    def told(self, methods: tuple[str, ...]) -> dict[str, list[dict[str, Any]]]:
        """Return attribute IRI → its aggregates, one for each datasetId: method → [value, start, end] per period."""
        found: dict[str, list[dict[str, Any]]] = {}
        for (iri, dataset), buckets in self._buckets.items():
            told: dict[str, Any] = {"type": self._kinds[iri, dataset]}
            if dataset is not None:
                told["datasetId"] = dataset
            for method in methods:
                rows = ((number, buckets[number].result(method)) for number in sorted(buckets))
                told[method] = [[value, *self._bounds(number)] for number, value in rows if value is not None]
            found.setdefault(iri, []).append(told)
        return found

    def _bounds(self, number: int) -> tuple[str, str]:
        origin = self._origin or 0
        if self._period.whole:
            return _moment(origin), _moment(self._end if self._end is not None else self._last)
        period = self._period
        return _moment(period.edge(origin, number)), _moment(min(period.edge(origin, number + 1), LAST))


def _moment(instant: int) -> str:
    """Return an instant as the edge of a period, which hardly ever lies within a second."""
    return format_instant(instant).replace(".000Z", "Z")
