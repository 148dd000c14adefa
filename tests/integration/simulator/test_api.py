from datetime import timedelta
from itertools import pairwise

import pytest

from exporter.simulator import Cloud, ServedCloud, SimClock
from exporter.simulator.endpoints import ENDPOINTS, Subject
from tests.helpers import bare_http
from tests.helpers.bare_http import Get

SERIALS = {"pbd": "P1", "pcs": "C1", "hps_central": "H1", "hps_string": "S1", "bcu": "B1", "mbms": "M1"}
PATHS = {
    subject: {endpoint.type: path for path, endpoint in ENDPOINTS.items() if endpoint.subject is subject} for subject in Subject
}
DAY = {"startDate": "2026-05-05 00:00:00", "endDate": "2026-05-05 23:59:59", "pageNo": "1", "pageSize": "100"}


@pytest.mark.parametrize(("kind", "path"), PATHS[Subject.LATEST].items())
def test_latest_reading_in_the_envelope(get: Get, cloud: Cloud, kind: str, path: str) -> None:
    reply = get(path, deviceSn=SERIALS[kind])
    assert reply.status == 200
    assert reply.headers["content-type"] == "application/json;charset=UTF-8"
    assert reply.json == {"code": 0, "data": cloud.reading(kind, SERIALS[kind]), "msg": "operate successfully"}


@pytest.mark.parametrize(("kind", "path"), PATHS[Subject.HISTORY].items())
def test_history_pages_join_up(get: Get, cloud: Cloud, kind: str, path: str) -> None:
    whole = get(path, deviceSn=SERIALS[kind], **DAY).data
    assert set(whole) == {"datas", "offset", "pageNo", "pageSize", "total"}
    # Noon is now: nothing is uploaded later than that.
    assert 143 <= whole["total"] <= 145
    assert len(whole["datas"]) == 100
    rows = []
    for number in (1, 2, 3, 4):
        page = get(path, deviceSn=SERIALS[kind], **(DAY | {"pageNo": str(number), "pageSize": "50"})).data
        assert (page["pageNo"], page["pageSize"], page["offset"]) == (number, 50, 50 * (number - 1))
        assert page["total"] == whole["total"]
        rows += page["datas"]
    assert len(rows) == whole["total"]
    assert rows[:100] == whole["datas"]
    assert all(earlier["time"] < later["time"] for earlier, later in pairwise(rows))
    assert rows[-1] == get(PATHS[Subject.LATEST][kind], deviceSn=SERIALS[kind]).data


def test_history_includes_both_ends_and_is_what_was_served_then(get: Get, cloud: Cloud, clock: SimClock) -> None:
    at = clock.now() - timedelta(days=3)
    past = cloud.reading("hps_central", "H1", at)
    window = {"startDate": str(past["time"]), "endDate": str(past["time"]), "pageNo": "1", "pageSize": "10"}
    assert get("hps/data-list", deviceSn="H1", **window).data["datas"] == [past]


def test_history_of_an_offline_device_ends_with_its_last_reading(get: Get, cloud: Cloud) -> None:
    page = get("pbd/data-list", deviceSn="P9", **(DAY | {"startDate": "2026-05-05 09:00:00"})).data
    assert page["datas"][-1] == cloud.reading("pbd", "P9")
    empty = get("pbd/data-list", deviceSn="P9", **(DAY | {"startDate": "2026-05-05 11:00:00"})).data
    assert (empty["datas"], empty["total"]) == ([], 0)


@pytest.mark.parametrize(
    "change",
    [
        {"startDate": "yesterday"},
        {"endDate": "2026-05-05"},
        {"startDate": "2026-04-20 00:00:00"},
        {"pageNo": "0"},
        {"pageNo": "x"},
        {"pageSize": "101"},
        {"pageSize": "-1"},
        {"pageSize": "²"},
        {"startDate": ""},
    ],
)
def test_history_refuses_what_it_can_not_answer(get: Get, change: dict[str, str]) -> None:
    reply = get("hps/data-list", deviceSn="H1", **(DAY | change))
    assert (reply.status, reply.json["code"], reply.data) == (200, 400, None)


@pytest.mark.parametrize(("kind", "path"), PATHS[Subject.BASE_INFO].items())
def test_lists_have_exactly_the_documented_fields(get: Get, cloud: Cloud, kind: str, path: str) -> None:
    logger = next(device.datalog_sn for device in cloud.devices if device.type == kind)
    rows = get(path, dataLogSn=logger).data
    assert [row["deviceSn"] for row in rows] == [d.sn for d in cloud.devices if (d.type, d.datalog_sn) == (kind, logger)]
    for row in rows:
        assert {name: type(value) for name, value in row.items()} == {
            "address": int, "dataLogSn": str, "deviceNo": int, "deviceSn": str, "firmwareVersion": str, "lost": bool,
            "status": str, "systemNo": int, "updateTime": str,
        }  # fmt: skip
        assert row["dataLogSn"] == logger
        assert row["lost"] is (row["deviceSn"] == "P9")
        assert row["updateTime"] == cloud.reading(kind, row["deviceSn"])["time"]


