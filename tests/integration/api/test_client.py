"""The client against real HTTP: the simulated cloud where it can, a bare socket where it must."""

import gc
import gzip
import http.server
import socket
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

import pytest

from exporter import __version__
from exporter.api import client as enerclo
from exporter.api import deadline as transport
from exporter.api.client import MAX_ANSWER, Client
from exporter.api.errors import (
    ApiError,
    ConnectionFailed,
    EnercloError,
    HttpStatus,
    InvalidPayload,
    NotFound,
    RateLimited,
    TimedOut,
    Unauthorized,
)
from exporter.config.token import Token
from exporter.simulator import ServedCloud, SimClock, SimDevice
from tests.helpers.faulty_cloud import FaultyCloud, serve
from tests.helpers.fixtures import Certificates
from tests.helpers.tls_server import envelope, tls_server

TOKEN = "Basic bWFkZTp1cA=="
SN = "UMD0D23202"
QUERY = {"deviceSn": SN}


def client(url: str, timeout: float = 5.0, token: str = TOKEN) -> Client:
    return Client(url, Token(value=token), language="en", timeout=timeout, concurrency=4)


@pytest.fixture(scope="module")
def cloud() -> FaultyCloud:
    return FaultyCloud([SimDevice("pbd", SN)], SimClock(datetime(2026, 6, 1, 10, tzinfo=UTC), timezone=UTC), token=TOKEN)


@pytest.fixture(scope="module")
def served(cloud: FaultyCloud) -> Iterator[ServedCloud]:
    with serve(cloud) as server:
        yield server


@contextmanager
def answering(*answers: bytes) -> Iterator[str]:
    """A server that gives each connection's requests these raw answers in turn, then closes."""
    listener = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                for answer in answers:
                    connection.recv(65536)
                    connection.sendall(answer)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def test_a_reading_comes_whole(cloud: FaultyCloud, served: ServedCloud) -> None:
    data = client(served.url).get("pbd/data-last", QUERY)
    assert data == cloud.served("pbd", SN)[-1].data
    assert len(data) == 78


def test_the_cloud_sees_a_get_with_the_documented_headers(cloud: FaultyCloud, served: ServedCloud) -> None:
    cloud.clear_requests()
    client(served.url).get("pbd/data-last", QUERY)
    (request,) = cloud.requests
    assert request.method == "GET"
    assert request.authorization == TOKEN
    assert request.accept_language == "en"
    assert dict(request.query) == QUERY


def test_a_netrc_file_does_not_replace_the_token(
    cloud: FaultyCloud, served: ServedCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    cloud.clear_requests()
    client(served.url).get("pbd/data-last", QUERY)
    assert cloud.requests[0].authorization == TOKEN


def test_every_header_that_is_sent() -> None:
    sent: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                sent.extend(connection.recv(65536).decode().splitlines())
                connection.sendall(envelope('{"code":0}'))

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        client(f"http://{address}/api").get("a/b", {"deviceSn": "x y&z"})
        thread.join(5)
    assert sent[0] == "GET /api/a/b?deviceSn=x+y%26z HTTP/1.1"
    headers = dict(line.split(": ", 1) for line in sent[1:] if line)
    encodings = headers.pop("Accept-Encoding")
    assert "gzip" in encodings
    assert headers == {
        "Host": address,
        "User-Agent": f"atess-exporter/{__version__}",
        "Accept": "application/json",
        "Accept-Language": "en",
        "Authorization": TOKEN,
        "Connection": "keep-alive",
    }


def test_a_compressed_answer_is_read() -> None:
    body = gzip.compress(b'{"code":0,"data":"unpacked"}')
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with answering(head + body) as url:
        assert client(url).get("x", {}) == "unpacked"
    broken = b"\x1f\x8b" + bytes(len(body) - 2)
    with answering(head + broken) as url, pytest.raises(InvalidPayload, match=r"^the answer's compression is broken$"):
        client(url).get("x", {})


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"garbage\r\n\r\n", "the answer is not HTTP"),
        (b"HTTP/1.1 2000 OK\r\n\r\n", "the answer is not HTTP"),
        (b"HTTP/2.0 200 OK\r\n\r\n", "the answer's HTTP version is unknown"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{", "the connection was closed in the middle of the answer"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{", "the connection was closed in the middle of the answer"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfive\r\n", "the answer's chunked encoding is broken"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\n{}", "a header of the answer is invalid"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n{}", "a line of the answer's head is too long"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 101 + b"\r\n{}", "got more than 100 headers"),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", "the server switches protocols, which nobody asked for"),
        (b"", "the connection was closed without an answer"),
    ],
)
def test_a_broken_connection_is_named_by_its_first_cause(answer: bytes, message: str) -> None:
    with answering(answer) as url, pytest.raises(ConnectionFailed) as caught:
        client(url).get("x", {})
    assert str(caught.value) == message


