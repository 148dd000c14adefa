"""Faults on endpoints other than the real-time one, for all at once, and together with refusals."""

import pytest

from exporter.simulator import ServedCloud
from exporter.simulator.endpoints import ENDPOINTS, Subject
from tests.helpers import bare_http
from tests.helpers.bare_http import Get
from tests.helpers.faulty_cloud import FAULTS, FaultyCloud

WINDOW = {"startDate": "2026-05-05 10:00:00", "endDate": "2026-05-05 11:00:00", "pageNo": "1", "pageSize": "5"}
ANSWERS = {"deviceSn": "B1", "dataLogSn": "L2", **WINDOW}
BCU = [path for path, endpoint in ENDPOINTS.items() if endpoint.type == "bcu"]
ENDLESS = {"timeout", "drip", "drip_headers", "endless_hints"}
# Faults that leave an answer as it is: with the clock standing still, or for lack of what they change.
HARMLESS = {"clock_frozen", "slow"}
HISTORY = {name for name, text in FAULTS.items() if text.startswith("History:")}
HARMLESS_AT = {
    "bms/bcu-data-last": {"odd_lost"} | HISTORY,
    # the page that is asked for is the first, and has rows
    "bms/bcu-data-list": {"odd_lost", "shifting_pages", "repeated_page", "last_page_again", "null_window"},
    "bms/bcu-setting": {"odd_lost", "no_time", "other_spelling"} | HISTORY,
    "bms/buc-base-info/list": {"no_time", "duplicate_keys"} | HISTORY,
}


@pytest.mark.parametrize("path", BCU)
@pytest.mark.parametrize("fault", sorted(set(FAULTS) - ENDLESS - {"huge_body", "gzip_bomb"}))
def test_every_fault_applies_to_every_endpoint(cloud: FaultyCloud, served: ServedCloud, path: str, fault: str) -> None:
    target = bare_http.target(path, **ANSWERS)
    good = bare_http.exchange(served.origin, target)
    cloud.faults.set_all(fault, **({"seconds": 0} if fault == "slow" else {}))
    try:
        got = bare_http.exchange(served.origin, target)
    except ConnectionResetError:
        got = b""
    assert (got == good) is (fault in HARMLESS | HARMLESS_AT.get(path, set()))


def test_a_device_fault_leaves_lists_alone_and_a_logger_fault_devices(cloud: FaultyCloud, get: Get) -> None:
    cloud.faults.set("bcu", "B1", "http_500")
    assert get("bms/buc-base-info/list", **ANSWERS).status == 200
    assert get("bms/bcu-data-list", **ANSWERS).status == 500
    cloud.faults.clear_all()
    cloud.faults.set("bcu", "L2", "http_500")
    assert get("bms/buc-base-info/list", **ANSWERS).status == 500
    assert get("bms/mbms-base-info/list", **ANSWERS).status == 200
    assert get("bms/bcu-data-list", **ANSWERS).status == 200


def test_values_are_distorted_in_every_row(cloud: FaultyCloud, get: Get) -> None:
    cloud.faults.set_all("bad_time")
    rows = get("bms/bcu-data-list", **ANSWERS).data["datas"]
    assert len(rows) == 5
    assert {row["time"] for row in rows} == {"soon"}
    assert {row["time"] for row in get("bms/buc-base-info/list", **ANSWERS).data} == {"soon"}


def test_faults_distort_refusals_too_and_never_lift_them(cloud: FaultyCloud, get: Get) -> None:
    cloud.token = "secret"
    for fault in ("nan", "many_fields", "duplicate_keys", "clock_frozen", "text_numbers"):
        cloud.faults.set_all(fault)
        assert (get("pbd/data-last", deviceSn="P1").json["code"], get("pbd/data-last").data) == (403, None)
    cloud.faults.set_all("http_502")
    assert get("pbd/data-last", deviceSn="P1").status == 502


def test_a_fault_may_be_set_for_a_device_that_is_not_there(cloud: FaultyCloud, get: Get) -> None:
    cloud.faults.set("pbd", "nobody", "http_500")
    assert get("pbd/data-last", deviceSn="nobody").status == 500


def test_only_the_real_time_endpoint_counts_as_serving(cloud: FaultyCloud, get: Get) -> None:
    for path in (path for path in BCU if ENDPOINTS[path].subject is not Subject.LATEST):
        get(path, **ANSWERS)
    assert cloud.served("bcu", "B1") == []


def test_a_fault_that_spoils_the_answer_is_not_serving(cloud: FaultyCloud, served: ServedCloud) -> None:
    target = bare_http.target("pbd/data-last", deviceSn="P1")
    for fault in ("truncated_json", "short_body", "chunked_garbage", "not_http", "code_text", "html", "invalid_utf8"):
        cloud.faults.set_all(fault)
        bare_http.exchange(served.origin, target)
    assert cloud.served("pbd", "P1") == []
    cloud.faults.set_all("slow", seconds=0)
    bare_http.exchange(served.origin, target)
    assert len(cloud.served("pbd", "P1")) == 1
