"""Connecting to hosts with several addresses, on this machine's own: real sockets, only the names are made up."""

import errno
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from exporter.api import eyeballs
from exporter.api.client import Client
from exporter.api.errors import ConnectionFailed, TimedOut
from exporter.api.eyeballs import connect
from exporter.config.token import Token

NODELAY = (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


@contextmanager
def listening(address: str, port: int = 0) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, port), family=family) as listener:
        yield listener


@contextmanager
def swallowing(address: str, port: int) -> Iterator[None]:
    """An address that answers no connection attempt: its queue is full and nobody empties it."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(0)
        for _ in range(3):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex((address, port))
        yield


def resolve(monkeypatch: pytest.MonkeyPatch, *addresses: tuple[str, int]) -> None:
    """Let every name have these addresses, in this order."""

    def getaddrinfo(host: str, port: int, *args: Any, **kwargs: Any) -> list[Any]:
        return [
            (socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, number))
            for address, number in addresses
        ]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_an_address_that_swallows_connections_costs_a_moment_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    with listening("127.0.0.1") as listener:
        port = listener.getsockname()[1]
        with swallowing("127.0.0.2", port), swallowing("127.0.0.3", port):
            resolve(monkeypatch, ("127.0.0.2", port), ("127.0.0.3", port), ("127.0.0.1", port))
            before = open_files()
            with connect("cloud.invalid", port, time.monotonic() + 60, [NODELAY]) as made:
                assert made.getpeername() == ("127.0.0.1", port)
                assert made.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
                assert 0 < (made.gettimeout() or 0) < 60
                assert open_files() == before + 1


def test_a_client_gets_its_answer_though_the_first_address_swallows(monkeypatch: pytest.MonkeyPatch) -> None:
    with listening("127.0.0.1") as listener:
        port = listener.getsockname()[1]

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n{"code":0,"data":"x"}')

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        with swallowing("127.0.0.2", port):
            resolve(monkeypatch, ("127.0.0.2", port), ("127.0.0.1", port))
            client = Client(f"http://cloud.invalid:{port}", Token(value="t"), language="en", timeout=20, concurrency=1)
            assert client.get("x", {}) == "x"
            client.close()
        thread.join(5)


@pytest.mark.parametrize("proxied", ["http", "https"])
def test_a_proxy_s_name_may_have_several_addresses_too(monkeypatch: pytest.MonkeyPatch, proxied: str) -> None:
    asked: list[bytes] = []
    with listening("127.0.0.1") as listener:
        port = listener.getsockname()[1]

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                asked.append(connection.recv(65536).split(b" ")[0])
                connection.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        with swallowing("127.0.0.2", port):
            resolve(monkeypatch, ("127.0.0.2", port), ("127.0.0.1", port))
            monkeypatch.setenv(f"{proxied}_proxy", f"http://proxy.invalid:{port}")
            client = Client(f"{proxied}://cloud.invalid", Token(value="t"), language="en", timeout=20, concurrency=1)
            with pytest.raises(Exception, match="502"):
                client.get("x", {})
            client.close()
        thread.join(5)
    assert asked == [b"CONNECT" if proxied == "https" else b"GET"]


def test_a_refusal_starts_the_next_attempt_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eyeballs, "ATTEMPT_DELAY", 3600.0)
    refused = closed_port()
    with listening("127.0.0.1") as listener:
        port = listener.getsockname()[1]
        resolve(monkeypatch, ("127.0.0.2", refused), ("127.0.0.1", refused), ("127.0.0.1", port))
        connect("cloud.invalid", port, time.monotonic() + 60).close()


def test_the_next_attempt_waits_while_the_first_is_young(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eyeballs, "ATTEMPT_DELAY", 3600.0)
    with listening("127.0.0.1") as first, listening("127.0.0.1") as second:
        resolve(monkeypatch, ("127.0.0.1", first.getsockname()[1]), ("127.0.0.1", second.getsockname()[1]))
        connect("cloud.invalid", 1, time.monotonic() + 60).close()
        first.accept()[0].close()
        second.setblocking(False)
        with pytest.raises(BlockingIOError):
            second.accept()


@pytest.mark.parametrize(
    ("order", "wanted"),
    [
        (["::1", "::2", "::3", "1.1.1.1", "1.1.1.2"], ["::1", "1.1.1.1", "::2", "1.1.1.2", "::3"]),
        (["1.1.1.1", "1.1.1.2", "::1"], ["1.1.1.1", "::1", "1.1.1.2"]),
        (["1.1.1.1"], ["1.1.1.1"]),
        ([], []),
    ],
)
def test_the_families_take_turns(monkeypatch: pytest.MonkeyPatch, order: list[str], wanted: list[str]) -> None:
    tried: list[str] = []

    class Refused(socket.socket):
        def connect_ex(self, address: Any) -> int:
            tried.append(address[0])
            return errno.ECONNREFUSED

    monkeypatch.setattr(socket, "socket", Refused)
    resolve(monkeypatch, *((address, 1) for address in order))
    with pytest.raises(OSError, match="Connection refused" if order else "the host has no address"):
        connect("cloud.invalid", 1, time.monotonic() + 60)
    assert tried == wanted


def test_ipv6_and_ipv4_serve_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    with listening("::1") as six, swallowing("127.0.0.2", six.getsockname()[1]):
        port = six.getsockname()[1]
        resolve(monkeypatch, ("127.0.0.2", port), ("::1", port))
        with connect("cloud.invalid", port, time.monotonic() + 60) as made:
            assert made.family == socket.AF_INET6
    # nobody listens there any more
    with listening("127.0.0.1") as four:
        resolve(monkeypatch, ("::1", port), ("127.0.0.1", four.getsockname()[1]))
        with connect("cloud.invalid", port, time.monotonic() + 60) as made:
            assert made.family == socket.AF_INET


def test_the_error_is_the_one_that_says_most(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = closed_port()
    before = open_files()
    # a broadcast address, to which TCP has no way
    for order in ([("255.255.255.255", 1), ("127.0.0.1", refused)], [("127.0.0.1", refused), ("255.255.255.255", 1)]):
        resolve(monkeypatch, *order)
        with pytest.raises(ConnectionRefusedError):
            connect("cloud.invalid", 1, time.monotonic() + 60)
    resolve(monkeypatch, ("255.255.255.255", 1))
    with pytest.raises(OSError, match="unreachable"):
        connect("cloud.invalid", 1, time.monotonic() + 60)
    assert open_files() == before


def test_all_attempts_together_have_one_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    port = closed_port()
    with swallowing("127.0.0.2", port), swallowing("127.0.0.3", port):
        resolve(monkeypatch, ("127.0.0.2", port), ("127.0.0.3", port), ("127.0.0.1", port))
        monkeypatch.setattr(eyeballs, "ATTEMPT_DELAY", 0.01)
        before = open_files()
        with pytest.raises(TimeoutError):
            connect("cloud.invalid", port, time.monotonic() + 0.3)
        client = Client(f"http://cloud.invalid:{port}", Token(value="t"), language="en", timeout=0.3, concurrency=1)
        with pytest.raises(TimedOut, match=r"no whole answer within 0\.3 s"):
            client.get("x", {})
        client.close()
        assert open_files() == before


def test_attempts_that_cannot_be_made_leave_no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve(monkeypatch, ("127.0.0.1", 1))
    before = open_files()
    with pytest.raises(OSError, match="Protocol not available"):
        connect("cloud.invalid", 1, time.monotonic() + 60, [(socket.IPPROTO_TCP, 9999, 1)])
    assert open_files() == before


@pytest.mark.parametrize("host", ["a..b", "x" * 64 + ".invalid"])
def test_a_name_that_cannot_be_one(host: str) -> None:
    client = Client(f"http://{host}/api", Token(value="t"), language="en", timeout=5, concurrency=1)
    with pytest.raises(ConnectionFailed, match=r"^invalid host name$"):
        client.get("x", {})
