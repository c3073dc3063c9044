"""The errors that a city answers with, by the standard's names, the same in process and over HTTP."""

from __future__ import annotations

from typing import ClassVar

ERROR_BASE = "https://uri.etsi.org/ngsi-ld/errors/"


class CityError(Exception):
    """Carry a problem to whoever asked: what, where and how to mend it.

    `detail` names the offending member and the remedy; `status` is the HTTP status; `title` is fixed per
    type.
    """

    slug: ClassVar[str] = "InternalError"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"

    def __init__(self, detail: str = "", *, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.headers = headers or {}

    def __str__(self) -> str:
        """Return the title and the detail on one line."""
        return f"{self.title}: {self.detail}" if self.detail else self.title

    def problem(self) -> dict[str, object]:
        """Return the problem details (RFC 7807)."""
        body: dict[str, object] = {
            "type": ERROR_BASE + self.slug,
            "title": self.title,
            "status": self.status,
        }
        if self.detail:
            body["detail"] = self.detail
        return body


class InvalidRequest(CityError):
    """Say that the request is not well formed."""

    slug, status, title = "InvalidRequest", 400, "Invalid request"


class BadRequestData(CityError):
    """Say that the data does not follow the information model."""

    slug, status, title = "BadRequestData", 400, "Bad request data"


class AlreadyExists(CityError):
    """Say that the thing to be created is there already."""

    slug, status, title = "AlreadyExists", 409, "Already exists"


class Conflict(CityError):
    """Say that the request contradicts the present state."""

    slug, status, title = "Conflict", 409, "Conflict"


class OperationNotSupported(CityError):
    """Say that this city does not offer the operation."""

    slug, status, title = "OperationNotSupported", 422, "Operation not supported"


class ResourceNotFound(CityError):
    """Say that nothing is known under this name."""

    slug, status, title = "ResourceNotFound", 404, "Resource not found"


class NonexistentTenant(CityError):
    """Say that the tenant does not exist."""

    slug, status, title = "NonexistentTenant", 404, "Nonexistent tenant"


class TooComplexQuery(CityError):
    """Say that the query is deeper or longer than the city evaluates."""

    slug, status, title = "TooComplexQuery", 403, "Too complex query"


class TooManyResults(CityError):
    """Say that the answer would be larger than the city sends."""

    slug, status, title = "TooManyResults", 403, "Too many results"


class LdContextNotAvailable(CityError):
    """Say that a remote @context could not be had or read."""

    slug, status, title = "LdContextNotAvailable", 504, "@context not available"


class NoMultiTenantSupport(CityError):
    """Say that this operation does not know tenants."""

    slug, status, title = "NoMultiTenantSupport", 501, "No multi-tenant support"


class Unauthorized(CityError):
    """Say that the request carries no valid token."""

    slug, status, title = "Unauthorized", 401, "Unauthorized"


class MethodNotAllowed(CityError):
    """Say that the resource does not know this method."""

    slug, status, title = "MethodNotAllowed", 405, "Method not allowed"


class NotAcceptable(CityError):
    """Say that no representation asked for can be given."""

    slug, status, title = "NotAcceptable", 406, "Not acceptable"


class LengthRequired(CityError):
    """Say that the body's length is missing."""

    slug, status, title = "LengthRequired", 411, "Length required"


class RequestEntityTooLarge(CityError):
    """Say that the body is larger than is read here."""

    slug, status, title = "RequestEntityTooLarge", 413, "Request entity too large"


class UnsupportedMediaType(CityError):
    """Say that the body's media type is not one that can be read here."""

    slug, status, title = "UnsupportedMediaType", 415, "Unsupported media type"


class TooManyRequests(CityError):
    """Say that the city answers as many requests of this kind as it may; come back later."""

    slug, status, title = "TooManyRequests", 429, "Too many requests"


class StoreUnavailable(CityError):
    """Say that nothing can be written now; nothing was changed, and trying again later may succeed."""

    slug, status, title = "StoreUnavailable", 503, "Store unavailable"


class CityUnreachable(CityError):
    """Say that the city could not be reached or broke off; what was asked may or may not have been done."""

    slug, status, title = "CityUnreachable", 503, "City unreachable"


def _descendants(base: type[CityError]) -> dict[str, type[CityError]]:
    return {kind.slug: kind for kind in base.__subclasses__()}


BY_SLUG: dict[str, type[CityError]] = _descendants(CityError)
"""The last part of a problem's `type` → the error that stands for it."""

_BY_STATUS: dict[int, type[CityError]] = {
    400: InvalidRequest,
    401: Unauthorized,
    404: ResourceNotFound,
    405: MethodNotAllowed,
    406: NotAcceptable,
    409: Conflict,
    411: LengthRequired,
    413: RequestEntityTooLarge,
    415: UnsupportedMediaType,
    422: OperationNotSupported,
    429: TooManyRequests,
    502: CityUnreachable,
    503: StoreUnavailable,
    504: CityUnreachable,
}


def error_for(slug_or_type: str, detail: str = "", *, status: int = 500) -> CityError:
    """Return the error that a problem's type names, or the one that its status suggests."""
    kind = BY_SLUG.get(slug_or_type.rsplit("/", 1)[-1]) or _BY_STATUS.get(status, CityError)
    return kind(detail)
