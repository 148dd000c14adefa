from collections.abc import Iterator

import pytest

from exporter.simulator import Cloud, ServedCloud, SimClock, serve
from tests.helpers import bare_http, site


@pytest.fixture
def clock() -> SimClock:
    return site.noon()


@pytest.fixture
def cloud(clock: SimClock) -> Cloud:
    return Cloud(site.DEVICES, clock)


@pytest.fixture
def served(cloud: Cloud) -> Iterator[ServedCloud]:
    with serve(cloud) as server:
        yield server


@pytest.fixture
def get(served: ServedCloud) -> bare_http.Get:
    return bare_http.getter(served.origin)
