"""The gate: an ASGI app in front of all others that lets nobody in without the token, when there is one."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from http.cookies import CookieError, SimpleCookie
from typing import Any, Final

import orjson

from hiroba.kernel.model.errors import HirobaError, InvalidRequest, RequestEntityTooLarge, Unauthorized

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]

COOKIE: Final = "hiroba_token"
SESSION_PATH: Final = "/api/session"
SESSION_SECONDS: Final = 30 * 24 * 3600
_OPEN_PATHS: Final = frozenset({"/health", "/ready", SESSION_PATH})
_MOST_BODY: Final = 4096


class Gate:
    """Ask for the token by `Authorization: Bearer` or `X-Auth-Token`, or by the cookie that `POST /api/session` sets.

    `guarded` are the first segments (`/api`) of what needs the token. The console's own files, `/health` and
    `/ready` need none. The cookie holds a proof of the token with an end, never the token itself; a request
    that changes something by cookie has to come from the same site.
    """

    def __init__(self, inner: Asgi, token: str, *, guarded: Sequence[str]) -> None:
        self._inner = inner
        self._token = token.encode()
        self._guarded = tuple(guarded)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the session's own path, let through what may pass, and refuse the rest."""
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        path: str = scope["path"]
        try:
            if path == SESSION_PATH:
                await self._session(scope, receive, send)
                return
            if self._token and self._is_guarded(path) and not self._may_pass(scope):
                raise Unauthorized(
                    "show the token: Authorization: Bearer <token>", headers={"WWW-Authenticate": "Bearer"}
                )
        except HirobaError as error:
            await _answer(send, error.status, error.problem(), error.headers)
            return
        await self._inner(scope, receive, send)

    def _is_guarded(self, path: str) -> bool:
        if path in _OPEN_PATHS:
            return False
        return any(path == segment or path.startswith(segment + "/") for segment in self._guarded)

    def _may_pass(self, scope: Scope) -> bool:
        headers = dict(scope["headers"])
        shown = headers.get(b"authorization", b"")
        if shown[:7].lower() == b"bearer " and hmac.compare_digest(shown[7:].strip(), self._token):
            return True
        # how clients of NGSIv2 show a token
        if hmac.compare_digest(headers.get(b"x-auth-token", b"").strip(), self._token):
            return True
        proof = _cookie(headers.get(b"cookie", b""))
        return self._is_proof(proof) and (scope["method"] in ("GET", "HEAD") or _from_here(headers))

    def _proof(self, end: int) -> str:
        digest = hmac.new(self._token, b"session %d" % end, hashlib.sha256).hexdigest()
        return f"{end}.{digest}"

    def _is_proof(self, text: str) -> bool:
        end = text.partition(".")[0]
        if not end.isascii() or not end.isdigit() or len(end) > 12:
            return False
        return hmac.compare_digest(text.encode(), self._proof(int(end)).encode()) and int(end) > time.time()

    async def _session(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer GET (is a token needed, is one shown), POST {"token": …} and DELETE."""
        secure = "; Secure" if scope.get("scheme") == "https" else ""
        attributes = f"Path=/; HttpOnly; SameSite=Strict{secure}"
        match scope["method"]:
            case "GET":
                known = not self._token or self._may_pass(scope)
                await _answer(send, 200, {"needed": bool(self._token), "open": known}, {})
            case "POST":
                given = _token_of(await _body(receive))
                if self._token and not hmac.compare_digest(given.encode(), self._token):
                    raise Unauthorized("this is not the token")
                proof = self._proof(int(time.time()) + SESSION_SECONDS)
                cookie = f"{COOKIE}={proof}; Max-Age={SESSION_SECONDS}; {attributes}"
                await _answer(send, 200, {"needed": bool(self._token), "open": True}, {"Set-Cookie": cookie})
            case "DELETE":
                await _answer(
                    send,
                    200,
                    {"open": not self._token},
                    {"Set-Cookie": f"{COOKIE}=; Max-Age=0; {attributes}"},
                )
            case _:
                error = {"title": "Method not allowed", "status": 405}
                await _answer(send, 405, error, {"Allow": "GET, POST, DELETE"})


def _cookie(header: bytes) -> str:
    try:
        found = SimpleCookie(header.decode("latin-1")).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found else ""


def _from_here(headers: dict[bytes, bytes]) -> bool:
    origin = headers.get(b"origin")
    return origin is None or origin.partition(b"://")[2] == headers.get(b"host", b"")


async def _body(receive: Receive) -> bytes:
    body: bytes = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > _MOST_BODY:
            raise RequestEntityTooLarge(f"a session's body has at most {_MOST_BODY} bytes")
        if not message.get("more_body"):
            return body


def _token_of(body: bytes) -> str:
    try:
        token = orjson.loads(body)["token"]
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise InvalidRequest('the body has to be {"token": "…"}') from error
    if not isinstance(token, str):
        raise InvalidRequest("the token has to be a text")
    return token


async def _answer(send: Send, status: int, body: dict[str, object], headers: dict[str, str]) -> None:
    raw = orjson.dumps(body)
    sent = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(raw))]
    sent += [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": sent})
    await send({"type": "http.response.body", "body": raw})
