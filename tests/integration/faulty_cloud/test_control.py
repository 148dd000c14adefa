import json
import math
from typing import Any

import pytest

from exporter.simulator import ServedCloud, SimClock
from tests.helpers import bare_http
from tests.helpers.bare_http import Get, Reply
from tests.helpers.faulty_cloud import FAULTS, FaultyCloud


@pytest.fixture
def control(served: ServedCloud) -> Any:
    def send(method: str, path: str, value: object = None) -> Reply:
        body = b"" if value is None else json.dumps(value).encode()
        return bare_http.parse(bare_http.exchange(served.origin, f"/_simulator/{path}", method=method, body=body))

    return send


def test_request_log(control: Any, get: Get, cloud: FaultyCloud) -> None:
    get("pbd/data-last", deviceSn="P1", headers={"Authorization": "t", "Accept-Language": "en"})
    (record,) = control("GET", "requests").json
    assert isinstance(record.pop("at"), float)
    assert record == {
        "method": "GET",
        "path": "/api/v1/pbd/data-last",
        "query": {"deviceSn": "P1"},
        "authorization": "t",
        "accept_language": "en",
    }
    assert control("DELETE", "requests").status == 204
    assert control("GET", "requests").json == []
    assert cloud.requests == []


def test_served_even_what_json_and_utf8_can_not_hold(control: Any, get: Get) -> None:
    for fault in ("nan", "surrogates"):
        assert control("PUT", "faults", {"type": "pbd", "deviceSn": "P1", "fault": fault}).status == 204
        get("pbd/data-last", deviceSn="P1")
    nan, surrogates = control("GET", "served?type=pbd&deviceSn=P1").json
    assert math.isnan(nan["data"]["bipvBuck1"])
    assert "ppv\ud800" in surrogates["data"]
    assert surrogates["at"] > nan["at"]
    assert control("GET", "served?type=pbd&deviceSn=P2").json == []
    assert control("GET", "served").status == 400


def test_devices(control: Any, cloud: FaultyCloud) -> None:
    devices = control("GET", "devices").json
    assert devices[0] == {"type": "pbd", "sn": "P1", "datalog_sn": "L1", "offline_since": None, "faults": [], "odd": False}
    assert devices[2]["offline_since"] == "2026-05-05T10:00:00+07:00"
    assert control("DELETE", "devices?type=pbd&deviceSn=P1").status == 204
    assert control("DELETE", "devices?type=pbd&deviceSn=P1").status == 404
    assert len(cloud.devices) == len(devices) - 1


def test_faults(control: Any, get: Get) -> None:
    def codes() -> list[int]:
        return [get("pbd/data-last", deviceSn=sn).status for sn in ("P1", "P2")]

    control("PUT", "faults", {"type": "pbd", "deviceSn": "P1", "fault": "http_503"})
    assert codes() == [503, 200]
    control("PUT", "faults", {"fault": "http_429", "params": {"retry_after": 7}})
    assert codes() == [503, 429]
    assert get("pbd/data-last", deviceSn="P2").headers["retry-after"] == "7"
    control("DELETE", "faults?type=pbd&deviceSn=P1")
    assert codes() == [429, 429]
    control("DELETE", "faults")
    assert codes() == [200, 200]


@pytest.mark.parametrize(
    "wanted",
    [
        {"fault": "nonsense"},
        {"type": "pbd", "fault": "timeout"},
        {"fault": "slow", "params": {"minutes": 1}},
        {"fault": "slow", "params": [1]},
        {"params": {}},
        ["timeout"],
    ],
)
def test_wrong_faults_are_refused(control: Any, get: Get, wanted: object) -> None:
    assert control("PUT", "faults", wanted).status == 400
    assert get("pbd/data-last", deviceSn="P1").status == 200


def test_advance(control: Any, clock: SimClock) -> None:
    assert control("POST", "advance", {"seconds": 90}).json == {"now": "2026-05-05T12:01:30+07:00"}
    assert clock.now().minute == 1
    for wrong in ({}, {"seconds": -1}, {"seconds": "1"}, {"seconds": math.nan}):
        assert control("POST", "advance", wrong).status == 400


def test_the_page_says_what_this_is(served: ServedCloud, cloud: FaultyCloud) -> None:
    page = bare_http.parse(bare_http.exchange(served.origin, "/"))
    text = page.body.decode()
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "simulated cloud" in text.lower()
    assert "not ATESS and not Enerclo" in text
    for name in (*FAULTS, "pbd/data-last", "P1", "/_simulator/advance"):
        assert name in text
    assert cloud.requests == []
