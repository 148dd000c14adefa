import asyncio
from itertools import pairwise
from typing import Any

import pytest

from exporter.simulator import SimClock
from exporter.simulator.endpoints import ENDPOINTS, Subject
from tests.helpers import site
from tests.helpers.bare_http import Get
from tests.helpers.faulty_cloud import FaultyCloud
from tests.helpers.faulty_cloud.api import FaultyApi


def test_a_request_is_no_longer_in_flight_when_its_last_byte_goes_out(cloud: FaultyCloud) -> None:
    """Else a client that has its answer could still find itself counted."""
    in_flight = []

    async def send(message: Any) -> None:
        in_flight.append((message["type"], cloud.in_flight))

    async def receive() -> Any:
        raise AssertionError("a GET has no body to receive")

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/api/v1/pbd/data-last",
        "query_string": b"deviceSn=P1",
        "headers": [],
        "state": {"wire": None},
    }
    asyncio.run(FaultyApi(cloud, "/api/v1", faulty=True)(scope, receive, send))
    assert in_flight == [("http.response.start", 1), ("http.response.body", 0)]
    assert (cloud.in_flight, cloud.max_in_flight) == (0, 1)


def test_requests_are_recorded_as_they_came(get: Get, cloud: FaultyCloud) -> None:
    get("pbd/data-last", deviceSn="Ü 1", headers={"Authorization": "Basic abc=", "Accept-Language": "en"})
    get("pbd/data-last", deviceSn="P1")
    one, two = cloud.requests
    assert (one.method, one.path, one.query) == ("GET", "/api/v1/pbd/data-last", {"deviceSn": "Ü 1"})
    assert (one.authorization, one.accept_language) == ("Basic abc=", "en")
    assert (two.authorization, two.accept_language) == (None, None)
    assert one.at < two.at
    assert (cloud.in_flight, cloud.max_in_flight) == (0, 1)
    cloud.clear_requests()
    assert cloud.requests == []
    assert cloud.max_in_flight == 0


def test_the_last_sixteen_readings_served_are_kept(get: Get, cloud: FaultyCloud, clock: SimClock) -> None:
    times = []
    for _ in range(18):
        times.append(get("pbd/data-last", deviceSn="P1").data["time"])
        clock.advance(300)
    served = cloud.served("pbd", "P1")
    assert [reading.data["time"] for reading in served] == times[2:]
    assert all(earlier.at < later.at for earlier, later in pairwise(served))
    assert cloud.served("pbd", "P2") == []


@pytest.mark.parametrize(
    ("path", "kind"), [(path, endpoint.type) for path, endpoint in ENDPOINTS.items() if endpoint.subject is Subject.LATEST]
)
def test_a_reading_that_is_sent_is_kept_as_served(get: Get, cloud: FaultyCloud, path: str, kind: str) -> None:
    serial = next(device.sn for device in site.DEVICES if device.type == kind)
    reply = get(path, deviceSn=serial)
    (served,) = cloud.served(kind, serial)
    assert served.data == reply.data


def test_a_refusal_is_not_serving(get: Get, cloud: FaultyCloud) -> None:
    cloud.token = "Basic secret="
    assert get("pbd/data-last", deviceSn="P1").json["code"] == 403
    assert cloud.served("pbd", "P1") == []
    assert get("pbd/data-last", deviceSn="P1", headers={"Authorization": "Basic secret="}).json["code"] == 0
    assert len(cloud.served("pbd", "P1")) == 1


def test_requests_that_are_not_answered_are_recorded_too(get: Get, cloud: FaultyCloud) -> None:
    for method in ("POST", "PUT", "DELETE", "HEAD"):
        get("pbd/data-last", deviceSn="P1", method=method)
    get("pbd/data-first", deviceSn="P1")
    assert [record.method for record in cloud.requests] == ["POST", "PUT", "DELETE", "HEAD", "GET"]
    assert (cloud.in_flight, cloud.max_in_flight) == (0, 1)
