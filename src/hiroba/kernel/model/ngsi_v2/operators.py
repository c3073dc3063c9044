"""The update operators of NGSIv2: what `{"$inc": 1}` and its like make of the present value."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

from hiroba.kernel.model.ngsi_v2.errors import OrionError, bad_request
from hiroba.kernel.model.ngsi_v2.values import moment_of

ABSENT: Final[Any] = object()
"""Stands for the present value of an attribute that is not there, and for a result that makes none."""
_EPOCH: Final = "1970-01-01T00:00:00.000Z"


def is_operation(value: Any) -> bool:
    """Tell whether a value is an operation on the present one rather than a new one."""
    return type(value) is dict and bool(value) and all(key in OPERATORS for key in value)


def operate(value: Any, present: Any, type: str | None = None) -> Any:
    """Return what an operation makes of the present value (ABSENT: none), ABSENT when that is no attribute.

    Raises OrionError: 400 for what is no operation, 500 for one that the present value does not allow.
    """
    if len(value) > 1 and set(value) != {"$set", "$unset"}:
        raise bad_request("only one update operator can be used for an attribute, or $set together with $unset")
    if len(value) == 2 and isinstance(value["$set"], dict) and isinstance(value["$unset"], dict):
        both = set(value["$set"]) & set(value["$unset"])
        if both:
            raise _failed(f"Updating the path {min(both)!r} would create a conflict at it")
    for name, operand in value.items():
        present = OPERATORS[name](present, operand, type)
    return present


def _number(present: Any, operand: Any, name: str) -> tuple[Any, Any]:
    for one in (present, operand):
        if one is not ABSENT and (isinstance(one, bool) or not isinstance(one, int | float)):
            raise _failed(f"Cannot {name} with non-numeric argument")
    return (0 if present is ABSENT else present), operand


def _inc(present: Any, operand: Any, type: str | None) -> Any:
    before, by = _number(present, operand, "increment")
    return _finite(before + by)


def _mul(present: Any, operand: Any, type: str | None) -> Any:
    before, by = _number(present, operand, "multiply")
    return _finite(before * by)


def _finite(number: Any) -> Any:
    if isinstance(number, int) and abs(number) >= 1 << 63:
        number = float(number)
    if not math.isfinite(number):
        raise _failed("the result is no number")
    return number


def _bound(pick: Callable[[Any, Any], bool]) -> Callable[[Any, Any, str | None], Any]:
    def bounded(present: Any, operand: Any, type: str | None) -> Any:
        if present is ABSENT:
            present = _EPOCH if type == "DateTime" else 0
        ours, theirs = _key(present, type), _key(operand, type)
        return operand if pick(theirs, ours) else present

    return bounded


def _key(value: Any, type: str | None) -> tuple[int, Any]:
    """Return by what values of any kind are ordered: null, numbers, texts, objects, arrays, booleans."""
    if type == "DateTime":
        at = moment_of(value)
        if at is not None:
            return 6, at
    if value is None:
        return 0, 0
    if isinstance(value, bool):
        return 5, value
    if isinstance(value, int | float):
        return 1, value
    if isinstance(value, str):
        return 2, value
    return (3, str(value)) if isinstance(value, dict) else (4, str(value))


def _list(present: Any, name: str) -> list[Any]:
    if present is ABSENT:
        return []
    if not isinstance(present, list):
        raise _failed(f"Cannot apply {name} to a non-array value")
    return present


def _each(operand: Any) -> tuple[list[Any], int | None]:
    if isinstance(operand, dict) and isinstance(operand.get("$each"), list):
        at = operand.get("$position")
        if at is not None and (isinstance(at, bool) or not isinstance(at, int)):
            raise _failed("The value for $position must be an integer value")
        return operand["$each"], at
    return [operand], None


def _push(present: Any, operand: Any, type: str | None) -> Any:
    before = _list(present, "$push")
    added, at = _each(operand)
    place = len(before) if at is None else at
    return [*before[:place], *added, *before[place:]]


def _add_to_set(present: Any, operand: Any, type: str | None) -> Any:
    result = list(_list(present, "$addToSet"))
    for one in _each(operand)[0]:
        if not any(_same(one, known) for known in result):
            result.append(one)
    return result


def _pull(present: Any, operand: Any, type: str | None) -> Any:
    return present if present is ABSENT else [one for one in _list(present, "$pull") if not _same(one, operand)]


def _pull_all(present: Any, operand: Any, type: str | None) -> Any:
    if not isinstance(operand, list):
        raise _failed("$pullAll requires an array argument")
    if present is ABSENT:
        return present
    return [one for one in _list(present, "$pullAll") if not any(_same(one, gone) for gone in operand)]


def _set(present: Any, operand: Any, type: str | None) -> Any:
    if not isinstance(operand, dict):
        return operand
    if present is ABSENT:
        return dict(operand)
    if not isinstance(present, dict):
        raise _failed("Cannot create field in element that is no object")
    return {**present, **operand}


def _unset(present: Any, operand: Any, type: str | None) -> Any:
    if not isinstance(operand, dict) or not isinstance(present, dict):
        return present
    return {key: value for key, value in present.items() if key not in operand}


def _same(one: Any, other: Any) -> bool:
    # true is not 1 here
    return isinstance(one, bool) is isinstance(other, bool) and bool(one == other)


OPERATORS: Final[dict[str, Callable[[Any, Any, str | None], Any]]] = {
    "$inc": _inc,
    "$mul": _mul,
    "$min": _bound(lambda theirs, ours: theirs < ours),
    "$max": _bound(lambda theirs, ours: theirs > ours),
    "$push": _push,
    "$addToSet": _add_to_set,
    "$pull": _pull,
    "$pullAll": _pull_all,
    "$set": _set,
    "$unset": _unset,
}


def _failed(reason: str) -> OrionError:
    return OrionError(500, "InternalServerError", f"Database Error: {reason}")
