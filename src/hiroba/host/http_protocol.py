"""Reads HTTP as uvicorn does, and breaks off a request whose head has no end."""

from __future__ import annotations

from typing import Final

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LONGEST_HEAD: Final = 64 * 1024
"""Bytes of a request's head (its line and headers) beyond what came with the first piece."""

_BODY: Final = orjson.dumps(
    {
        "type": "about:blank",
        "title": "Request header fields too large",
        "status": 431,
        "detail": f"the address and the headers are longer than {LONGEST_HEAD} bytes; put long queries into a body",
    }
)
_ANSWER: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: application/json\r\n"
    b"content-length: %d\r\nconnection: close\r\n\r\n%b" % (len(_BODY), _BODY)
)


class BoundedHttp(HttpToolsProtocol):
    """One connection; a head that goes on beyond `LONGEST_HEAD` is answered 431 and the connection closed."""

    _head = 0

    def data_received(self, data: bytes) -> None:
        """Take what came in from the client."""
        message = self.scope
        # a request gets its path when its head is complete
        within = message is not None and "path" not in message
        super().data_received(data)
        if not within:
            self._head = 0
        elif self.scope is message and "path" not in message:
            self._head += len(data)
            if self._head > LONGEST_HEAD and not self.transport.is_closing():
                self.transport.write(_ANSWER)
                self.transport.close()
