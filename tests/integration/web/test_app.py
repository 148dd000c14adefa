import errno
import gzip
import socket
import threading
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import Any

import pytest
import requests

from exporter.commands.healthcheck import find_problem
from exporter.config.address import parse_address
from exporter.metrics.exposition import Snapshot
from exporter.polling.status import DeviceDetail, Fleet
from exporter.web import ListenError, Server, Site, compression, create_app
from exporter.web.compression import Latest, in_chunks, open_gzip
from exporter.web.negotiation import accepts_gzip, prefers_json, wants_openmetrics
from exporter.web.overview import Overview
from tests.helpers.processes import free_port


@pytest.mark.parametrize(
    ("accept", "openmetrics"),
    [
        ("", False),
        ("*/*", False),
        ("text/plain", False),
        ("text/html,*/*;q=0.8", False),
        ("application/openmetrics-text", True),
        ("application/openmetrics-text; version=1.0.0; charset=utf-8", True),
        ('application/openmetrics-text;version="1.0.0"', True),
        ("application/openmetrics-text;version=0.0.1", False),
        ("application/openmetrics-text;version=2.0.0", False),
        ("APPLICATION/OpenMetrics-Text", True),
        ("application/openmetrics-text;q=0.5,text/plain;q=0.9", False),
        ("application/openmetrics-text;q=0.9,text/plain;q=0.5", True),
        ("application/openmetrics-text;q=0", False),
        ("application/openmetrics-text;q=nonsense", False),
        ("application/openmetrics-text;q=7", False),
        ("application/openmetrics-text,text/plain", False),
        # what Prometheus 2 and 3 send
        (
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            True,
        ),
        (
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,"
            "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
            True,
        ),
        (";;;,,,=", False),
    ],
)
def test_which_format_a_client_gets(accept: str, openmetrics: bool) -> None:
    assert wants_openmetrics(accept) is openmetrics


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        ("", False),
        ("gzip", True),
        ("deflate, gzip;q=0.5", True),
        ("gzip;q=0", False),
        ("*", True),
        ("*;q=0", False),
        ("identity", False),
        ("gzip;q=0, *", False),
        ("GZIP", True),
    ],
)
def test_who_gets_gzip(header: str, accepted: bool) -> None:
    assert accepts_gzip(header) is accepted


LINES = [b'atess_ppv{deviceSn="S%d",type="pbd"} %d\n' % (n, n * n) for n in range(10_000)]


