"""A faulty cloud without a fault answers as the simulator does."""

import pytest

from exporter.simulator import Cloud, ServedCloud, SimClock, serve
from exporter.simulator.endpoints import ENDPOINTS
from tests.helpers import bare_http, site

SERIALS = {device.type: device.sn for device in reversed(site.DEVICES)}
DAY = {"startDate": "2026-05-05 00:00:00", "endDate": "2026-05-05 23:59:59", "pageNo": "1", "pageSize": "100"}


@pytest.fixture
def well(clock: SimClock) -> Cloud:
    return Cloud(site.DEVICES, clock)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize("path", [*ENDPOINTS, "pbd/data-first"])
def test_a_healthy_answer_is_the_same_to_the_byte(served: ServedCloud, well: Cloud, path: str, method: str) -> None:
    serial = SERIALS[ENDPOINTS[path].type] if path in ENDPOINTS else "P1"
    with serve(well) as plain:
        for query in ({"deviceSn": serial, "dataLogSn": "L1", **DAY}, {"deviceSn": "nobody"}, {}):
            target = bare_http.target(path, **query)
            good, other = (
                bare_http.parse(bare_http.exchange(origin, target, method=method)) for origin in (plain.origin, served.origin)
            )
            assert (other.status, other.body) == (good.status, good.body)
            assert {**other.headers, "date": ""} == {**good.headers, "date": ""}