def test_a_known_logger_may_have_no_device_of_a_type(get: Get) -> None:
    assert get("pbd/base-info/list", dataLogSn="L2").json["data"] == []
    assert get("pbd/base-info/list", dataLogSn="L404").json["code"] == 400


def test_bcu_settings_are_exactly_the_documented_ones(get: Get) -> None:
    stems = ("CellVolt", "ChargeCurr", "ChargeTEMP", "DischargeCurr", "DischargeTEMP")
    ends = {1: "Warning", 2: "Fault", 3: "Protection"}
    levels = {
        f"level{level}{stem}{side}{end}"
        for level, end in ends.items()
        for stem in stems
        for side in ("High", "Low")
        if not (stem.endswith("Curr") and side == "Low")
    }
    others = (
        "batCellNumber batPackNumber cellFullChargeVoltage cellFullDischargeVoltage chargingCurrentCalibrationDenominator "
        "chargingCurrentCalibrationNumerator currentCalibrationEnable currentRatio dischargingCurrentCalibrationDenominator "
        "dischargingCurrentCalibrationNumerator pasBalWaitTimeHour"
    )
    data = get("bms/bcu-setting", deviceSn="B1").data
    assert set(data) == levels | set(others.split())
    assert all(type(value) in (int, float) for value in data.values())


@pytest.mark.parametrize(("kind", "path"), PATHS[Subject.SETTINGS].items())
def test_settings(get: Get, cloud: Cloud, kind: str, path: str) -> None:
    data = get(path, deviceSn=SERIALS[kind]).data
    assert data == cloud.settings(kind, SERIALS[kind])
    if kind.startswith("hps"):
        assert data["valleyPeriodTime5"] == "08:30"
        assert {type(value) for value in data.values()} == {int, float, str}


@pytest.mark.parametrize("path", ENDPOINTS)
def test_unknown_devices_and_missing_parameters_answer_code_400(get: Get, path: str) -> None:
    for query in ({}, {"deviceSn": "nobody", **DAY, "dataLogSn": "nobody"}, {"deviceSn": "", "dataLogSn": ""}):
        reply = get(path, **query)
        assert (reply.status, reply.json["code"], reply.data) == (200, 400, None)


def test_a_device_is_known_under_its_own_type_only(get: Get) -> None:
    assert get("pcs/data-last", deviceSn="P1").json["code"] == 400


def test_only_get_and_head_and_only_known_paths(get: Get) -> None:
    for method in ("POST", "PUT", "DELETE"):
        reply = get("pbd/data-last", deviceSn="P1", method=method)
        assert (reply.status, reply.headers["allow"]) == (405, "GET, HEAD")
    head = get("pbd/data-last", deviceSn="P1", method="HEAD")
    assert (head.status, head.body) == (200, b"")
    assert int(head.headers["content-length"]) > 1000
    assert get("pbd/data-first", deviceSn="P1").status == 404


def test_token(get: Get, cloud: Cloud) -> None:
    cloud.token = "Basic secret="
    for sent in ({}, {"Authorization": "Basic secret"}, {"Authorization": "basic secret="}):
        reply = get("pbd/data-last", deviceSn="P1", headers=sent)
        assert (reply.status, reply.json["code"], reply.data) == (200, 403, None)
    assert get("pbd/data-last", deviceSn="P1", headers={"Authorization": "Basic secret="}).json["code"] == 0
    cloud.token = "other"
    assert get("pbd/data-last", deviceSn="P1", headers={"Authorization": "other"}).json["code"] == 0


def test_connections_are_kept_alive(served: ServedCloud) -> None:
    with bare_http.dial(served.origin) as connection:
        stream = connection.makefile("rb")
        for _ in range(3):
            target = bare_http.target("pbd/data-last", deviceSn="P1")
            connection.sendall(bare_http.request_bytes(target, {"Connection": "keep-alive"}))
            head = b"".join(iter(stream.readline, b"\r\n")) + b"\r\n"
            reply = bare_http.parse(head)
            assert reply.status == 200
            assert stream.read(int(reply.headers["content-length"])).startswith(b'{"code":0,')
        stream.close()
