"""Find the handler of a request by walking its path once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from hiroba.kernel.api.http import Request, Response, Stream, segment
from hiroba.kernel.api.parameters import Parameters
from hiroba.kernel.broker.broker import Broker
from hiroba.kernel.model.errors import BadRequestData, MethodNotAllowed, ResourceNotFound

Handler: TypeAlias = Callable[[Broker, Request], Awaitable[Response | Stream]]
Route: TypeAlias = tuple[str, str, Handler] | tuple[str, str, Handler, Parameters]
"""Method, path with `{name}` for a parameter, handler, and the query parameters when others are to be refused.

Path parameters arrive in `request.params` in order.
"""


class Router:
    """A tree of path segments; `{…}` matches any one segment, a literal one wins over it."""

    def __init__(self) -> None:
        self._root: dict[str, Any] = {}

    def add(self, routes: list[Route]) -> None:
        """Take in more routes; two for the same method and path are a programming error."""
        for method, path, handler, *known in routes:
            node = self._root
            for part in path.strip("/").split("/"):
                node = node.setdefault("{}" if part.startswith("{") else part, {})
            methods = node.setdefault("", {})
            if method in methods:
                raise ValueError(f"two handlers for {method} {path}")
            methods[method] = handler, known[0] if known else None

    def find(self, method: str, path: str) -> tuple[Handler, Parameters | None, tuple[str, ...]]:
        """Return handler, query parameters known (None: any) and path parameters.

        Raises ResourceNotFound, MethodNotAllowed (with `Allow`), and BadRequestData where a path parameter is empty.
        """
        node = self._root
        params: list[str] = []
        parts = path.split("/")
        last = len(parts) - 1
        for index in range(1, len(parts)):
            part = parts[index]
            if not part and index == last and index > 1:
                break
            below = node.get(part) if part else None
            if below is None:
                below = node.get("{}")
                if below is None:
                    raise ResourceNotFound(f"There is nothing at {path}.")
                if not part:
                    raise BadRequestData(f"An id or a name is missing in {path}.")
                params.append(segment(part))
            node = below
        methods = node.get("")
        if methods is None:
            raise ResourceNotFound(f"There is nothing at {path}.")
        found = methods.get(method)
        if found is None:
            if not params and not parts[last] and method in node.get("{}", {}).get("", ()):
                raise BadRequestData(f"An id or a name is missing at the end of {path}.")
            allowed = ", ".join(sorted(methods))
            raise MethodNotAllowed(f"{path} knows {allowed}, not {method}.", headers={"Allow": allowed})
        return *found, tuple(params)
