import errno
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from typing import Any

import pytest
import requests

from exporter.commands.healthcheck import find_problem
from exporter.metrics.exposition import Selection, Snapshot
from exporter.web import ListenError, Server
from exporter.web.shared_call import SharedCall
from tests.helpers.processes import free_port
from tests.helpers.web_parts import Parts, serving


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


@pytest.mark.parametrize("coding", ["identity", "gzip"])
@pytest.mark.parametrize(("accept", "end"), [("text/plain", b"own 1\n"), ("application/openmetrics-text", b"# EOF\n")])
@pytest.mark.parametrize(("lines", "empty"), [(1, 0), (100_000, 0), (1, 10_000)])
def test_a_page_arrives_whole(coding: str, accept: str, end: bytes, lines: int, empty: int) -> None:
    parts = Parts()
    # blocks of devices that are all stale have no lines
    parts.pieces = [b""] * empty + parts.pieces * lines + [b""] * empty
    with serving(parts) as url, requests.Session() as session:
        answer = session.get(url + "/metrics", headers={"Accept": accept, "Accept-Encoding": coding}, timeout=30)
        assert answer.headers.get("Content-Encoding", "identity") == coding
        assert answer.content == b"".join(parts.pieces) + end
        head = session.head(url + "/metrics", headers={"Accept": accept, "Accept-Encoding": coding}, timeout=30)
        assert head.headers["Content-Length"] == answer.headers["Content-Length"]
        assert head.content == b""


def test_clients_that_scrape_at_once_share_a_packed_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    scrapes, waiting, get = [], threading.Semaphore(0), SharedCall.get

    class Counted(Parts):
        def exposition(self, selection: Selection, *, openmetrics: bool) -> tuple[Snapshot, bytes]:
            scrapes.append(openmetrics)
            return super().exposition(selection, openmetrics=openmetrics)

    async def counted(call: SharedCall[bytes]) -> bytes:
        waiting.release()
        return await get(call)

    monkeypatch.setattr(SharedCall, "get", counted)
    parts = Counted()
    parts.hold = threading.Event()
    with serving(parts) as url, ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(requests.get, url + "/metrics", timeout=30) for _ in range(8)]
        for _ in answers:
            assert waiting.acquire(timeout=30)
        parts.hold.set()
        assert {answer.result(30).content for answer in answers} == {b"# TYPE x gauge\nx 1\nown 1\n"}
    # one that was under way when the others asked, and one for all of those
    assert len(scrapes) <= 2


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


def test_small_answers_are_not_held_back(monkeypatch: pytest.MonkeyPatch) -> None:
    switched_off = []
    setsockopt = socket.socket.setsockopt

    def watch(connection: socket.socket, level: int, option: int, *value: Any) -> None:
        setsockopt(connection, level, option, *value)
        switched_off.append((level, option, *value))

    monkeypatch.setattr(socket.socket, "setsockopt", watch)
    with serving(Parts()) as url:
        assert requests.get(url + "/-/healthy", timeout=10).status_code == 200
    assert switched_off.count((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)) == 2  # the client's and the server's


def test_nonsense_on_the_socket_is_answered_with_400() -> None:
    with serving(Parts()) as url, socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=10) as client:
        client.sendall(b"NONSENSE\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 400")
