import os
import socket

import pytest

from exporter.process.systemd import inherited_sockets


def environment(count: object, pid: int | None = None) -> dict[str, str]:
    return {"LISTEN_PID": str(pid or os.getpid()), "LISTEN_FDS": str(count)}


def test_the_sockets_are_those_from_the_first_on() -> None:
    with socket.create_server(("127.0.0.1", 0)) as one:
        (found,) = inherited_sockets(environment(1), os.dup(one.fileno()))
        with found:
            assert found.getsockname() == one.getsockname()
            # as asyncio wants it for TCP_NODELAY
            assert found.proto == socket.IPPROTO_TCP
            assert not found.get_inheritable()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "it has passed none on; expected to be started by a .socket unit"),
        (environment(1, os.getpid() + 1), "it has passed none on; expected to be started by a .socket unit"),
        (environment(0), "it has passed none on; expected a .socket unit with ListenStream="),
        (environment("many"), "expected a number in LISTEN_FDS, got 'many'"),
    ],
)
def test_without_any_it_is_an_error(given: dict[str, str], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        inherited_sockets(given)


def test_what_does_not_listen_is_refused() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams, socket.socket() as deaf:
        for sock in (datagrams, deaf):
            with pytest.raises(ValueError, match="expected listening sockets only"):
                inherited_sockets(environment(1), os.dup(sock.fileno()))
