"""What stands in the way of listening is said once, with what to do about it."""

import errno
import os
import socket

import pytest

from hiroba.host.listening import CannotListen, listen


def test_a_port_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(CannotListen) as refused:
        listen("127.0.0.1", taken.getsockname()[1])
    assert refused.value.reason == os.strerror(errno.EADDRINUSE)
    assert "--port" in refused.value.remedy


def test_an_address_of_another_machine() -> None:
    with pytest.raises(CannotListen, match="this machine does not have that address; give one of its own with --host"):
        listen("192.0.2.1", 0)


def test_a_port_that_is_the_systems(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_args: object, **_options: object) -> socket.socket:
        raise PermissionError(errno.EACCES, "Permission denied (while attempting to bind on address ('127.0.0.1', 80))")

    monkeypatch.setattr(socket, "create_server", refused)
    with pytest.raises(CannotListen) as told:
        listen("127.0.0.1", 80)
    assert str(told.value) == "Permission denied; ports below 1024 are the system's; choose a higher one with --port"
