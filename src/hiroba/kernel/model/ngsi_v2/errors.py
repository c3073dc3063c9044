"""The errors of NGSIv2: a status, a name and a description, worded as clients of it know them."""

from __future__ import annotations

from hiroba.kernel.model.errors import BadRequestData


class OrionError(BadRequestData):
    """Carry what an NGSIv2 client is told: the HTTP status, the name in `error` and the `description`.

    It travels through the store as every other refusal does.
    """

    def __init__(self, code: int, name: str, detail: str, *, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail, headers=headers)
        self.code = code
        self.name = name


def bad_request(detail: str) -> OrionError:
    """Return the error for a request that is wrong by itself."""
    return OrionError(400, "BadRequest", detail)


def unprocessable(detail: str) -> OrionError:
    """Return the error for a request that the present state does not allow."""
    return OrionError(422, "Unprocessable", detail)


def partial_update(detail: str) -> OrionError:
    """Return the error for a request of which a part was carried out."""
    return OrionError(422, "PartialUpdate", detail)


def no_entity() -> OrionError:
    """Return the error for an entity that is not there."""
    return OrionError(404, "NotFound", "The requested entity has not been found. Check type and id")


def no_attribute() -> OrionError:
    """Return the error for an attribute that is not there."""
    return OrionError(404, "NotFound", "The entity does not have such an attribute")


def too_many() -> OrionError:
    """Return the error for an id that several entities have."""
    return OrionError(409, "TooManyResults", "More than one matching entity. Please refine your query")
