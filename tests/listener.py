"""A receiver of notifications on loopback, for tests of other makers' protocols: any method, any body."""

from __future__ import annotations

import json
import queue
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Received:
    """One request that came in; `body` is parsed JSON, or the raw bytes when it is none."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


class Listener:
    """Keeps what comes in; `status` is what it answers, `reply` what it says then."""

    def __init__(self) -> None:
        self.inbox: queue.Queue[Received] = queue.Queue()
        self.status = 200
        self.reply = b""
        listener = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def take(self) -> None:
                raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                try:
                    body = json.loads(raw)
                except ValueError:
                    body = raw
                listener.inbox.put(Received(self.command, self.path, dict(self.headers), body))
                self.send_response(listener.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(listener.reply)))
                self.end_headers()
                self.wfile.write(listener.reply)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = take

            def log_message(self, *_: Any) -> None:
                return None

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()

    @property
    def url(self) -> str:
        """Return the address to be notified at."""
        return f"http://127.0.0.1:{self.server.server_port}/hook"

    def next(self, timeout: float = 10) -> Received:
        """Return what came next; raises queue.Empty when nothing does."""
        return self.inbox.get(timeout=timeout)

    def silent(self, seconds: float = 0.4) -> bool:
        """Tell whether nothing comes for a while."""
        try:
            self.inbox.get(timeout=seconds)
        except queue.Empty:
            return True
        return False

    def close(self) -> None:
        """Stop listening."""
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