@pytest.mark.parametrize("answer", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"])
def test_a_failure_holds_nothing_until_the_garbage_collector_runs(answer: bytes) -> None:
    with answering(answer) as url:
        asking = client(url)
        gc.disable()
        try:
            try:
                asking.get("getPBDLastData", QUERY)
            except EnercloError as error:
                failure = weakref.ref(error)
            assert failure() is None
        finally:
            gc.enable()


def test_a_server_that_speaks_no_tls_is_named() -> None:
    with answering(b"HTTP/1.1 400 Bad Request\r\n\r\n") as url, pytest.raises(ConnectionFailed, match=r"^TLS failed: [A-Z_]+$"):
        client(url.replace("http:", "https:")).get("x", {})


def test_connections_are_kept_alive() -> None:
    with answering(envelope('{"code":0,"data":1}'), envelope('{"code":200,"data":2}')) as url:
        it = client(url)
        # the server closes after two: the same connection served both
        assert [it.get("x", {}), it.get("x", {})] == [1, 2]


@pytest.mark.parametrize(
    ("body", "error", "message"),
    [
        ('{"code":500,"data":null,"msg":"fail"}', ApiError, "code 500: fail"),
        ('{"code":7}', ApiError, "code 7"),
        ('{"code":400,"msg":"not found"}', NotFound, "code 400: not found"),
        ('{"code":403,"msg":"no access"}', Unauthorized, "code 403: no access"),
        ('{"code":10012,"msg":"too frequent"}', RateLimited, "code 10012: too frequent"),
        ('{"code":401,"msg":"token expired"}', Unauthorized, "code 401: token expired"),
        ('{"code":429,"msg":"too many requests"}', RateLimited, "code 429: too many requests"),
        ('{"code":407,"msg":"ACCESS_FREQUENCY_IS_TOO_HIGH"}', ApiError, "code 407: ACCESS_FREQUENCY_IS_TOO_HIGH"),
        ('{"code":"403","msg":"no access"}', Unauthorized, "code 403: no access"),
        ('{"code":" 10012 "}', RateLimited, "code 10012"),
        ('{"code":"+500"}', ApiError, "code 500"),
        ('{"code":"-1"}', ApiError, "code -1"),
        ('{"code":400.0}', NotFound, "code 400"),
        ('{"code":4e2}', NotFound, "code 400"),
        ('{"code":1e300}', ApiError, "code out of range"),
        ('{"code":"' + "9" * 400 + '"}', ApiError, "code out of range"),
        ('{"code":"' + "9" * 5000 + '"}', InvalidPayload, "the answer's code is not a whole number"),
        *(
            (f'{{"code":{code}}}', InvalidPayload, "the answer's code is not a whole number")
            for code in (
                "true",
                "false",
                "null",
                "[]",
                "0.5",
                "1e999",
                "NaN",
                '""',
                '" "',
                '"0x0"',
                '"0.0"',
                '"0_0"',
                '"\u0660"',
                '"abc"',
            )
        ),
        ("{}", InvalidPayload, "the answer's code is not a whole number"),
        ("[]", InvalidPayload, "the answer is not an envelope of code, data and msg"),
        ("null", InvalidPayload, "the answer is not an envelope of code, data and msg"),
        ("", InvalidPayload, "the answer is not JSON"),
        ("<html>", InvalidPayload, "the answer is not JSON"),
        ('{"code":0', InvalidPayload, "the answer is not JSON"),
        ("[" * 100_000, InvalidPayload, "the answer is nested too deeply"),
        ('{"code":' + "9" * 5000 + "}", InvalidPayload, "the answer is not JSON"),
        ('{"code":' + "9" * 400 + "}", ApiError, "code out of range"),
        ('{"code":999999999}', ApiError, "code 999999999"),
        ('{"code":1000000000}', ApiError, "code out of range"),
        ('{"code":1,"msg":{"a":1}}', ApiError, "code 1"),
        (f'{{"code":1,"msg":"refused: {TOKEN} ({TOKEN[6:]})"}}', ApiError, "code 1: refused: <redacted> (<redacted>)"),
        ('{"code":1,"msg":"' + "x" * 195 + TOKEN + '"}', ApiError, "code 1: " + "x" * 195 + "<reda"),
        ('{"code":1,"msg":"\\ud800"}', ApiError, "code 1: \\ud800"),
        ('{"code":1,"msg":"' + "x" * 5000 + '"}', ApiError, "code 1: " + "x" * 200),
    ],
)
def test_what_an_envelope_says(body: str, error: type[EnercloError], message: str) -> None:
    with answering(envelope(body)) as url, pytest.raises(error) as caught:
        client(url).get("x", {})
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("status", "error", "retryable"),
    [
        ("201 Created", HttpStatus, False),
        ("204 No Content", HttpStatus, False),
        ("301 Moved", HttpStatus, False),
        ("302 Found", HttpStatus, False),
        ("400 Bad Request", HttpStatus, False),
        ("401 Unauthorized", Unauthorized, False),
        ("403 Forbidden", Unauthorized, False),
        ("404 Not Found", NotFound, False),
        ("429 Too Many", RateLimited, False),
        ("500 Oops", HttpStatus, False),
        ("502 Bad Gateway", HttpStatus, True),
        ("503 Unavailable", HttpStatus, True),
        ("504 Gateway Timeout", HttpStatus, True),
    ],
)
def test_what_an_http_status_says(status: str, error: type[EnercloError], retryable: bool) -> None:
    with answering(envelope('{"code":0,"data":{}}', "Location: /elsewhere\r\n", status)) as url:
        with pytest.raises(error) as caught:
            client(url).get("x", {})
        assert type(caught.value) is error
        assert str(caught.value) == f"HTTP status {status[:3]}"
        assert caught.value.retryable is retryable


