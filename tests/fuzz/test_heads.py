"""Whatever the head of an answer holds, the client answers with data or one of its own errors, and keeps nothing."""

import gc
import os
import socketserver
import threading
from collections.abc import Callable, Iterator
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from exporter.api.client import Client
from exporter.api.errors import ConnectionFailed, EnercloError, HttpStatus, InvalidPayload, NotFound, RateLimited, Unauthorized
from exporter.config.token import Token

TOKEN = "Basic bWFkZTp1cA=="
BODY = b'{"code":0,"data":{"ppv":1}}'

#: What a status means when the head around it is in order.
MEANINGS: dict[int, type[EnercloError]] = {
    401: Unauthorized,
    403: Unauthorized,
    404: NotFound,
    407: ConnectionFailed,
    429: RateLimited,
}


class _Handler(socketserver.StreamRequestHandler):
    server: "_Cloud"

    def handle(self) -> None:
        while self.rfile.readline().strip():
            pass
        self.wfile.write(self.server.answer)


class _Cloud(socketserver.ThreadingTCPServer):
    daemon_threads = True
    answer = b""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has read enough hangs up."""


@pytest.fixture(scope="module")
def fetch() -> Iterator[Callable[[bytes], Any]]:
    """A client's `get`, whose cloud answers with the raw bytes that it is called with, then hangs up."""
    with _Cloud(("127.0.0.1", 0), _Handler) as cloud:
        threading.Thread(target=cloud.serve_forever, args=(0.01,), daemon=True).start()
        url = f"http://127.0.0.1:{cloud.server_address[1]}"
        client = Client(url, Token(value=TOKEN), language="en", timeout=20, concurrency=1)

        def get(answer: bytes) -> Any:
            cloud.answer = answer
            return client.get("pbd/data-last", {"deviceSn": "UMD1"})

        yield get
        client.close()
        cloud.shutdown()


dates = st.one_of(
    st.datetimes().map(lambda moment: format_datetime(moment)),
    st.builds(
        "{}, {:02} {} {} {}:{}:{} {}".format,
        st.sampled_from(["Mon", "", "Xyz"]),
        st.integers(-1, 40),
        st.sampled_from(["Jan", "Feb", "Foo", "13"]),
        st.integers(-(10**20), 10**20),
        st.integers(-1, 99),
        st.integers(-1, 99),
        st.integers(-1, 99),
        st.sampled_from(["GMT", "+9999", "-9999", "+99999999999999", "EST", "", "Z"]),
    ),
)
texts = st.text(st.characters(max_codepoint=0xFF, exclude_characters="\r\n"), max_size=30)
whole = st.one_of(st.integers(-(10**30), 10**30).map(str), st.integers(1, 5000).map(lambda n: "9" * n))
values = st.one_of(
    dates,
    texts,
    whole,
    st.sampled_from(
        [
            *("gzip", "deflate", "br", "zstd", "gzip, gzip", "x-gzip", "identity", "compress", "gzip" + ", gzip" * 50),
            *(
                "chunked",
                "chunked, chunked",
                "gzip, chunked",
                "identity",
                "close",
                "keep-alive",
                "upgrade",
                "1, 1",
                "1, 2",
                "+5",
                "0x5",
            ),
            *("text/html; charset=no-such", "application/json; charset=", "a/b; charset=idna", "a/b; charset*=utf-8''%ff"),
            *("http://[::1", "//", "https://a:b@c", "\\", "http://\udcff".encode("utf-8", "replace").decode()),
            *("a=b; expires=Mon, 01 Jan 99999999999 00:00:00 GMT", "=; domain=[", "a=b; max-age=" + "9" * 400, "a=b; path=\x00"),
            *("one\r\n two", "one\r\n\ttwo", "\r\n ", "a\r\nno colon here", "a\r\n: no name", "a\nb: c", "a\rb"),
        ]
    ),
)
fields = st.one_of(
    st.sampled_from(
        [
            *("Retry-After", "Content-Length", "Content-Encoding", "Content-Type", "Transfer-Encoding", "Location", "Set-Cookie"),
            *("Connection", "Date", "Trailer", "Upgrade", "WWW-Authenticate", "Proxy-Authenticate", "Content-Range", "Link"),
        ]
    ),
    st.text(st.characters(max_codepoint=0xFF, exclude_characters="\r\n"), max_size=12),
)
headers = st.builds("{}: {}\r\n".format, fields, values)
versions = st.sampled_from(["HTTP/1.1"] * 6 + ["HTTP/1.0", "HTTP/0.9", "HTTP/2", "HTTP/1.9", "HTTP/", "http/1.1", "ICY", ""])
statuses = st.one_of(
    st.sampled_from(["200", "429", "302", "401", "407", "503"]),
    st.integers(-1, 1100).map(str),
    st.sampled_from(["", "abc", "2e2", "٢٠٠"]),
)
heads = st.builds(
    lambda version, status, reason, found: f"{version} {status} {reason}\r\n{''.join(found)}\r\n",
    *(versions, statuses, texts, st.lists(headers, max_size=6)),
)
interims = st.lists(
    st.builds(
        lambda status, found: f"HTTP/1.1 {status} Wait\r\n{''.join(found)}\r\n",
        st.integers(100, 199),
        st.lists(headers, max_size=2),
    ),
    max_size=3,
)
answers = st.one_of(
    st.builds(
        lambda before, head, body: "".join([*before, head]).encode("latin-1", "replace") + body,
        *(interims, heads, st.sampled_from([BODY, BODY, b"", b"5\r\n{}\r\n", b"1b\r\n" + BODY + b"\r\n0\r\n\r\n"])),
    ),
    st.binary(max_size=60),
)


