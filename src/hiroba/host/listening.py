"""Takes the address that the server listens on, and says why it cannot be had and what to do."""

from __future__ import annotations

import errno
import socket
from typing import Final

_BACKLOG: Final = 2048
_REMEDIES: Final = {
    errno.EADDRINUSE: "end the program that uses it, or choose another with --port",
    errno.EACCES: "ports below 1024 are the system's; choose a higher one with --port",
    errno.EADDRNOTAVAIL: "this machine does not have that address; give one of its own with --host",
}
_NO_SUCH_NAME: Final = "give an address that this machine has with --host"


class CannotListen(Exception):
    """Say why an address cannot be listened on (`reason`), and how to mend it (`remedy`)."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(f"{reason}; {remedy}")
        self.reason = reason
        self.remedy = remedy


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; raises CannotListen."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except socket.gaierror as error:
        raise CannotListen(str(error.strerror), _NO_SUCH_NAME) from error
    except OSError as error:
        # python adds the address in its own words, which says the same twice
        reason = str(error.strerror).partition(" (while attempting")[0]
        raise CannotListen(reason, _REMEDIES.get(error.errno or 0, "choose another with --host and --port")) from error
