"""Read what NGSIv2 requests have in common: headers, options, paging, names, bodies."""

from __future__ import annotations

from secrets import token_hex
from typing import Any, Final

import orjson

from hiroba.kernel.api.http import Headers, Request, Response
from hiroba.kernel.broker.ngsi_v2.decisions import How
from hiroba.kernel.broker.ngsi_v2.entities import Place, Target
from hiroba.kernel.broker.ngsi_v2.forwarding import Asker, Forwarding
from hiroba.kernel.model.errors import LengthRequired, NotAcceptable, UnsupportedMediaType
from hiroba.kernel.model.ngsi_v2.errors import OrionError, bad_request
from hiroba.kernel.model.ngsi_v2.names import FORBIDDEN, ServicePath, check_identifier, query_paths, update_path
from hiroba.kernel.model.ngsi_v2.rendering import BUILTIN_ATTRIBUTES, KEY_VALUES, NORMALIZED, UNIQUE, VALUES, Shape

MOST: Final = 1000
OPTIONS: Final = frozenset(
    (
        *("count", "keyValues", "values", "unique", "normalized", "append", "upsert", "noAttrDetail"),
        *("overrideMetadata", "forcedUpdate", "flowControl", "skipForwarding", "skipInitialNotification"),
        *("dateCreated", "dateModified", "uniqueValues"),
    )
)
_FREE: Final = frozenset(("q", "mq", "idPattern", "typePattern", "georel", "coords", "expression"))
_LONGEST_NUMBER: Final = 9
_CARRIED: Final = {
    b"x-auth-token": "X-Auth-Token",
    b"authorization": "Authorization",
    b"fiware-correlator": "Fiware-Correlator",
}
HERE: Final = f"hiroba-{token_hex(6)}".encode()
"""What this process calls itself in `Via`, so that a request that comes round is known."""


class OrionRequest(Request):
    """A request that knows whom else can be asked."""

    __slots__ = ("forwarding",)

    forwarding: Forwarding


def forwarding_of(request: Request) -> Forwarding:
    """Return what knows whom else can be asked."""
    if not isinstance(request, OrionRequest):
        raise TypeError("NGSIv2 is served to its own requests")
    return request.forwarding


def asker_of(request: Request, asked: frozenset[str] = frozenset()) -> Asker:
    """Return who asks; one whose request came through here already asks nobody else again."""
    headers = request.headers
    alone = "skipForwarding" in asked or HERE in headers.get(b"via", b"")
    carried = {name: headers[key].decode("latin-1") for key, name in _CARRIED.items() if key in headers}
    via = ", ".join(part for part in (headers.get(b"via", b"").decode("latin-1"), f"1.1 {HERE.decode()}") if part)
    return Asker(request.tenant, {**carried, "Via": via}, alone)


def texts(request: Request) -> dict[str, str]:
    """Return the query parameters; raises OrionError for one without a value or with a forbidden character."""
    query = request.query
    for name, value in query.items():
        if not value:
            raise bad_request(f"Empty right-hand-side for URI param /{name}/")
        if name not in _FREE and not FORBIDDEN.isdisjoint(value):
            raise bad_request("invalid character in URI parameter")
    return query


def options(request: Request) -> frozenset[str]:
    """Return the options asked for; raises OrionError for an unknown one."""
    text = texts(request).get("options")
    found = frozenset(text.split(",")) if text is not None else frozenset()
    if not found <= OPTIONS:
        raise bad_request("Invalid value for URI param /options/")
    if len(found & {"keyValues", "values", "unique"}) > 1 and not found >= {"values", "unique"}:
        raise bad_request("Invalid value for URI param /options/")
    return found


def how(asked: frozenset[str]) -> How:
    """Return how attributes are to be written."""
    return How(override="overrideMetadata" in asked, forced="forcedUpdate" in asked)


def paging(query: dict[str, str]) -> tuple[int, int]:
    """Return limit and offset; raises OrionError."""
    limit, offset = _number(query, "limit", 20), _number(query, "offset", 0)
    if limit == 0:
        raise bad_request("Bad pagination limit: /0/ [a value of ZERO is unacceptable]")
    if limit > MOST:
        raise bad_request(f"Bad pagination limit: /{limit}/ [max: {MOST}]")
    return limit, offset


def _number(query: dict[str, str], name: str, default: int) -> int:
    text = query.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > _LONGEST_NUMBER:
        raise bad_request(f"Bad pagination {name}: /{text[:40]}/ [must be a decimal number]")
    return int(text)


