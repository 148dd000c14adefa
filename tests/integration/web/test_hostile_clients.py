"""The server against clients that misbehave, over real sockets, with limits that a test can wait for."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from http.client import HTTPConnection

import pytest
import structlog
from structlog.typing import EventDict

from exporter.metrics.exposition import Selection, Snapshot
from exporter.web import Server, Site, create_app
from exporter.web.limits import LIMITS, Limits
from tests.helpers.web_parts import Parts

#: None of these is near: a test shortens the one that it is about.
PATIENT = Limits(handshake=60, head=60, stall=60, answer=60, idle=60, linger=60)
PAGE = b"atess_ppv 1\n" * 1_000_000


@contextmanager
def listening(
    limits: Limits,
    page: bytes = b"atess_ppv 1\n",
    hold: threading.Event | None = None,
    asked: threading.Semaphore | None = None,
) -> Iterator[int]:
    def exposition(selection: Selection, *, openmetrics: bool) -> tuple[Snapshot, bytes]:
        if asked is not None:
            asked.release()
        if hold is not None:
            hold.wait(60)
        return Snapshot([page]), b""

    server = Server("127.0.0.1", 0, limits=limits)
    server.start(create_app(Site("0", "/metrics", exposition, Parts(), list, lambda: True, lambda: None)))
    try:
        yield int(server.url.rpartition(":")[2])
    finally:
        if hold is not None:
            hold.set()
        server.stop()


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[list[EventDict]]:
    """Our own lines. What uvicorn would say beside them is no client's to cause."""
    with structlog.testing.capture_logs() as lines:
        yield lines
    assert [record.getMessage() for record in caplog.get_records("call")] == []


def connect(port: int, window: int | None = None) -> socket.socket:
    client = socket.socket()
    if window is not None:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
    client.settimeout(60)
    client.connect(("127.0.0.1", port))
    return client


def everything(client: socket.socket) -> bytes:
    """What the server sends until it hangs up."""
    received = bytearray()
    try:
        while data := client.recv(1 << 20):
            received += data
    except ConnectionResetError:
        pass
    return bytes(received)


def scrape(port: int) -> bytes:
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        assert answer.status == 200
        return answer.read()
    finally:
        connection.close()


def get(path: bytes, *headers: bytes) -> bytes:
    return b"\r\n".join([b"GET " + path + b" HTTP/1.1", b"Host: localhost", *headers, b"", b""])


def test_headers_that_come_a_byte_at_a_time_do_not_come_for_ever(log: list[EventDict]) -> None:
    with listening(replace(PATIENT, head=0.5)) as port, connect(port) as client:
        client.sendall(b"GET /metrics HTTP/1.1\r\nX-Slow: ")
        client.settimeout(0.05)
        while True:
            try:
                client.send(b"x")
                assert client.recv(1) == b""
            except TimeoutError:
                continue
            except (ConnectionResetError, BrokenPipeError):
                pass
            break
        assert reasons(log) == ["timeout: no complete request"]


def test_a_connection_that_never_asks_is_dropped(log: list[EventDict]) -> None:
    with listening(replace(PATIENT, head=0.2)) as port, connect(port) as client:
        assert everything(client) == b""
        assert reasons(log) == ["timeout: no complete request"]


def test_the_second_request_has_its_own_time(log: list[EventDict]) -> None:
    with listening(replace(PATIENT, head=0.3)) as port, connect(port) as client:
        client.sendall(get(b"/metrics") + b"GET /metrics HT")
        assert everything(client).count(b"HTTP/1.1 200") == 1
        assert reasons(log) == ["timeout: no complete request"]


def test_an_idle_connection_is_closed() -> None:
    with listening(replace(PATIENT, idle=0.2)) as port, connect(port) as client:
        client.sendall(get(b"/metrics"))
        assert everything(client).endswith(b"atess_ppv 1\n")


def test_an_answer_that_nobody_reads_is_dropped(log: list[EventDict]) -> None:
    with listening(replace(PATIENT, stall=0.3), PAGE) as port, connect(port, window=4096) as client:
        client.sendall(get(b"/metrics"))
        wait_for(lambda: reasons(log) == ["timeout: client does not read the answer"])
        assert len(everything(client)) < len(PAGE)
        # the others are served as ever
        assert scrape(port) == PAGE


