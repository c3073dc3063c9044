"""The gate: who is let in, who is not, and that those who are not reach nothing."""

from typing import Any

import pytest

from hiroba.identity import gate
from hiroba.identity.gate import Gate
from hiroba.sdk.testing import Answered, request

GUARDED = ("/ngsi-ld", "/stream", "/metrics", "/api", "/apps", "/agents")
TOKEN = "correct-horse-battery"


class Door:
    def __init__(self, token: str = TOKEN) -> None:
        self.reached: list[str] = []
        self.gate = Gate(self.inner, token, guarded=GUARDED)

    async def inner(self, scope: Any, receive: Any, send: Any) -> None:
        self.reached.append(scope["path"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"in"})

    async def ask(self, method: str, path: str, *, body: bytes = b"", **headers: str) -> Answered:
        return await request(self.gate, method, path, body=body, headers=headers)

    async def cookie(self) -> str:
        answer = await self.ask("POST", "/api/session", body=b'{"token":"%s"}' % TOKEN.encode())
        assert answer.status == 200
        assert "HttpOnly" in answer.headers["set-cookie"]
        assert "SameSite=Strict" in answer.headers["set-cookie"]
        return answer.headers["set-cookie"].partition(";")[0]


@pytest.mark.parametrize(
    "path",
    [
        "/ngsi-ld/v1/entities",
        "/stream",
        "/metrics",
        "/api/apps",
        "/apps/map/layers",
        "/agents/http/a/b",
        "/apps",
    ],
)
async def test_data_needs_the_token(path: str) -> None:
    door = Door()
    for headers in (
        {},
        {"authorization": "Bearer wrong"},
        {"authorization": TOKEN},
        {"cookie": f"hiroba_token={TOKEN}"},
    ):
        answer = await door.ask("GET", path, **headers)
        assert answer.status == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.json()["title"] == "Unauthorized"
    assert door.reached == []
    assert (await door.ask("GET", path, authorization=f"bearer {TOKEN}")).body == b"in"


@pytest.mark.parametrize("path", ["/", "/index.html", "/assets/app.js", "/health", "/ready", "/streams.js"])
async def test_the_consoles_files_and_health_need_none(path: str) -> None:
    assert (await Door().ask("GET", path)).status == 200


async def test_without_a_token_in_the_settings_all_is_open() -> None:
    door = Door("")
    assert (await door.ask("DELETE", "/ngsi-ld/v1/entities")).status == 200
    assert (await door.ask("GET", "/api/session")).json() == {"needed": False, "open": True}


async def test_a_session_opens_by_cookie() -> None:
    door = Door()
    cookie = await door.cookie()
    assert TOKEN not in cookie
    assert (await door.ask("GET", "/stream", cookie=f"a=b; {cookie}")).status == 200
    assert (await door.ask("GET", "/api/session", cookie=cookie)).json() == {"needed": True, "open": True}
    assert (await door.ask("GET", "/api/session")).json() == {"needed": True, "open": False}
    left = await door.ask("DELETE", "/api/session")
    assert "Max-Age=0" in left.headers["set-cookie"]


async def test_a_wrong_or_unreadable_token_opens_no_session() -> None:
    door = Door()
    assert (await door.ask("POST", "/api/session", body=b'{"token":"wrong"}')).status == 401
    for body in (b"", b"[]", b'{"token":1}', b"{"):
        answer = await door.ask("POST", "/api/session", body=body)
        assert answer.status == 400
        assert "set-cookie" not in answer.headers
    assert (await door.ask("POST", "/api/session", body=b"x" * 5000)).status == 413
    assert (await door.ask("PUT", "/api/session")).status == 405


async def test_a_forged_or_old_cookie_is_worth_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    door = Door()
    cookie = await door.cookie()
    end, _, digest = cookie.removeprefix("hiroba_token=").partition(".")
    for forged in (f"{int(end) + 1}.{digest}", f"{end}.{digest[:-1]}x", f"{end}", "x.y", "²." + digest):
        assert (
            await door.ask("GET", "/stream", cookie=f"hiroba_token={forged}".encode().decode("latin-1"))
        ).status == 401
    monkeypatch.setattr(gate.time, "time", lambda: int(end) + 1.0)
    assert (await door.ask("GET", "/stream", cookie=cookie)).status == 401
    assert door.reached == []


async def test_another_site_cannot_write_with_the_cookie() -> None:
    door = Door()
    cookie = await door.cookie()
    path = "/ngsi-ld/v1/entities"
    assert (await door.ask("POST", path, cookie=cookie, origin="http://evil.example")).status == 401
    assert door.reached == []
    assert (await door.ask("POST", path, cookie=cookie, origin="http://localhost")).status == 200
    assert (await door.ask("POST", path, authorization=f"Bearer {TOKEN}", origin="http://evil.example")).status == 200