def header(request: Request, name: bytes) -> str | None:
    """Return a header as text, None without it; raises OrionError for one that is not UTF-8."""
    raw = request.headers.get(name)
    if raw is None:
        return None
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise bad_request(f"the header {name.decode()} is not UTF-8") from error


def paths_of(request: Request) -> tuple[ServicePath, ...]:
    """Return the service paths that a query is about."""
    return query_paths(header(request, b"fiware-servicepath"))


def place_of(request: Request) -> Place:
    """Return where an update is at home."""
    return Place(request.tenant, update_path(header(request, b"fiware-servicepath")))


def target_of(request: Request, *, reading: bool) -> Target:
    """Return the entity that the path names and the parameter `type` may narrow."""
    id = check_identifier(request.params[0], "entity id")
    kind = texts(request).get("type")
    if kind is not None:
        check_identifier(kind, "entity type")
    return Target(id, kind, paths_of(request) if reading else place_of(request).paths)


def shape_of(query: dict[str, str], asked: frozenset[str], *, default: str = NORMALIZED) -> Shape:
    """Return how entities are to be shown."""
    shown = default
    for option, name in (("keyValues", KEY_VALUES), ("values", VALUES), ("unique", UNIQUE)):
        if option in asked:
            shown = name
    attrs = names(query, "attrs", "attribute name")
    stamps = tuple(name for name in ("dateCreated", "dateModified") if name in asked)
    if stamps:
        attrs = (*(attrs or ("*",)), *stamps)
    return Shape(shown, attrs, names(query, "metadata", "metadata name"))


def wanted(shape: Shape) -> tuple[str, ...]:
    """Return the attributes asked for by name, none when all are wanted."""
    if shape.attrs is None or "*" in shape.attrs:
        return ()
    return tuple(name for name in shape.attrs if name not in BUILTIN_ATTRIBUTES)


def names(query: dict[str, str], parameter: str, what: str) -> tuple[str, ...] | None:
    """Return a parameter's list of names, each once; None without it."""
    text = query.get(parameter)
    if text is None:
        return None
    return tuple(dict.fromkeys(check_identifier(one, what) for one in text.split(",")))


async def raw_body(request: Request) -> bytes:
    """Return the body; raises LengthRequired when there is none."""
    declared = request.headers.get(b"content-length", b"0")
    if not declared.strip(b"0"):
        raise LengthRequired("Zero/No Content-Length in PUT/POST/PATCH request")
    return await request.body()


async def json_body(request: Request) -> Any:
    """Return the parsed body; raises UnsupportedMediaType and OrionError."""
    raw = await raw_body(request)
    kind = request.content_type
    if kind != b"application/json":
        raise unsupported(kind)
    return parsed(raw)


def parsed(raw: bytes) -> Any:
    """Return the JSON value of a text; raises OrionError."""
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise OrionError(400, "ParseError", "Errors found in incoming JSON buffer") from error


def unsupported(kind: bytes) -> UnsupportedMediaType:
    """Return the error for a body of a type that is not read here."""
    if not kind:
        return UnsupportedMediaType("Content-Type header not used, default application/octet-stream is not supported")
    return UnsupportedMediaType(f"not supported content type: {kind.decode('latin-1')}")


def accepts(request: Request, *kinds: bytes) -> bytes | None:
    """Return the one of some media types that the client likes best, None for none of them."""
    text = request.headers.get(b"accept")
    if not text:
        return kinds[0]
    best, weight = None, 0.0
    for part in text.lower().split(b","):
        kind, *parameters = (piece.strip() for piece in part.split(b";"))
        q = _weight(parameters)
        for one in kinds:
            matches = kind in (one, b"*/*") or kind == one.partition(b"/")[0] + b"/*"
            if matches and q > weight:
                best, weight = one, q
    return best


def _weight(parameters: list[bytes]) -> float:
    for one in parameters:
        if one.startswith(b"q="):
            try:
                return float(one[2:])
            except ValueError:
                return 0.0
    return 1.0


def check_accept(request: Request) -> None:
    """Raise NotAcceptable unless the client takes JSON."""
    if accepts(request, b"application/json") is None:
        raise NotAcceptable("no acceptable mime-type in accept header")


def answer(body: Any, *, count: int | None = None) -> Response:
    """Return a JSON answer, with the total when it was asked for."""
    headers: Headers = [] if count is None else [(b"fiware-total-count", b"%d" % count)]
    return Response(200, orjson.dumps(body), headers=headers)