@pytest.fixture(params=["isal", "zlib"])
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both the fast one and the one where there is no wheel of it."""
    assert compression._library is not compression._ZLIB
    if request.param == "zlib":
        monkeypatch.setattr(compression, "_library", compression._ZLIB)
    return str(request.param)


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("pieces", [[], [b"", b""], [b"x"], LINES])
@pytest.mark.parametrize("rest", [b"", b"own 1\n", b"".join(LINES)])
def test_gzip_is_one_member_that_unpacks_to_the_same(pieces: list[bytes], rest: bytes) -> None:
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
    assert unpacker.decompress(b"".join(open_gzip(in_chunks(pieces)).close(rest))) == b"".join(pieces) + rest
    # clients may stop after the first member
    assert unpacker.eof
    assert unpacker.unused_data == b""


@pytest.mark.usefixtures("library")
def test_one_packed_copy_serves_many_who_each_add_their_own() -> None:
    opening = open_gzip(in_chunks(LINES))
    for rest in (b"first 1\n", b"second 2\n"):
        assert gzip.decompress(b"".join(opening.close(rest))) == b"".join(LINES) + rest


def test_chunks_are_the_same_bytes_in_fewer_pieces() -> None:
    chunks = list(in_chunks(LINES))
    assert b"".join(chunks) == b"".join(LINES)
    assert len(chunks) < len(LINES) / 100
    assert max(map(len, chunks)) < 100_000


def page(generation: int) -> Snapshot:
    return Snapshot(generation, 2, [b"%d\n" % generation])


def test_a_page_that_did_not_change_is_packed_once() -> None:
    latest = Latest()
    first = latest.of(page(1))
    assert latest.of(page(1)) is first
    second = latest.of(page(2))
    assert gzip.decompress(b"".join(second.close(b""))) == b"2\n"
    # who waited with an older page gets the newer
    assert latest.of(page(1)) is second


@pytest.mark.usefixtures("library")
def test_large_and_small_pages_are_packed_in_the_same_memory() -> None:
    latest = Latest()
    for generation, pieces in enumerate([LINES, LINES[:3], [], LINES[::-1] * 2]):
        opening = latest.of(Snapshot(generation, sum(map(len, pieces)), pieces))
        assert gzip.decompress(b"".join(opening.close(b"own 1\n"))) == b"".join(pieces) + b"own 1\n"


def test_those_who_scrape_at_once_share_what_one_packs(monkeypatch: pytest.MonkeyPatch) -> None:
    latest, packing, go_on = Latest(), threading.Event(), threading.Event()
    calls = []

    def slow(chunks: Iterator[bytes]) -> compression.Opening:
        calls.append(1)
        packing.set()
        assert go_on.wait(30)
        return open_gzip(chunks)

    monkeypatch.setattr(compression, "open_gzip", slow)
    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(latest.of, page(1)) for _ in range(4)]
        assert packing.wait(30)
        go_on.set()
        openings = {id(answer.result(30)) for answer in answers}
    assert len(openings) == len(calls) == 1


@pytest.mark.parametrize(
    ("accept", "json"),
    [
        ("", False),
        ("*/*", False),
        ("application/json", True),
        ("application/json;q=0.5, text/html", False),
        ("text/html;q=0.5, application/json", True),
        ("text/html,application/json", False),
        ("application/json;q=0", False),
    ],
)
def test_who_gets_json(accept: str, json: bool) -> None:
    assert prefers_json(accept) is json


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (":9837", ("", 9837)),
        ("localhost:80", ("localhost", 80)),
        ("127.0.0.1:0", ("127.0.0.1", 0)),
        ("[::1]:9837", ("::1", 9837)),
        ("[]:1", ("", 1)),
        ("LocalHost.:1", ("localhost", 1)),
        ("[0:0::0]:1", ("::", 1)),
        ("[::ffff:127.0.0.1]:1", ("127.0.0.1", 1)),
        ("[fe80::1%eth0]:1", ("fe80::1%eth0", 1)),
    ],
)
def test_addresses(text: str, address: tuple[str, int]) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize(
    "text",
    ["", "9837", "host", "::1:9837", "host:", "host:x", "host:-1", "host:65536", "[::1]", "[::1:80", "a:b:80", "[host]:80"],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected host:port, :port or \[v6\]:port"):
        parse_address(text)


@pytest.mark.parametrize("host", ["no-such-host.invalid", "203.0.113.1", "x" * 300])
def test_an_address_that_is_not_ours_is_a_clear_error(host: str) -> None:
    with pytest.raises(ListenError, match=f"cannot listen on {host}:0: "):
        Server(host, 0)


def answers(url: str, *addresses: str) -> list[bool]:
    """Whether the server at `url` answers on each of the addresses."""
    port = int(url.rpartition(":")[2])
    found = []
    for address in addresses:
        connection = HTTPConnection(address, port, timeout=30)
        try:
            connection.request("GET", "/-/ready")
            found.append(connection.getresponse().status == 200)
        except ConnectionRefusedError:
            found.append(False)
        finally:
            connection.close()
    return found


@pytest.mark.parametrize(
    ("host", "v4", "v6"),
    [
        ("", True, True),
        ("::", True, True),
        ("localhost", True, True),
        ("0.0.0.0", True, False),
        ("127.0.0.1", True, False),
        ("::1", False, True),
    ],
)
@pytest.mark.parametrize("given", [False, True], ids=["any port", "a port"])
def test_which_families_an_address_stands_for(host: str, v4: bool, v6: bool, given: bool) -> None:
    with serving(Parts(), host=host, port=free_port() if given else 0) as url:
        assert answers(url, "127.0.0.1", "::1") == [v4, v6]
        port = int(url.rpartition(":")[2])
        assert find_problem(host, port) is None


@pytest.mark.parametrize("host", ["", "::", "localhost"])
@pytest.mark.parametrize("number", [errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL], ids=["not there", "switched off"])
def test_without_ipv6_it_listens_on_ipv4(monkeypatch: pytest.MonkeyPatch, host: str, number: int) -> None:
    create = socket.create_server

    def no_ipv6(address: Any, *, family: int = socket.AF_INET, **options: Any) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(number, "made up")
        return create(address, family=family, **options)

    monkeypatch.setattr(socket, "create_server", no_ipv6)
    with serving(Parts(), host=host) as url:
        assert answers(url, "127.0.0.1", "::1") == [True, False]
        assert find_problem(host, int(url.rpartition(":")[2])) is None


@pytest.mark.parametrize("taken", ["127.0.0.1", "::1"])
def test_a_port_that_is_taken_for_one_family_is_an_error(taken: str) -> None:
    family = socket.AF_INET6 if ":" in taken else socket.AF_INET
    with socket.create_server((taken, 0), family=family) as other:
        port = other.getsockname()[1]
        for host in ("localhost", "::", ""):
            with pytest.raises(ListenError, match="Address already in use"):
                Server(host, port)
    # and nothing is left of the other family's
    with socket.create_server(("127.0.0.1", port)), socket.create_server(("::1", port), family=socket.AF_INET6):
        pass


class Parts(Overview):
    def __init__(self) -> None:
        self.problems: list[str] = []
        self.ready = True
        self.reload_problem: str | None = None
        self.pieces = [b"# TYPE x gauge\n", b"x 1\n"]
        self.hold: threading.Event | None = None

    def exposition(self, *, openmetrics: bool) -> tuple[Snapshot, bytes]:
        if self.hold is not None:
            self.hold.wait(30)
        return Snapshot(1, sum(map(len, self.pieces)), self.pieces), b"# EOF\n" if openmetrics else b"own 1\n"

    def fleet(self) -> Fleet:
        return Fleet(1_790_000_000.0, None, [])

    def device(self, device_type: str, device_sn: str) -> DeviceDetail | None:
        return None


@contextmanager
def serving(parts: Parts, host: str = "127.0.0.1", port: int = 0, **site: Any) -> Iterator[str]:
    server = Server(host, port)
    server.start(
        create_app(
            Site(
                version="1.2.3",
                telemetry_path="/metrics",
                exposition=parts.exposition,
                overview=parts,
                problems=lambda: parts.problems,
                ready=lambda: parts.ready,
                reload=lambda: parts.reload_problem,
                **site,
            )
        )
    )
    try:
        yield server.url
    finally:
        server.stop()


@pytest.mark.parametrize("coding", ["identity", "gzip"])
@pytest.mark.parametrize(("accept", "end"), [("text/plain", b"own 1\n"), ("application/openmetrics-text", b"# EOF\n")])
@pytest.mark.parametrize("lines", [1, 100_000])
def test_a_page_arrives_whole(coding: str, accept: str, end: bytes, lines: int) -> None:
    parts = Parts()
    parts.pieces *= lines
    with serving(parts) as url, requests.Session() as session:
        answer = session.get(url + "/metrics", headers={"Accept": accept, "Accept-Encoding": coding}, timeout=30)
        assert answer.headers.get("Content-Encoding", "identity") == coding
        assert answer.content == b"".join(parts.pieces) + end
        head = session.head(url + "/metrics", headers={"Accept": accept, "Accept-Encoding": coding}, timeout=30)
        assert head.headers["Content-Length"] == answer.headers["Content-Length"]
        assert head.content == b""


def test_a_client_that_leaves_halfway_disturbs_nobody() -> None:
    parts = Parts()
    parts.pieces *= 1_000_000
    with serving(parts) as url:
        with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=10) as client:
            client.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            assert client.recv(1000).startswith(b"HTTP/1.1 200")
        assert requests.get(url + "/metrics", timeout=30).content.endswith(b"x 1\nown 1\n")


def test_health_says_what_is_wrong() -> None:
    parts = Parts()
    with serving(parts) as url:
        assert requests.get(url + "/-/healthy", timeout=10).text == "healthy\n"
        parts.problems = ["no worker is alive", "something else"]
        answer = requests.get(url + "/-/healthy", timeout=10)
        assert (answer.status_code, answer.text) == (503, "no worker is alive; something else\n")


def test_not_ready_is_503() -> None:
    parts = Parts()
    parts.ready = False
    with serving(parts) as url:
        assert requests.get(url + "/-/ready", timeout=10).status_code == 503


def test_health_answers_while_a_large_page_is_being_made() -> None:
    parts = Parts()
    parts.hold = threading.Event()
    with serving(parts) as url:
        scrape = threading.Thread(target=lambda: requests.get(url + "/metrics", timeout=30))
        scrape.start()
        try:
            assert requests.get(url + "/-/healthy", timeout=10).status_code == 200
            assert scrape.is_alive()
        finally:
            parts.hold.set()
            scrape.join(30)


@pytest.mark.parametrize("simulated", [True, False])
def test_only_a_demo_says_that_its_data_are_simulated(simulated: bool) -> None:
    with serving(Parts(), simulated=simulated) as url:
        page = requests.get(url, timeout=10)
    assert ("simulated" in page.text) is simulated
    assert "1.2.3" in page.text
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"


def test_small_answers_are_not_held_back() -> None:
    server = Server("127.0.0.1", 0)
    server.start(create_app(Site("0", "/metrics", Parts().exposition, Parts(), list, lambda: True, lambda: None)))
    try:
        accepted = server._sockets[0]
        assert accepted.proto == socket.IPPROTO_TCP
    finally:
        server.stop()


def test_nonsense_on_the_socket_is_answered_with_400() -> None:
    with serving(Parts()) as url, socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=10) as client:
        client.sendall(b"NONSENSE\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 400")