def test_http_407_is_a_proxy_s() -> None:
    with (
        answering(envelope("", status="407 No")) as url,
        pytest.raises(ConnectionFailed, match="407 Proxy Authentication Required"),
    ):
        client(url).get("x", {})


@pytest.mark.parametrize("code", ["0", "200", '"0"', '" 200 "', "0.0", "2e2", "-0"])
def test_success_is_code_0_or_200_however_it_is_spelled(code: str) -> None:
    with answering(envelope(f'{{"code":{code},"data":1}}')) as url:
        assert client(url).get("x", {}) == 1


@pytest.mark.parametrize(
    "interim",
    [
        b"HTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 102 Processing\r\n\r\n" * 3 + b"HTTP/1.1 100 Continue\r\nX: y\r\n\r\nHTTP/1.1 199 Odd\r\n\r\n",
    ],
)
def test_interim_responses_are_skipped(interim: bytes) -> None:
    # two on one connection: nothing of the first is left for the second
    answers = [interim + envelope(f'{{"code":0,"data":{n}}}') for n in (1, 2)]
    with answering(*answers) as url:
        it = client(url)
        assert [it.get("x", {}), it.get("x", {})] == [1, 2]
        it.close()


@contextmanager
def endless(begin: bytes, more: bytes, pause: float) -> Iterator[str]:
    """A server that answers with `begin` and then `more` without end."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def run() -> None:
            connection, _ = listener.accept()
            with connection, suppress(OSError):
                connection.recv(65536)
                connection.sendall(begin)
                while not over.wait(pause):
                    connection.sendall(more)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        over.set()
        thread.join(5)


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
ENDLESS = {
    "interim responses": (b"", b"HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n"),
    "continues": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "chunk extensions": (CHUNKED, b"1;" + b"x" * 1000 + b"\r\n \r\n"),
    "trailers": (CHUNKED + b"0\r\n", b"X: y\r\n" * 10_000),
}


@pytest.mark.parametrize("what", ENDLESS)
def test_what_comes_beside_the_body_ends_at_the_deadline_too(what: str) -> None:
    with endless(*ENDLESS[what], 0.01) as url, pytest.raises(TimedOut):
        client(url, timeout=0.3).get("x", {})


@pytest.mark.parametrize("what", ENDLESS)
def test_what_comes_beside_the_body_has_a_limit(monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    monkeypatch.setattr(transport, "MAX_RAW", 1_000_000)
    begin, more = ENDLESS[what]
    with (
        endless(begin, more * (65536 // len(more) + 1), 0) as url,
        pytest.raises(InvalidPayload, match=r"^the answer is larger than"),
    ):
        client(url, timeout=60).get("x", {})


@pytest.mark.parametrize(
    "location", ["http://[::1", "//", "\xff\xfe", "https://other.invalid/\ud800".encode("utf-8", "replace").decode()]
)
def test_a_redirect_to_nowhere_is_a_redirect(location: str) -> None:
    with answering(envelope("", f"Location: {location}\r\n", "302 Found")) as url, pytest.raises(HttpStatus, match="302"):
        client(url).get("x", {})


def test_an_exception_that_nobody_foresaw_is_typed_and_does_not_tell_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise KeyError(f"oops {TOKEN}")

    monkeypatch.setattr(enerclo, "is_deep", fail)
    with answering(envelope('{"code":0}')) as url, pytest.raises(InvalidPayload) as caught:
        client(url).get("x", {})
    assert str(caught.value) == "internal error: KeyError: 'oops <redacted>'"
    assert caught.value.__context__ is None


def test_a_redirect_is_not_followed(cloud: FaultyCloud, served: ServedCloud) -> None:
    cloud.faults.set("pbd", SN, "redirect")
    cloud.clear_requests()
    try:
        with pytest.raises(HttpStatus, match="302"):
            client(served.url).get("pbd/data-last", QUERY)
        assert len(cloud.requests) == 1
    finally:
        cloud.faults.clear_all()


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7),
        (" 120 ", 120),
        (format_datetime(datetime.fromtimestamp(1_790_000_090, UTC), usegmt=True), 90),
        (format_datetime(datetime.fromtimestamp(1_789_999_000, UTC), usegmt=True), 0),
        ("Mon, 21 Sep 2026 14:14:50", 1_790_000_090 - 1_790_000_000),
        ("soon", None),
        ("-5", None),
        ("٣", None),
        ("", None),
        ("Mon, 99 Sep 9999999 99:99:99 GMT", None),
        ("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", None),
        ("Fri, 31 Dec 9999 23:59:59 -2359", 253_402_387_139 - 1_790_000_000),
        ("Mon, 01 Jan 0001 00:00:00 +2359", 0),
        ("9" * 400, float("inf")),
        ("9" * 5000, float("inf")),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str, seconds: float | None) -> None:
    with answering(envelope("", f"Retry-After: {value}\r\n", "429 Too Many")) as url:
        it = Client(url, Token(value=TOKEN), language="en", timeout=5, concurrency=1, wall=lambda: 1_790_000_000)
        with pytest.raises(RateLimited) as caught:
            it.get("x", {})
        assert caught.value.retry_after == seconds


@pytest.mark.parametrize("fault", ["timeout", "drip", "drip_headers"])
def test_the_deadline_is_for_the_whole_answer(cloud: FaultyCloud, served: ServedCloud, fault: str) -> None:
    cloud.faults.set("pbd", SN, fault)
    try:
        with pytest.raises(TimedOut, match=r"no whole answer within 0\.3 s"):
            client(served.url, timeout=0.3).get("pbd/data-last", QUERY)
    finally:
        cloud.faults.clear_all()


def test_an_answer_may_be_as_large_as_the_limit_and_no_larger() -> None:
    frame = len('{"code":0,"data":""}')
    fits = '{"code":0,"data":"' + "x" * (MAX_ANSWER - frame) + '"}'
    with answering(envelope(fits)) as url:
        assert len(client(url).get("x", {})) == MAX_ANSWER - frame
    with answering(envelope(fits + " ")) as url, pytest.raises(InvalidPayload, match="larger than 2097152 bytes"):
        client(url).get("x", {})


def test_nobody_listening_is_said_in_the_system_s_words() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ConnectionFailed, match=r"^Connection refused$") as caught:
        client(f"http://127.0.0.1:{port}").get("x", {})
    assert caught.value.retryable
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a..b", "x" * 64 + ".invalid", "[::1", "xn--\u2603.invalid"])
def test_a_host_that_is_none(host: str) -> None:
    with pytest.raises(ConnectionFailed):
        client(f"http://{host}/api").get("x", {})


def test_a_proxy_that_is_down(monkeypatch: pytest.MonkeyPatch, served: ServedCloud) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    monkeypatch.setenv("http_proxy", f"http://user:secret@127.0.0.1:{port}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with pytest.raises(ConnectionFailed) as caught:
        client("http://cloud.invalid/api").get("x", {})
    assert "secret" not in str(caught.value)


def test_cookies_are_not_kept() -> None:
    seen: list[str | None] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.headers.get("Cookie"))
            body = b'{"code":0}'
            self.send_response(200)
            self.send_header("Set-Cookie", "session=1; Path=/")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        it = client(f"http://127.0.0.1:{server.server_port}")
        it.get("x", {})
        it.get("x", {})
        it.close()
        server.shutdown()
    assert seen == [None, None]


@pytest.mark.parametrize(
    ("name", "days", "trusted", "message"),
    [
        ("localhost", 1, True, None),
        ("localhost", 1, False, "TLS certificate refused: unable to get local issuer certificate"),
        ("elsewhere.invalid", 1, True, "TLS certificate refused: Hostname mismatch"),
        ("localhost", -1, True, "TLS certificate refused: certificate has expired"),
    ],
)
def test_tls_is_verified(
    monkeypatch: pytest.MonkeyPatch, certificates: Certificates, name: str, days: int, trusted: bool, message: str | None
) -> None:
    certificate, key, authority = certificates(name, days)
    if trusted:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority))
    with tls_server(certificate, key) as port:
        it = client(f"https://localhost:{port}")
        if message is None:
            assert it.get("x", {}) == "secret"
        else:
            with pytest.raises(ConnectionFailed, match=message):
                it.get("x", {})


def test_the_deadline_holds_over_tls_too(monkeypatch: pytest.MonkeyPatch, certificates: Certificates) -> None:
    certificate, key, authority = certificates("localhost", 1)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority))
    with tls_server(certificate, key, hold=threading.Event()) as port, pytest.raises(TimedOut):
        client(f"https://localhost:{port}", timeout=0.3).get("x", {})


def test_the_token_is_in_no_error_and_no_repr(cloud: FaultyCloud, served: ServedCloud) -> None:
    token = Token(value=TOKEN)
    it = client(served.url, timeout=0.3)
    assert "bWFkZTp1cA" not in repr(token) + str(token) + repr(it) + repr(vars(it))
    for fault in ("timeout", "reset", "http_500", "html", "code_403", "not_http", "chunked_garbage", "short_body"):
        cloud.faults.set("pbd", SN, fault)
        try:
            it.get("pbd/data-last", QUERY)
        except EnercloError as error:
            text = repr(error) + str(error) + repr(error.__cause__)
            assert "bWFkZTp1cA" not in text
        finally:
            cloud.faults.clear_all()


def test_requests_of_several_threads_do_not_mix(cloud: FaultyCloud, served: ServedCloud) -> None:
    it = client(served.url)
    problems: list[object] = []

    def ask() -> None:
        for _ in range(20):
            data = it.get("pbd/data-last", QUERY)
            if data["deviceSn"] != SN:
                problems.append(data)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not problems


def test_a_short_deadline_of_one_request_is_not_the_next_one_s() -> None:
    with answering(envelope('{"code":0,"data":1}')) as url:
        it = client(url, timeout=0.2)
        it.get("x", {})
        time.sleep(0.25)  # the first request's deadline must really be over
        assert it.get("x", {}) == 1