def test_an_answer_has_its_time_in_all(log: list[EventDict]) -> None:
    hold = threading.Event()
    with listening(replace(PATIENT, answer=0.3), hold=hold) as port, connect(port) as client:
        client.sendall(get(b"/metrics"))
        assert everything(client) == b""
        assert reasons(log) == ["timeout: answer took too long"]


def test_who_asks_to_close_and_does_not_read_is_dropped(log: list[EventDict]) -> None:
    with listening(replace(PATIENT, stall=0.3), PAGE[: 1 << 20]) as port, connect(port, window=4096) as client:
        client.sendall(get(b"/metrics", b"Connection: close"))
        wait_for(lambda: reasons(log) == ["timeout: client does not read the answer"])


def test_small_answers_that_nobody_reads_pile_up_to_a_limit(log: list[EventDict]) -> None:
    with listening(replace(PATIENT, stall=0.3)) as port, connect(port, window=4096) as client:
        client.settimeout(1)
        with suppress(TimeoutError, ConnectionError):
            while True:
                client.sendall(get(b"/metrics") * 100)
        wait_for(lambda: reasons(log) == ["timeout: client does not read the answer"])


def test_pipelined_requests_are_answered_in_order() -> None:
    with listening(PATIENT) as port, connect(port) as client:
        client.sendall(get(b"/-/ready") * 50 + get(b"/nope") + get(b"/-/healthy", b"Connection: close"))
        answers = everything(client)
        assert answers.count(b"HTTP/1.1 200 OK") == 51
        assert answers.index(b"HTTP/1.1 404") > answers.rindex(b"ready\n")
        assert answers.endswith(b"healthy\n")


def test_one_connection_too_many_costs_the_one_that_waited_longest(log: list[EventDict]) -> None:
    with listening(replace(PATIENT, connections=5)) as port:
        idle = [connect(port) for _ in range(5)]
        try:
            assert scrape(port) == b"atess_ppv 1\n"
            assert everything(idle[0]) == b""
            assert reasons(log) == ["evicted: connection limit reached"]
            idle[4].sendall(get(b"/-/ready", b"Connection: close"))
            assert everything(idle[4]).endswith(b"ready\n")
        finally:
            for client in idle:
                client.close()


def test_a_flood_does_not_keep_a_scraper_out() -> None:
    with listening(replace(PATIENT, connections=8)) as port:
        flood = []
        try:
            for _ in range(20):
                flood += [connect(port) for _ in range(5)]
                assert scrape(port) == b"atess_ppv 1\n"
        finally:
            for client in flood:
                client.close()


