"""Read what a request asks for, and dress the answer: contexts, media types, representations, paging (6.3)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final, TypeAlias
from urllib.parse import quote

import orjson

from hiroba.kernel.api.http import GEO_JSON, JSON, JSON_LD, MERGE_PATCH, Headers, Request, Response
from hiroba.kernel.broker.broker import Broker
from hiroba.kernel.model.compact import View
from hiroba.kernel.model.context import CORE, Context
from hiroba.kernel.model.errors import (
    BadRequestData,
    HirobaError,
    InvalidRequest,
    LdContextNotAvailable,
    NotAcceptable,
    TooManyResults,
)
from hiroba.kernel.model.ids import check_uri
from hiroba.kernel.query import Projection, parse_projection

CONTEXT_REL: Final = "http://www.w3.org/ns/json-ld#context"
_LINK = re.compile(r"<([^<>]*)>((?:\s*;\s*[^;,=\s]+\s*(?:=\s*(?:\"[^\"]*\"|[^\";,\s]*))?)*)")
_OR: Final = re.compile(r"[,|]")
MEMBERS: Final = frozenset(("id", "type", "scope"))
STAMPS: Final = frozenset(("createdAt", "modifiedAt", "deletedAt", "expiresAt"))
"""What the broker itself writes about entities and attributes (4.8)."""
_WEIGHT: Final = re.compile(rb"0(?:\.\d{0,3})?|1(?:\.0{0,3})?")
_FORMATS: Final = {
    "normalized": "normalized",
    "concise": "concise",
    "simplified": "simplified",
    "keyValues": "simplified",
}


def linked_context(header: bytes) -> str | None:
    """Return the URL of the @context in a Link header, or None; raises BadRequestData for more than one."""
    urls = []
    for target, parameters in _LINK.findall(header.decode("latin-1")):
        rel = re.search(r";\s*rel\s*=\s*\"?([^\";]*)\"?", parameters)
        if rel and CONTEXT_REL in rel[1].split():
            urls.append(target)
    if len(urls) > 1:
        raise BadRequestData("The Link header names more than one @context; name one that includes the others.")
    return urls[0] if urls else None


async def context_of(broker: Broker, request: Request) -> Context:
    """Return the context that the Link header names, the core context without one (6.3.5, GET and DELETE)."""
    header = request.headers.get(b"link")
    if header is None:
        return CORE
    return await broker.contexts.resolve(linked_context(header))


async def payload_of(broker: Broker, request: Request) -> tuple[dict[str, Any], Context]:
    """Return the body, an object without its @context, and the context that applies to it (6.3.5)."""
    body = await request.json(MERGE_PATCH) if request.method == "PATCH" else await request.json()
    if not isinstance(body, dict):
        raise InvalidRequest(f"The body is {_kind(body)}; a JSON object is expected.")
    return await contextual(broker, request, body)


async def payloads_of(broker: Broker, request: Request) -> list[tuple[Any, Context | HirobaError]]:
    """Return the objects of an array body, each with its context or with what is wrong with it (batch operations)."""
    body = await request.json()
    if not isinstance(body, list):
        raise BadRequestData(f"The body is {_kind(body)}; an array of entities is expected.")
    if not body:
        raise BadRequestData("The array of entities is empty.")
    if any(item is None for item in body):
        raise BadRequestData("The array of entities contains null.")
    if len(body) > broker.limits.batch:
        raise TooManyResults(f"The array has {len(body)} entities; send at most {broker.limits.batch} at once.")
    linked = request.headers.get(b"link")
    in_body = request.content_type == JSON_LD
    if not in_body and linked is None:
        # the common case: nothing to resolve per entity
        return [(item, _no_context(item)) for item in body]
    if in_body:
        given = [item["@context"] for item in body if isinstance(item, dict) and "@context" in item]
        await broker.contexts.prepare(given)
    found: list[tuple[Any, Context | HirobaError]] = []
    for item in body:
        if not isinstance(item, dict):
            found.append((item, BadRequestData(f"An item of the array is {_kind(item)}, not an entity.")))
            continue
        try:
            found.append(await contextual(broker, request, item))
        except (BadRequestData, LdContextNotAvailable) as error:
            if in_body and linked is not None:
                raise
            found.append((item, error))
    return found


async def contextual(broker: Broker, request: Request, body: dict[str, Any]) -> tuple[dict[str, Any], Context]:
    """Separate a body from its context by the rules of 6.3.5; raises BadRequestData where they are mixed."""
    linked = request.headers.get(b"link")
    url = linked_context(linked) if linked is not None else None
    if request.content_type == JSON_LD:
        if url is not None:
            raise BadRequestData("With application/ld+json the @context belongs into the body, not into a Link header.")
        if "@context" not in body:
            raise BadRequestData("The body has no @context; application/ld+json needs one (or send application/json).")
        context = await broker.contexts.resolve(body["@context"])
        return {name: value for name, value in body.items() if name != "@context"}, context
    if "@context" in body:
        raise BadRequestData("The body has an @context; send it as application/ld+json, or use a Link header.")
    return body, (await broker.contexts.resolve(url)) if url is not None else CORE


def media_type(request: Request, *, geojson: bool = False) -> bytes:
    """Return the media type of the answer by the Accept header (6.3.4); raises NotAcceptable."""
    header = request.headers.get(b"accept")
    if header is None or header == b"*/*" or header == JSON:
        return JSON
    offered = (JSON, JSON_LD, GEO_JSON) if geojson else (JSON, JSON_LD)
    best: tuple[float, bytes] | None = None
    ranges = _ranges(header)
    for offer in offered:
        weight = _weight(offer, ranges)
        if weight > 0 and (best is None or weight > best[0]):
            best = (weight, offer)
    if best is None:
        names = ", ".join(offer.decode() for offer in offered)
        raise NotAcceptable(f"Accept is {header.decode('latin-1')!r}; the representations available are {names}.")
    return best[1]


def _ranges(header: bytes) -> list[tuple[bytes, float]]:
    found = []
    for part in header.lower().split(b","):
        name, *parameters = (piece.strip() for piece in part.split(b";"))
        weight = 1.0
        for parameter in parameters:
            # what is no weight counts for nothing, so that the range keeps its place
            if parameter.startswith(b"q=") and _WEIGHT.fullmatch(parameter[2:]):
                weight = float(parameter[2:])
        found.append((name, weight))
    return found


def _weight(offer: bytes, ranges: Sequence[tuple[bytes, float]]) -> float:
    """Return the weight by the most specific range that covers the offer (RFC 9110, 12.5.1)."""
    family = offer.split(b"/")[0] + b"/*"
    for wanted in (offer, family, b"*/*"):
        for name, weight in ranges:
            if name == wanted:
                return weight
    return 0.0


def options_of(request: Request) -> frozenset[str]:
    """Return the words of the `options` parameter."""
    text = request.query.get("options")
    return frozenset(word.strip() for word in text.split(",")) if text else frozenset()


def view_of(request: Request, context: Context, *, pickable: bool = True) -> View:
    """Return how entities are to be shown: format, sysAttrs, lang, pick, omit, attrs, datasetId (6.3.7 to 6.3.15)."""
    query = request.query
    if _VIEWED.isdisjoint(query):
        return PLAIN
    options = options_of(request)
    asked = query.get("format") or next((word for word in options if word in _FORMATS), "normalized")
    if asked not in _FORMATS:
        raise InvalidRequest(f"format is {asked!r}; choose normalized, concise or simplified.")
    pick, omit, attrs = _projection(query, context) if pickable else (None, None, None)
    datasets = query.get("datasetId")
    return View(
        format=_FORMATS[asked],
        sys_attrs="sysAttrs" in options or query.get("sysAttrs") == "true",
        lang=query.get("lang"),
        pick=pick,
        omit=omit,
        attrs=attrs,
        datasets=frozenset(datasets.split(",")) if datasets else None,
    )


PLAIN: Final = View()
_VIEWED: Final = frozenset(["format", "options", "sysAttrs", "lang", "pick", "omit", "attrs", "datasetId"])
"""The parameters that say how entities are to be shown."""


_Names: TypeAlias = tuple[str, ...] | None


def _projection(query: dict[str, str], context: Context) -> tuple[_Names, _Names, _Names]:
    """Return pick, omit and attrs; raises BadRequestData where they contradict each other (4.21)."""
    chosen, left = projection_of(query, "pick", context), projection_of(query, "omit", context)
    attrs = attribute_names(query, context)
    if attrs is not None and (chosen is not None or left is not None):
        raise BadRequestData("attrs cannot stand beside pick or omit; it is the older name of pick.")
    depth = max(one.depth if one is not None else 0 for one in (chosen, left))
    if depth > join_level(query):
        raise BadRequestData(
            f"pick or omit follows {depth} links in braces, but join and joinLevel ask for {join_level(query)}."
        )
    pick = chosen.names if chosen is not None else None
    omit = left.plain if left is not None else None
    if pick is not None and omit is not None and set(pick) & set(omit):
        raise BadRequestData("pick and omit name the same member; name it in one of them.")
    return pick, omit, attrs


def join_level(query: dict[str, str]) -> int:
    """Return how many links deep linked entities are asked for, 0 when they are not (4.5.23)."""
    return 0 if query.get("join", "@none") == "@none" else int(query.get("joinLevel", "1"))


def projection_of(query: dict[str, str], parameter: str, context: Context) -> Projection | None:
    """Return what `pick` or `omit` chooses, expanded (4.21), or None; raises BadRequestData for what is no name."""
    text = query.get(parameter)
    if text is None:
        return None

    def expand(word: str) -> str:
        return word if word in MEMBERS or word in STAMPS else context.attribute_name(word)

    return parse_projection(text, parameter, expand)


def names(query: dict[str, str], parameter: str, context: Context) -> tuple[str, ...] | None:
    """Return the member names of a projection expanded, or None (4.21); raises BadRequestData for what is none."""
    text = query.get(parameter)
    if text is None:
        return None
    if "{" in text or "}" in text:
        raise BadRequestData(f"{parameter} is {text!r}; braces belong to pick and omit.")
    words = [word.strip() for word in _OR.split(text)]
    return tuple(word if word in MEMBERS or word in STAMPS else context.attribute_name(word) for word in words)


def attribute_names(query: dict[str, str], context: Context) -> tuple[str, ...] | None:
    """Return the attributes of the `attrs` parameter, or None; raises BadRequestData for `id`, `type` and `scope`."""
    found = names(query, "attrs", context)
    if found is not None and not MEMBERS.isdisjoint(found):
        raise BadRequestData("attrs names id, type or scope, which are no attributes; pick knows them.")
    return found


def ids_of(query: dict[str, str]) -> tuple[str, ...] | None:
    """Return the ids of the `id` parameter; raises BadRequestData for one that is no URI."""
    text = query.get("id")
    if text is None:
        return None
    found = tuple(word.strip() for word in text.split(","))
    for id in found:
        check_uri(id, "id")
    return found


def page_of(broker: Broker, query: dict[str, str]) -> tuple[int, int, bool]:
    """Return limit, offset and whether a count is asked for (6.3.10, 6.3.13); raises BadRequestData."""
    count = query.get("count", "false")
    if count not in ("true", "false"):
        raise BadRequestData(f"count is {count!r}; give true or false.")
    limit = _number(query, "limit", broker.limits.default_page)
    offset = _number(query, "offset", 0)
    if limit > broker.limits.page:
        raise TooManyResults(f"limit is {limit}; at most {broker.limits.page} can be had at once.")
    if limit == 0 and count == "false":
        raise BadRequestData("limit is 0; that is only possible together with count=true.")
    return limit, offset, count == "true"


def _number(query: dict[str, str], name: str, default: int) -> int:
    text = query.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 12:
        raise BadRequestData(f"{name} is {text!r}; give a whole number that is not negative.")
    return int(text)


def flag(query: dict[str, str], name: str) -> bool:
    """Return a boolean parameter, false when it is not given; raises BadRequestData for any other word."""
    text = query.get(name, "false")
    if text not in ("true", "false"):
        raise BadRequestData(f"{name} is {text!r}; give true or false.")
    return text == "true"


def link_header(context: Context) -> tuple[bytes, bytes]:
    """Return the Link header that names a context (6.3.6)."""
    return (b"link", f'<{context.url}>; rel="{CONTEXT_REL}"; type="application/ld+json"'.encode())


def respond(
    request: Request, body: Any, context: Context, *, kind: bytes = JSON, headers: Headers | None = None
) -> Response:
    """Answer 200 with an object or a list; JSON-LD gets its @context inside, JSON gets a Link header."""
    if kind != JSON:
        if isinstance(body, dict):
            body = {**body, "@context": context.reference}
        elif isinstance(body, list):
            body = [{**item, "@context": context.reference} if isinstance(item, dict) else item for item in body]
    return respond_bytes(request, orjson.dumps(body), context, kind=kind, headers=headers)


def respond_bytes(
    request: Request, body: bytes, context: Context, *, kind: bytes = JSON, headers: Headers | None = None
) -> Response:
    """Answer 200 with a body already written in the media type `kind`."""
    sent = list(headers) if headers else []
    if kind == JSON:
        sent.append(link_header(context))
    return Response(200, body, media_type=kind, headers=sent)


def paging_headers(
    request: Request, *, limit: int, offset: int, more: bool, count: int | None, kind: bytes = JSON
) -> Headers:
    """Return the Link headers to the next and previous page, of media type `kind`, and the count (6.3.10, 6.3.13)."""
    headers: Headers = []
    if count is not None:
        headers.append((b"ngsild-results-count", b"%d" % count))
    if more and limit:
        headers.append(_page_link(request, "next", limit, offset + limit, kind=kind))
    if offset and limit:
        headers.append(_page_link(request, "prev", limit, max(0, offset - limit), kind=kind))
    return headers


def _page_link(request: Request, rel: str, limit: int, offset: int, *, kind: bytes) -> tuple[bytes, bytes]:
    query = {**request.query, "limit": str(limit), "offset": str(offset)}
    path = quote(request.scope["path"].rstrip("/"), safe="/:@!$&'()*+,;=-._~")
    target = f"{path}?{'&'.join([f'{_quoted(name)}={_quoted(text)}' for name, text in sorted(query.items())])}"
    return (b"link", f'<{target}>; rel="{rel}"; type="{kind.decode()}"'.encode())


@lru_cache(maxsize=1024)
def _quoted(text: str) -> str:
    return quote(text, safe=":*/@")


def _no_context(item: Any) -> Context | HirobaError:
    if not isinstance(item, dict):
        return BadRequestData(f"An item of the array is {_kind(item)}, not an entity.")
    if "@context" in item:
        return BadRequestData(
            "The entity has an @context; send the array as application/ld+json, or use a Link header."
        )
    return CORE


def _kind(value: Any) -> str:
    return {list: "an array", dict: "an object", str: "a text", bool: "a boolean", type(None): "null"}.get(
        type(value), "a number"
    )
