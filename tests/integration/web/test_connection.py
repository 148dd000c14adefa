"""Connections over TLS, from the first byte of the handshake on."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
import structlog
import trustme
from structlog.typing import EventDict

from exporter.web import Rotation, Server, create_app
from exporter.web.limits import LIMITS, Limits
from tests.helpers.web_parts import Parts, site
from tools.attackers import web_config

ASK = b"GET /-/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

#: The beginning of a handshake.
HALF = b"\x16\x03\x01\x02\x00\x01"


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def log() -> Iterator[list[EventDict]]:
    with structlog.testing.capture_logs() as lines:
        yield lines


@contextmanager
def listening(folder: Path, authority: trustme.CA, limits: Limits = LIMITS) -> Iterator[int]:
    server = Server("127.0.0.1", 0, Rotation(web_config(folder, authority)), limits)
    server.start(create_app(site(Parts())))
    try:
        yield int(server.url.rpartition(":")[2])
    finally:
        server.stop()


def context(authority: trustme.CA) -> ssl.SSLContext:
    made = ssl.create_default_context()
    authority.configure_trust(made)
    return made


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=60)


def ask(port: int, authority: trustme.CA) -> bytes:
    with connect(port) as plain, context(authority).wrap_socket(plain, server_hostname="localhost") as client:
        client.sendall(ASK)
        return everything(client)


def everything(client: socket.socket) -> bytes:
    received = b""
    with suppress(ConnectionResetError):
        while data := client.recv(1 << 16):
            received += data
    return received


def test_a_request_may_come_in_one_packet_with_the_end_of_the_handshake(tmp_path: Path, authority: trustme.CA) -> None:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context(authority).wrap_bio(incoming, outgoing, server_hostname="localhost")
    with listening(tmp_path, authority) as port, connect(port) as client:
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                client.sendall(outgoing.read())
                incoming.write(client.recv(1 << 16))
        tls.write(ASK)
        client.sendall(outgoing.read())
        incoming.write(everything(client))
        incoming.write_eof()
        answer = b""
        while b"ready" not in answer:
            answer += tls.read(1 << 16)
    assert answer.startswith(b"HTTP/1.1 200 ")


def test_half_open_handshakes_keep_nobody_out(tmp_path: Path, authority: trustme.CA, log: list[EventDict]) -> None:
    limits = replace(LIMITS, connections=10, handshakes=5)
    with listening(tmp_path, authority, limits) as port, ExitStack() as held:
        clients = [held.enter_context(connect(port)) for _ in range(30)]
        for client in clients:
            client.sendall(HALF)
        assert ask(port, authority).endswith(b"ready\n")
        # the first have been there for longest
        assert everything(clients[0]) == b""
    assert [line["reason"] for line in log if "reason" in line][:20] == ["evicted: TLS handshake limit reached"] * 20


def test_a_handshake_has_its_time(tmp_path: Path, authority: trustme.CA, log: list[EventDict]) -> None:
    with listening(tmp_path, authority, replace(LIMITS, handshake=0.2)) as port, connect(port) as client:
        client.sendall(HALF)
        assert everything(client) == b""
    assert {line["log_level"] for line in log} == {"debug"}


@pytest.mark.parametrize("sent", [b"", HALF, b"GET / HTTP/1.1\r\n\r\n", b"\x00" * 100])
def test_who_hangs_up_in_the_handshake_leaves_nothing_behind(
    tmp_path: Path, authority: trustme.CA, log: list[EventDict], sent: bytes
) -> None:
    # of more there would be no room for the last
    with listening(tmp_path, authority, replace(LIMITS, connections=2)) as port:
        for _ in range(10):
            with connect(port) as client:
                client.sendall(sent)
        assert ask(port, authority).endswith(b"ready\n")
    assert [line for line in log if line["log_level"] != "debug"] == []


def test_stopping_does_not_wait_for_handshakes(tmp_path: Path, authority: trustme.CA, log: list[EventDict]) -> None:
    with listening(tmp_path, authority) as port:
        client = connect(port)
        client.sendall(HALF)
        assert ask(port, authority).endswith(b"ready\n")
    with client:
        assert everything(client) == b""
    assert [line for line in log if line["log_level"] != "debug"] == []


def test_an_answer_has_one_date_and_no_name_of_the_server(tmp_path: Path, authority: trustme.CA) -> None:
    with listening(tmp_path, authority) as port:
        head = ask(port, authority).partition(b"\r\n\r\n")[0].lower()
    assert head.count(b"\r\ndate: ") == 1
    assert b"\r\nserver:" not in head


def test_who_opens_most_connections_loses_them_first(tmp_path: Path, authority: trustme.CA, log: list[EventDict]) -> None:
    limits = replace(LIMITS, connections=5, handshakes=3)
    with listening(tmp_path, authority, limits) as port, ExitStack() as held:
        from_elsewhere = socket.create_connection(("127.0.0.1", port), timeout=60, source_address=("127.0.0.2", 0))
        client = held.enter_context(from_elsewhere)
        for _ in range(20):
            held.enter_context(connect(port)).sendall(HALF)
        # it was there first, and its handshake has not even begun
        with context(authority).wrap_socket(client, server_hostname="localhost") as secured:
            for _ in range(20):
                held.enter_context(connect(port)).sendall(HALF)
            secured.sendall(ASK)
            assert everything(secured).endswith(b"ready\n")
    assert {line["client"] for line in log if line.get("reason", "").startswith("evicted")} == {"127.0.0.1"}
