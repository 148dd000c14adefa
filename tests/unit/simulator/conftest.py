from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from exporter.simulator import Cloud, ServedCloud, SimClock, SimDevice, serve
from tests.helpers import bare_http

BANGKOK = ZoneInfo("Asia/Bangkok")
NOON = datetime(2026, 5, 5, 12, 0, 0, tzinfo=BANGKOK)


@pytest.fixture
def clock() -> SimClock:
    """Noon in Bangkok, and standing still."""
    return SimClock(NOON, timezone=BANGKOK, monotonic=lambda: 0.0)


@pytest.fixture
def cloud(clock: SimClock) -> Cloud:
    """One device of each type; PBDs: P1 and P2 live, P9 offline for two hours."""
    devices = [
        SimDevice("pbd", "P1", "L1"),
        SimDevice("pbd", "P2", "L1"),
        SimDevice("pbd", "P9", "L1", offline_since=NOON - timedelta(hours=2)),
        SimDevice("pcs", "C1", "L1"),
        SimDevice("hps_central", "H1", "L1"),
        SimDevice("hps_string", "S1", "L2"),
        SimDevice("bcu", "B1", "L2"),
        SimDevice("mbms", "M1", "L2"),
    ]
    return Cloud(devices, clock)


@pytest.fixture
def served(cloud: Cloud) -> Iterator[ServedCloud]:
    with serve(cloud) as server:
        yield server


@pytest.fixture
def get(served: ServedCloud) -> bare_http.Get:
    """GET an API path with query parameters."""

    def fetch(path: str, *, headers: dict[str, str] | None = None, method: str = "GET", **query: str) -> bare_http.Reply:
        return bare_http.parse(bare_http.exchange(served.origin, bare_http.target(path, **query), headers, method))

    return fetch