def outcome(fetch: Callable[[bytes], Any], answer: bytes) -> EnercloError | None:
    """What the client makes of an answer; None for data."""
    try:
        fetch(answer)
    except EnercloError as raised:
        error = raised
    else:
        return None
    text = str(error)
    assert 0 < len(text.encode()) <= 300
    assert not text.startswith("internal error"), text
    assert "bWFkZTp1cA" not in text
    assert error.__cause__ is None
    assert not isinstance(error, RateLimited) or error.retry_after is None or error.retry_after >= 0
    return error


@given(answers)
@settings(deadline=None, max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@example(b"HTTP/1.1 429 X\r\nRetry-After: Mon, 01 Jan 99999999999999999999 00:00:00 GMT\r\n\r\n")
@example(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b; max-age=" + b"9" * 400 + b"\r\n\r\n" + BODY)
@example(b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 101 X\r\n\r\n")
@example(b"HTTP/1.1 302 X\r\nLocation: http://[::1\r\n\r\n")
@example(b"HTTP/1.1 302 X\r\nLocation: \xff\xfe\r\n\r\n")
@example(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n")
@example(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n")
@example(b"HTTP/1.1 200 " + b"x" * 100_000 + b"\r\n\r\n")
def test_any_head_gives_data_or_a_typed_error(fetch: Callable[[bytes], Any], answer: bytes) -> None:
    outcome(fetch, answer)


@given(st.integers(200, 999), st.one_of(values, dates).filter(lambda value: "\n" not in value and "\r" not in value))
@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_header_changes_what_a_status_means(fetch: Callable[[bytes], Any], status: int, value: str) -> None:
    head = f"HTTP/1.1 {status} X\r\nRetry-After: {value}\r\nLocation: {value}\r\nSet-Cookie: {value}\r\nContent-Type: {value}\r\n"
    error = outcome(
        fetch, (head + f"Connection: close\r\nContent-Length: {len(BODY)}\r\n\r\n").encode("latin-1", "replace") + BODY
    )
    assert type(error) is (type(None) if status == 200 else MEANINGS.get(status, HttpStatus))


def test_no_answer_keeps_its_connection_open(fetch: Callable[[bytes], Any]) -> None:
    """Without the garbage collector, which may come late."""
    odd = [
        b"garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfive\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 101 X\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 429 X\r\nContent-Length: 50\r\n\r\n{}",
        b"",
    ]

    def open_sockets() -> int:
        links = (f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd"))
        return sum(os.readlink(link).startswith("socket:") for link in links if os.path.islink(link))

    assert isinstance(outcome(fetch, odd[0]), ConnectionFailed)
    gc.collect()
    gc.disable()
    try:
        before = open_sockets()
        for answer in odd * 5:
            assert isinstance(outcome(fetch, answer), ConnectionFailed | InvalidPayload | RateLimited)
        # the server's side of the last may be on its way out
        assert open_sockets() <= before + 2
    finally:
        gc.enable()
