"""Starting, stopping, and serving."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from exporter.simulator import Cloud, serve
from tests.helpers import bare_http


def test_serves_many_clients_at_once(cloud: Cloud) -> None:
    expected = cloud.reading("pbd", "P1")
    with serve(cloud) as served, ThreadPoolExecutor(8) as pool:

        def fetch(_: int) -> bool:
            raw = bare_http.exchange(served.origin, bare_http.target("pbd/data-last", deviceSn="P1"))
            return bool(bare_http.parse(raw).data == expected)

        assert all(pool.map(fetch, range(200)))


def test_listens_on_the_address_it_is_given(cloud: Cloud) -> None:
    with serve(cloud) as first:
        assert first.url == first.origin + "/api/v1"
        port = int(first.origin.rpartition(":")[2])
        with pytest.raises(OSError, match="in use"), serve(cloud, port=port):
            pass
    with serve(cloud, "127.0.0.1", port) as again:
        assert again.origin == f"http://127.0.0.1:{port}"
        assert bare_http.parse(bare_http.exchange(again.origin, "/")).status == 200


def test_does_not_speak_through_uvicorns_loggers(cloud: Cloud, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    with serve(cloud) as served, bare_http.dial(served.origin) as connection:
        connection.sendall(b"\x00 nonsense\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 400")
        assert bare_http.parse(bare_http.exchange(served.origin, bare_http.target("pbd/data-last", deviceSn="P1"))).status == 200
    assert [record for record in caplog.records if record.name.startswith("uvicorn")] == []


def test_stops_with_connections_open(cloud: Cloud) -> None:
    with serve(cloud) as served:
        target = bare_http.target("pbd/data-last", deviceSn="P1")
        idle, halfway = bare_http.dial(served.origin), bare_http.dial(served.origin)
        idle.sendall(bare_http.request_bytes(target, {"Connection": "keep-alive"}))
        assert idle.recv(100).startswith(b"HTTP/1.1 200")
        halfway.sendall(bare_http.request_bytes(target, {})[:-10])
    assert not [thread for thread in threading.enumerate() if thread.name == "simulated-cloud"]
    for connection in (idle, halfway):
        with connection, suppress(ConnectionResetError):
            while connection.recv(1 << 16):
                pass


def test_the_page_says_what_this_is(cloud: Cloud) -> None:
    with serve(cloud) as served:
        page = bare_http.parse(bare_http.exchange(served.origin, "/"))
        control = bare_http.parse(bare_http.exchange(served.origin, "/_simulator/devices"))
    text = page.body.decode()
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "not ATESS and not Enerclo" in text
    for name in ("pbd/data-last", "P1"):
        assert name in text
    assert "_simulator" not in text
    assert control.status == 404