def test_while_all_are_being_served_a_newcomer_has_to_come_again(log: list[EventDict]) -> None:
    hold = threading.Event()
    asked = threading.Semaphore(0)
    with listening(replace(PATIENT, connections=2), hold=hold, asked=asked) as port, connect(port) as one, connect(port) as two:
        # of two kinds, so that they are made at a time
        one.sendall(get(b"/metrics", b"Connection: close"))
        two.sendall(get(b"/metrics", b"Connection: close", b"Accept: application/openmetrics-text"))
        assert asked.acquire(timeout=60)
        assert asked.acquire(timeout=60)
        with connect(port) as newcomer:
            assert everything(newcomer) == b""
        hold.set()
        for client in (one, two):
            assert everything(client).endswith(b"atess_ppv 1\n")
        assert [line["reason"] for line in log] == ["connection limit reached"]


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        pytest.param(b"NONSENSE\r\n\r\n", 400, id="no HTTP"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, id="TLS"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", 400, id="no host"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, id="two hosts"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: <script>\r\n\r\n", 400, id="bad host"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400, id="space in host"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: localhost:http\r\n\r\n", 400, id="bad port"),
        pytest.param(b"GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n", 400, id="NUL"),
        pytest.param(b"GET / HTTP/9.9\r\nHost: a\r\n\r\n", 400, id="bad version"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400, id="negative length"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400, id="two lengths"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: rot13\r\n\r\n", 501, id="unknown encoding"),
        pytest.param(get(b"/%00"), 404, id="%00"),
        pytest.param(get(b"/metrics%00"), 404, id="%00 behind a page"),
        pytest.param(get(b"/../../etc/passwd"), 404, id="traversal"),
        pytest.param(get(b"/..%2f..%2fetc%2fpasswd"), 404, id="encoded traversal"),
        pytest.param(get(b"/%ff%fe%c0%af"), 404, id="no UTF-8"),
        pytest.param(get(b"http://elsewhere.invalid/nope"), 404, id="another's address"),
        pytest.param(get(b"http://"), 400, id="address without a host"),
        pytest.param(get(b"http:///metrics"), 400, id="address without a host but with a path"),
        pytest.param(get(b"http://:9837/metrics"), 400, id="address with only a port"),
        pytest.param(get(b"http://user@x/metrics"), 400, id="address with a user"),
        pytest.param(get(b"http://x:port/metrics"), 400, id="address with a bad port"),
        pytest.param(get(b"http://x#/metrics"), 400, id="address with a fragment"),
        pytest.param(get(b"ftp://x/metrics"), 400, id="address of another scheme"),
        pytest.param(get(b"://x/metrics"), 400, id="address without a scheme"),
        pytest.param(get(b"x/metrics"), 404, id="no slash"),
        pytest.param(get(b"*"), 404, id="asterisk for a page"),
        pytest.param(b"GET http://x/metrics HTTP/1.1\r\n\r\n", 400, id="address without the Host header"),
        pytest.param(b"GET http://x/metrics HTTP/1.1\r\nHost: <script>\r\n\r\n", 400, id="address with a bad Host"),
        pytest.param(get(b"http://x/" + b"a" * 5000), 414, id="huge path in an address"),
        pytest.param(get(b"//elsewhere.invalid/metrics"), 404, id="two slashes"),
        pytest.param(get(b"/metrics/"), 404, id="a slash too many"),
        pytest.param(b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 404, id="asterisk"),
        pytest.param(b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", 404, id="CONNECT"),
        pytest.param(b"TRACE /metrics HTTP/1.1\r\nHost: a\r\n\r\n", 405, id="TRACE"),
        pytest.param(b"BREW /metrics HTTP/1.1\r\nHost: a\r\n\r\n", 405, id="odd method"),
        pytest.param(b"DELETE /-/reload HTTP/1.1\r\nHost: a\r\n\r\n", 405, id="DELETE"),
        pytest.param(get(b"/-/reload"), 405, id="GET that would reload"),
        pytest.param(get(b"/metrics?" + b"a" * 5000), 414, id="huge query"),
        pytest.param(get(b"/" + b"a" * 5000), 414, id="huge path"),
        pytest.param(get(b"/metrics", b"Cookie: " + b"a" * 20_000), 431, id="huge header"),
        pytest.param(get(b"/metrics", *[b"X-%d: y" % n for n in range(4000)]), 431, id="many headers"),
        pytest.param(get(b"/metrics", b"Content-Length: 5") + b"hello", 413, id="body"),
        pytest.param(get(b"/metrics", b"Transfer-Encoding: chunked") + b"5\r\nhello\r\n0\r\n\r\n", 413, id="chunked body"),
        pytest.param(
            b"POST /-/reload HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 999999999\r\n\r\n",
            413,
            id="announced body",
        ),
    ],
)
def test_odd_requests_get_a_clean_refusal_and_one_line_at_debug(log: list[EventDict], request_: bytes, status: int) -> None:
    with listening(PATIENT) as port:
        with connect(port) as client:
            client.sendall(request_)
            answer = client.recv(1 << 16)
            with suppress(OSError):
                client.shutdown(socket.SHUT_WR)
            answer += everything(client)
        assert scrape(port) == b"atess_ppv 1\n"
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert answer.count(b"HTTP/1.1") == 1
    assert b"Traceback" not in answer
    refusals = [line for line in log if line.get("status")]
    assert [line["status"] for line in refusals] == [status]
    assert {line["log_level"] for line in log} == {"debug"}


@pytest.mark.parametrize(
    "target",
    [
        b"http://x:9837/metrics",
        b"http://x/metrics?collect=a%2Fb&address=http://y",
        b"https://x/metrics",
        b"HTTP://X:/metrics",
        b"http://[::1]:9837/metrics",
        b"http://elsewhere.invalid/%6Detrics",
    ],
)
@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
def test_a_target_in_absolute_form_is_the_page_of_its_path(log: list[EventDict], target: bytes, version: bytes) -> None:
    with listening(PATIENT) as port, connect(port) as client:
        client.sendall(b"GET " + target + b" HTTP/" + version + b"\r\nHost: x:9837\r\nConnection: close\r\n\r\n")
        answer = everything(client)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"atess_ppv 1\n")
    assert log == []


