import asyncio
from typing import Any

from exporter.simulator import Cloud
from exporter.simulator.api import Api


def test_a_request_is_no_longer_in_flight_when_its_last_byte_goes_out(cloud: Cloud) -> None:
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
    asyncio.run(Api(cloud, "/api/v1", faulty=True)(scope, receive, send))
    assert in_flight == [("http.response.start", 1), ("http.response.body", 0)]
    assert (cloud.in_flight, cloud.max_in_flight) == (0, 1)
