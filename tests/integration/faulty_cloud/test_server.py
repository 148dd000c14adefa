"""Requests that hang, and how many are in flight."""

import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.helpers import bare_http
from tests.helpers.faulty_cloud import FaultyCloud, serve
from tests.helpers.faulty_cloud.traffic import Flight, RequestRecord, Traffic


class Watched(Traffic):
    """Tells when as many requests as expected are in flight, and when none is any more."""

    def __init__(self, expected: int) -> None:
        super().__init__()
        self.all_here = threading.Event()
        self.all_gone = threading.Event()
        self._expected = expected

    def arrived(self, record: RequestRecord) -> Flight:
        flight = super().arrived(record)
        if self.in_flight == self._expected:
            self.all_here.set()
        return flight

    def landed(self) -> None:
        super().landed()
        if self.in_flight == 0:
            self.all_gone.set()


def stall(origin: str) -> socket.socket:
    connection = bare_http.dial(origin)
    connection.sendall(bare_http.request_bytes(bare_http.target("pbd/data-last", deviceSn="P1"), {}))
    return connection


STALLS = ["timeout", "drip", "drip_headers", "huge_body", "slow"]


@pytest.mark.parametrize("fault", STALLS)
def test_stops_with_stalled_requests_in_flight(cloud: FaultyCloud, fault: str) -> None:
    watched = cloud.traffic = Watched(20)
    cloud.faults.set("pbd", "P1", fault, **({"seconds": 3600} if fault == "slow" else {}))
    with serve(cloud) as served:
        connections = [stall(served.origin) for _ in range(20)]
        assert watched.all_here.wait(30)
        if fault in ("timeout", "slow"):
            assert cloud.in_flight == cloud.max_in_flight == 20
    assert cloud.in_flight == 0
    assert not [thread for thread in threading.enumerate() if thread.name == "simulated-cloud"]
    for connection in connections:
        connection.close()


@pytest.mark.parametrize("fault", STALLS)
def test_a_stalled_request_ends_when_its_client_goes(cloud: FaultyCloud, fault: str) -> None:
    watched = cloud.traffic = Watched(1)
    cloud.faults.set("pbd", "P1", fault, **({"seconds": 3600} if fault == "slow" else {}))
    with serve(cloud) as served:
        connection = stall(served.origin)
        assert watched.all_here.wait(30)
        threads = threading.active_count()
        watched.all_gone.clear()
        connection.close()
        assert watched.all_gone.wait(30)
        assert threading.active_count() == threads


def test_others_are_answered_while_some_hang(cloud: FaultyCloud) -> None:
    watched = cloud.traffic = Watched(50)
    cloud.faults.set("pbd", "P1", "timeout")
    with serve(cloud) as served:
        hanging = [stall(served.origin) for _ in range(50)]
        assert watched.all_here.wait(30)
        good = bare_http.parse(bare_http.exchange(served.origin, bare_http.target("pbd/data-last", deviceSn="P2")))
        assert good.data == cloud.reading("pbd", "P2")
        assert cloud.max_in_flight == 51
        for connection in hanging:
            connection.close()


def test_counts_many_clients_at_once_right(cloud: FaultyCloud) -> None:
    expected = cloud.reading("pbd", "P1")
    with serve(cloud) as served, ThreadPoolExecutor(8) as pool:

        def fetch(_: int) -> bool:
            raw = bare_http.exchange(served.origin, bare_http.target("pbd/data-last", deviceSn="P1"))
            return bool(bare_http.parse(raw).data == expected)

        assert all(pool.map(fetch, range(200)))
        assert cloud.in_flight == 0
    assert len(cloud.requests) == 200
    assert 1 <= cloud.max_in_flight <= 8
