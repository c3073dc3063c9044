"""Turn every error into the status and the body that NGSIv2 clients know: `{"error", "description"}`."""

from __future__ import annotations

from typing import Final

import orjson

from hiroba.kernel.api.http import Response
from hiroba.kernel.model.errors import (
    AlreadyExists,
    Conflict,
    HirobaError,
    LengthRequired,
    MethodNotAllowed,
    NonexistentTenant,
    NotAcceptable,
    OperationNotSupported,
    RequestEntityTooLarge,
    ResourceNotFound,
    StoreUnavailable,
    TooComplexQuery,
    TooManyResults,
    UnsupportedMediaType,
)
from hiroba.kernel.model.ngsi_v2.errors import OrionError

NAMES: Final[dict[type[HirobaError], tuple[int, str]]] = {
    ResourceNotFound: (404, "NotFound"),
    NonexistentTenant: (404, "NotFound"),
    AlreadyExists: (422, "Unprocessable"),
    Conflict: (422, "Unprocessable"),
    OperationNotSupported: (501, "NotImplemented"),
    TooComplexQuery: (422, "NotSupportedQuery"),
    TooManyResults: (422, "NotSupportedQuery"),
    MethodNotAllowed: (405, "MethodNotAllowed"),
    NotAcceptable: (406, "NotAcceptable"),
    LengthRequired: (411, "ContentLengthRequired"),
    RequestEntityTooLarge: (413, "RequestEntityTooLarge"),
    UnsupportedMediaType: (415, "UnsupportedMediaType"),
    StoreUnavailable: (503, "InternalServerError"),
}


def told(error: HirobaError) -> Response:
    """Return the answer that tells of an error."""
    if isinstance(error, OrionError):
        code, name = error.code, error.name
    elif error.status == 500:
        code, name = 500, "InternalServerError"
    else:
        code, name = NAMES.get(type(error), (400, "BadRequest"))
    detail = "method not allowed" if isinstance(error, MethodNotAllowed) else error.detail
    headers = [(key.lower().encode(), value.encode()) for key, value in error.headers.items()]
    return Response(code, orjson.dumps({"error": name, "description": detail}), headers=headers)
