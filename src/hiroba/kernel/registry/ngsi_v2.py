"""Carry requests to the context providers of NGSIv2 registrations over HTTP, bounded in time and size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import aiohttp
import orjson

from hiroba.kernel.broker.ngsi_v2.forwarding import SourceFailed

TIMEOUT: Final = 5.0
MOST_BYTES: Final = 16 * 1024 * 1024


class OrionSources:
    """Posts with one client session."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def post(self, url: str, body: Any, headers: Mapping[str, str]) -> Any:
        """Return the JSON of the answer, None without one; raises SourceFailed."""
        if self._session is None:
            self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), headers={"User-Agent": "Hiroba"})
        sent = {"Content-Type": "application/json", "Accept": "application/json", **headers}
        limit = aiohttp.ClientTimeout(total=TIMEOUT)
        try:
            async with self._session.post(
                url, data=orjson.dumps(body), headers=sent, timeout=limit, allow_redirects=False
            ) as answer:
                raw = await answer.content.read(MOST_BYTES + 1)
                while raw and len(raw) <= MOST_BYTES and not answer.content.at_eof():
                    raw += await answer.content.read(MOST_BYTES + 1 - len(raw))
                status = answer.status
        except TimeoutError as error:
            raise SourceFailed(f"no answer within {TIMEOUT:g} s") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise SourceFailed(str(error) or type(error).__name__) from error
        if not 200 <= status < 300:
            raise SourceFailed(f"answered {status}")
        if len(raw) > MOST_BYTES:
            raise SourceFailed(f"answered with more than {MOST_BYTES} bytes")
        try:
            return orjson.loads(raw) if raw else None
        except orjson.JSONDecodeError as error:
            raise SourceFailed("answered with what is no JSON") from error

    async def close(self) -> None:
        """Close the client session."""
        if self._session is not None:
            await self._session.close()
            self._session = None
