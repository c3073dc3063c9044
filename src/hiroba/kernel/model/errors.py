"""The one vocabulary of errors: those of NGSI-LD, each with its HTTP status (GS CIM 009, 5.5.3 and 6.3.2)."""

from __future__ import annotations

from typing import ClassVar

SHOWN_CHARACTERS = 80

ERROR_BASE = "https://uri.etsi.org/ngsi-ld/errors/"


class HirobaError(Exception):
    """Carry a problem to whoever asked: what, where and how to mend it.

    `title` is fixed per type; `detail` names the offending member and the remedy, in English.
    """

    slug: ClassVar[str] = "InternalError"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"

    def __init__(self, detail: str = "", *, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.headers = headers or {}

    @property
    def type(self) -> str:
        """Return the problem type as a URI."""
        return ERROR_BASE + self.slug

    def problem(self) -> dict[str, object]:
        """Return the problem details (RFC 7807) as NGSI-LD wants them."""
        body: dict[str, object] = {"type": self.type, "title": self.title, "status": self.status}
        if self.detail:
            body["detail"] = self.detail
        return body


class InvalidRequest(HirobaError):
    """Say that the request is not well formed: unreadable JSON, a parameter that is not one."""

    slug, status, title = "InvalidRequest", 400, "Invalid request"


class BadRequestData(HirobaError):
    """Say that the data does not follow the information model."""

    slug, status, title = "BadRequestData", 400, "Bad request data"


class AlreadyExists(HirobaError):
    """Say that the thing to be created is there already."""

    slug, status, title = "AlreadyExists", 409, "Already exists"


class Conflict(HirobaError):
    """Say that the request contradicts the present state."""

    slug, status, title = "Conflict", 409, "Conflict"


class OperationNotSupported(HirobaError):
    """Say that this broker does not offer the operation."""

    slug, status, title = "OperationNotSupported", 422, "Operation not supported"


class ResourceNotFound(HirobaError):
    """Say that nothing is known under this name."""

    slug, status, title = "ResourceNotFound", 404, "Resource not found"


class NonexistentTenant(HirobaError):
    """Say that the tenant does not exist."""

    slug, status, title = "NonexistentTenant", 404, "Nonexistent tenant"


class TooComplexQuery(HirobaError):
    """Say that the query is deeper or longer than this server evaluates."""

    slug, status, title = "TooComplexQuery", 403, "Too complex query"


class TooManyResults(HirobaError):
    """Say that the answer would be larger than this server sends."""

    slug, status, title = "TooManyResults", 403, "Too many results"


class LdContextNotAvailable(HirobaError):
    """Say that a remote @context could not be had or read."""

    slug, status, title = "LdContextNotAvailable", 504, "@context not available"


class NoMultiTenantSupport(HirobaError):
    """Say that this operation does not know tenants."""

    slug, status, title = "NoMultiTenantSupport", 501, "No multi-tenant support"


class Unauthorized(HirobaError):
    """Say that the request carries no valid token."""

    slug, status, title = "Unauthorized", 401, "Unauthorized"


class MethodNotAllowed(HirobaError):
    """Say that the resource does not know this method."""

    slug, status, title = "MethodNotAllowed", 405, "Method not allowed"


class NotAcceptable(HirobaError):
    """Say that no representation asked for can be given."""

    slug, status, title = "NotAcceptable", 406, "Not acceptable"


class LengthRequired(HirobaError):
    """Say that the body's length is missing."""

    slug, status, title = "LengthRequired", 411, "Length required"


class RequestEntityTooLarge(HirobaError):
    """Say that the body is larger than this server reads."""

    slug, status, title = "RequestEntityTooLarge", 413, "Request entity too large"


class UnsupportedMediaType(HirobaError):
    """Say that the body's media type is not one that can be read here."""

    slug, status, title = "UnsupportedMediaType", 415, "Unsupported media type"


class StoreUnavailable(HirobaError):
    """Say that nothing can be written now: disk full, file read-only, store gone. Nothing was changed."""

    slug, status, title = "StoreUnavailable", 503, "Store unavailable"


class TooManyRequests(HirobaError):
    """Say that as many of this kind are being answered as the server may answer at a time (RFC 6585)."""

    slug, status, title = "TooManyRequests", 429, "Too many requests"


def shown(value: object) -> str:
    """Return a value as it can stand in a message: short, and never walked into."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "an array"
    text = repr(value[: SHOWN_CHARACTERS + 1] if isinstance(value, str) else value)
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "…"