@pytest.mark.parametrize(
    ("target", "page"), [(b"http://x:9837", b"<h1>"), (b"http://x?page=2", b"<h1>"), (b"http://x/-/ready", b"ready\n")]
)
def test_an_address_is_found_as_its_path_is(target: bytes, page: bytes) -> None:
    with listening(PATIENT) as port, connect(port) as client:
        client.sendall(get(target, b"Connection: close"))
        answer = everything(client)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert page in answer


def test_a_path_beyond_all_limits_is_refused_whether_it_comes_at_once_or_not() -> None:
    with listening(PATIENT) as port, connect(port) as client:
        client.sendall(get(b"/" + b"a" * 200_000))
        assert client.recv(13) in (b"HTTP/1.1 414 ", b"HTTP/1.1 431 ")


def test_a_broken_body_is_no_error_of_ours(log: list[EventDict]) -> None:
    with listening(PATIENT) as port, connect(port) as client:
        client.sendall(get(b"/metrics", b"Transfer-Encoding: chunked") + b"no length\r\n")
        client.shutdown(socket.SHUT_WR)
        assert everything(client).startswith(b"HTTP/1.1 4")
    assert {line["log_level"] for line in log} == {"debug"}


def test_a_websocket_is_a_page_as_any(log: list[EventDict]) -> None:
    with listening(PATIENT) as port, connect(port) as client:
        client.sendall(get(b"/-/ready", b"Connection: Upgrade, close", b"Upgrade: websocket"))
        assert b"HTTP/1.1 200 " in everything(client)
    assert log == []


def test_a_refused_client_can_read_why_while_it_still_sends() -> None:
    with listening(PATIENT) as port, connect(port) as client:
        client.sendall(b"GET / HTTP/1.1\r\nX: " + b"x" * (LIMITS.head_size + 1))
        answer = client.recv(1 << 16)
        client.sendall(b"x" * 100_000)
        assert answer.startswith(b"HTTP/1.1 431 ")
        assert client.recv(1) == b""


def test_a_refused_client_that_goes_on_sending_is_dropped() -> None:
    with listening(replace(PATIENT, linger=0.2)) as port, connect(port) as client, suppress(ConnectionError):
        # ends in no other way
        while True:
            client.sendall(b"x" * 100_000)


def test_stopping_does_not_wait_for_those_who_hold_on() -> None:
    with listening(PATIENT, PAGE) as port:
        clients = [connect(port, window=4096) for _ in range(3)]
        clients[0].sendall(b"GET /")
        clients[1].sendall(get(b"/metrics"))
    for client in clients:
        with client:
            assert len(everything(client)) < len(PAGE)


def test_an_answer_under_way_is_finished_when_the_exporter_stops() -> None:
    hold = threading.Event()
    asked = threading.Event()

    def exposition(selection: Selection, *, openmetrics: bool) -> tuple[Snapshot, bytes]:
        asked.set()
        hold.wait(60)
        return Snapshot([b"whole\n"]), b""

    server = Server("127.0.0.1", 0)
    server.start(create_app(Site("0", "/metrics", exposition, Parts(), list, lambda: True, lambda: None)))
    with connect(int(server.url.rpartition(":")[2])) as client:
        client.sendall(get(b"/metrics"))
        assert asked.wait(60)
        threading.Timer(0.1, hold.set).start()
        server.stop()
        assert everything(client).endswith(b"whole\n")


def test_errors_of_a_page_are_one_line_and_no_traceback(log: list[EventDict]) -> None:
    def broken(selection: Selection, *, openmetrics: bool) -> tuple[Snapshot, bytes]:
        raise ValueError("made up")

    server = Server("127.0.0.1", 0)
    server.start(create_app(Site("0", "/metrics", broken, Parts(), list, lambda: True, lambda: None)))
    try:
        with connect(int(server.url.rpartition(":")[2])) as client:
            client.sendall(get(b"/metrics", b"Connection: close"))
            answer = everything(client)
    finally:
        server.stop()
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert b"made up" not in answer
    assert log == [
        {"event": "internal error in a request handler", "path": "/metrics", "error": "ValueError: made up", "log_level": "error"}
    ]


def reasons(log: list[EventDict]) -> list[str]:
    """Why connections were dropped."""
    return [line["reason"] for line in log if line["event"] == "connection dropped"]


def wait_for(what: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not what():
        assert time.monotonic() < end
        time.sleep(0.02)
