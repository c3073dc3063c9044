"""Requests and responses of the broker's HTTP binding, kept thin: nothing is parsed before somebody asks for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qs, unquote

import orjson

from hiroba.kernel.model.errors import (
    BadRequestData,
    HirobaError,
    InvalidRequest,
    LengthRequired,
    RequestEntityTooLarge,
    UnsupportedMediaType,
)

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers: TypeAlias = list[tuple[bytes, bytes]]

JSON: Final = b"application/json"
JSON_LD: Final = b"application/ld+json"
GEO_JSON: Final = b"application/geo+json"
MERGE_PATCH: Final = b"application/merge-patch+json"
MAX_DEPTH: Final = 64
_FIELDS: Final = 100
BARE: Final = (LengthRequired, UnsupportedMediaType)
"""The errors that the standard wants told by their status alone."""


class Request:
    """One HTTP request: path parameters in `params`, the query decoded on demand, the body read on demand.

    `limit` is the number of bytes a body may have; a longer one raises RequestEntityTooLarge before it is parsed.
    """

    __slots__ = ("_headers", "_query", "limit", "method", "params", "receive", "scope", "tenant")

    def __init__(self, scope: Scope, receive: Receive, *, limit: int) -> None:
        self.scope = scope
        self.receive = receive
        self.limit = limit
        self.method: str = scope["method"]
        self.params: tuple[str, ...] = ()
        self.tenant = ""
        self._headers: dict[bytes, bytes] | None = None
        self._query: dict[str, str] | None = None

    @property
    def headers(self) -> dict[bytes, bytes]:
        """Return the headers by lower-case name, the last one of a name."""
        if self._headers is None:
            self._headers = dict(self.scope["headers"])
        return self._headers

    @property
    def query(self) -> dict[str, str]:
        """Return the query parameters; one given twice is refused, since no parameter of NGSI-LD repeats."""
        if self._query is None:
            raw: bytes = self.scope["query_string"]
            self._query = parse_query(raw) if raw else {}
        return self._query

    def override(self, query: dict[str, str]) -> None:
        """Put other query parameters in the place of those of the address, such as those of a Query document."""
        self._query = query

    @property
    def content_type(self) -> bytes:
        """Return the media type of the body in lower case, without its parameters."""
        return self.headers.get(b"content-type", b"").partition(b";")[0].strip().lower()

    async def body(self) -> bytes:
        """Return the whole body; raises LengthRequired without its length, RequestEntityTooLarge beyond the limit."""
        declared = self.headers.get(b"content-length")
        if declared is None:
            raise LengthRequired("Content-Length is missing.")
        if declared.isdigit() and int(declared) > self.limit:
            raise self._too_large()
        message = await self.receive()
        data: bytes = message.get("body", b"")
        if not message.get("more_body"):
            if len(data) > self.limit:
                raise self._too_large()
            return data
        parts, size = [data], len(data)
        while message.get("more_body"):
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise InvalidRequest("The client closed the connection before the whole body had arrived.")
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > self.limit:
                raise self._too_large()
        return b"".join(parts)

    async def json(self, *allowed: bytes) -> Any:
        """Return the parsed body; the media type must be JSON, JSON-LD or one of `allowed`.

        Raises UnsupportedMediaType, InvalidRequest (not JSON, empty) and BadRequestData (nested too deep).
        """
        kind = self.content_type
        if kind not in (JSON, JSON_LD) and kind not in allowed:
            raise UnsupportedMediaType(
                f"Content-Type is {kind.decode('latin-1') or 'missing'!r}; send application/json or ld+json."
            )
        return parse_json(await self.body())

    def _too_large(self) -> HirobaError:
        return RequestEntityTooLarge(f"The body is larger than {self.limit} bytes; send it in several parts.")


class Response:
    """A whole answer; `headers` are additional to content-type and content-length."""

    __slots__ = ("body", "headers", "media_type", "status")

    def __init__(
        self, status: int, body: bytes = b"", *, media_type: bytes = JSON, headers: Headers | None = None
    ) -> None:
        self.status = status
        self.body = body
        self.media_type = media_type
        self.headers: Headers = headers if headers is not None else []

    async def send(self, send: Send) -> None:
        """Put the answer on the wire."""
        headers = self.headers
        if self.body:
            headers.append((b"content-type", self.media_type))
        if self.status != 204:
            headers.append((b"content-length", b"%d" % len(self.body)))
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


class Stream:
    """An answer that writes itself, such as server-sent events: `run(receive, send)` sends all of its messages."""

    __slots__ = ("run",)

    def __init__(self, run: Callable[[Receive, Send], Awaitable[None]]) -> None:
        self.run = run


def problem(error: HirobaError) -> Response:
    """Return the answer that tells of an error (RFC 7807; GS CIM 009, 6.3.2); some have no body (6.3.4)."""
    headers = [(name.lower().encode(), value.encode()) for name, value in error.headers.items()]
    if isinstance(error, BARE):
        return Response(error.status, headers=headers)
    return Response(error.status, orjson.dumps(error.problem()), headers=headers)


def parse_query(raw: bytes) -> dict[str, str]:
    """Return query parameters as text; raises InvalidRequest for one that is repeated or not UTF-8."""
    if b"%" not in raw and b"+" not in raw and raw.isascii() and raw.count(b"&") < _FIELDS:
        plain = [part.partition("=") for part in raw.decode("ascii").split("&") if part]
        query = {name: value for name, _, value in plain}
        if len(query) == len(plain):
            return query
    try:
        parsed = parse_qs(raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_FIELDS)
    except (UnicodeDecodeError, ValueError) as error:
        raise InvalidRequest(f"The query string cannot be read ({error}); percent-encode it as UTF-8.") from error
    for name, values in parsed.items():
        if len(values) > 1:
            raise InvalidRequest(f"The parameter {name!r} is given {len(values)} times; give it once.")
    return {name: values[0] for name, values in parsed.items()}


def parse_json(data: bytes) -> Any:
    """Return the JSON value; raises InvalidRequest with the place where reading stopped."""
    if not data:
        raise InvalidRequest("The body is empty; a JSON document is expected.")
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise InvalidRequest(f"The body is not JSON: {error}") from error


def segment(text: str) -> str:
    """Return a path segment decoded; raises BadRequestData when it is not UTF-8."""
    if "%" not in text:
        return text
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError as error:
        raise BadRequestData(f"The path segment {text!r} is not UTF-8 when percent-decoded.") from error
