import pytest

from exporter.simulator import Cloud, SimClock
from tests.helpers import site


@pytest.fixture
def clock() -> SimClock:
    return site.noon()


@pytest.fixture
def cloud(clock: SimClock) -> Cloud:
    return Cloud(site.DEVICES, clock)
