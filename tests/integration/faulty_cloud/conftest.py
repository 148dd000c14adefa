from collections.abc import Iterator

import pytest

from exporter.simulator import ServedCloud, SimClock
from tests.helpers import bare_http, site
from tests.helpers.faulty_cloud import FaultyCloud, serve


@pytest.fixture
def clock() -> SimClock:
    return site.noon()


@pytest.fixture
def cloud(clock: SimClock) -> FaultyCloud:
    return FaultyCloud(site.DEVICES, clock)


@pytest.fixture
def served(cloud: FaultyCloud) -> Iterator[ServedCloud]:
    with serve(cloud) as server:
        yield server


@pytest.fixture
def get(served: ServedCloud) -> bare_http.Get:
    return bare_http.getter(served.origin)
