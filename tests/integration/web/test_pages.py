"""The pages over real HTTP, for devices made up here."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
import requests

from exporter.catalogue.faults import Fault
from exporter.catalogue.remedies import remedy_for_suspension
from exporter.catalogue.types import Evidence, FieldInfo, load_catalogue
from exporter.config.sharding import WHOLE
from exporter.documentation import SITE
from exporter.metrics.exposition import Selection, Snapshot
from exporter.polling.faults import ActiveFault
from exporter.polling.status import DeviceState, DeviceStatus, FieldValue, PollResult
from exporter.polling.zone_watch import FittingZone, ZoneFit
from exporter.web import Server, Site, create_app
from exporter.web.middleware import BROWSER_HEADERS
from exporter.web.overview import Overview
from exporter.web.table import PAGE_SIZE
from tests.helpers.processes import eventually
from tests.helpers.statuses import NOW, status

UP = status(
    "UMD1",
    info={"site": "Pai"},
    data_time="2026-09-21 21:13:00",
    data_timestamp=NOW - 20,
    data_age=20.0,
    last_success=NOW - 9,
    last_poll=PollResult(NOW - 10, 0.25, None),
    next_poll=NOW + 290,
)

VBAT = load_catalogue()["pbd"].fields["vbat"]


class Devices(Overview):
    """What the pages ask for, as a test sets it."""

    now = NOW
    suspended: str | None = None
    suspension_remedy: str | None = None
    zone_fit = ZoneFit("Asia/Bangkok")
    types = load_catalogue()
    shard = WHOLE

    def __init__(self, *devices: DeviceStatus, suspended: str | None = None) -> None:
        self.listed = devices
        self.suspended = suspended
        self.suspension_remedy = remedy_for_suspension(suspended) if suspended else None

    def devices(self) -> list[DeviceStatus]:
        return list(self.listed)

    def device(self, device_type: str, device_sn: str) -> DeviceStatus | None:
        return next((device for device in self.listed if (device.type, device.sn) == (device_type, device_sn)), None)


class Web:
    def __init__(self, url: str) -> None:
        self.url = url

    def get(self, path: str, **headers: str) -> requests.Response:
        return requests.get(self.url + path, headers={"Accept-Encoding": "identity", **headers}, timeout=10)

    def text(self, path: str, status: int = 200) -> str:
        """What a reader sees of a page, white space run together."""
        answer = self.get(path)
        assert answer.status_code == status
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        return text_of(answer.text)


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.parts.append(" ")

    def handle_data(self, data: str) -> None:
        self.parts.append(data)


def text_of(html: str) -> str:
    parser = _Text()
    parser.feed(html)
    return re.sub(r"\s+", " ", "".join(parser.parts))


@contextmanager
def serving(devices: Devices, telemetry_path: str = "/metrics", **facts: Any) -> Iterator[Web]:
    server = Server("127.0.0.1", 0)

    def exposition(selection: Selection, *, openmetrics: bool) -> tuple[Snapshot, bytes]:
        return Snapshot([b"x 1\n"]), b""

    site = Site("1.2.3", telemetry_path, exposition, devices, list, lambda: True, lambda: None, **facts)
    server.start(create_app(site))
    try:
        yield Web(server.url)
    finally:
        server.stop()


def test_every_answer_tells_browsers_to_be_careful() -> None:
    with serving(Devices(UP)) as web:
        paths = (
            "/",
            "/devices",
            "/devices.json",
            "/devices/pbd/UMD1",
            "/devices/pbd/x",
            "/x",
            "/-/healthy",
            "/metrics",
        )
        for path in (*paths, "/devices?state=x", "/-/assets/style.css"):
            headers = web.get(path).headers
            assert {name: headers.get(name) for name in BROWSER_HEADERS} == BROWSER_HEADERS, path
        policy = dict(part.strip().split(" ", 1) for part in BROWSER_HEADERS["Content-Security-Policy"].split(";"))
        assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
        assert {policy[name] for name in policy if name.endswith("-src") and name != "default-src"} == {"'self'"}


def test_pages_load_nothing_from_elsewhere_and_have_nothing_inline() -> None:
    with serving(Devices(UP)) as web:
        for path in ("/", "/devices", "/devices/pbd/UMD1", "/x"):
            page = web.get(path).text.replace(f'<a href="{SITE}', '<a href="')
            assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:|https?://", page), path
            for source in re.findall(r"<(?:script|link|img)[^>]*(?:src|href)=\"([^\"]*)\"", page):
                assert source.startswith("/-/assets/")
                assert web.get(source).status_code == 200
            assert not re.search(r"<script[^>]*>[^<]", page)


def test_assets_are_kept_by_browsers_and_a_changed_one_has_another_address() -> None:
    with serving(Devices()) as web:
        address = re.findall(r'href="(/-/assets/style\.css\?\w+)"', web.get("/").text)[0]
        answer = web.get(address)
        assert "immutable" in answer.headers["Cache-Control"]
        assert answer.headers["Content-Type"] == "text/css; charset=utf-8"
        for other in ("/-/assets/style.css", "/-/assets/style.css?old"):
            assert "immutable" not in web.get(other).headers.get("Cache-Control", "")
        assert web.get("/-/assets/nothing.css").status_code == 404
        assert web.get("/-/assets/..%2Fapp.py").status_code == 404


@pytest.mark.parametrize("simulated", [True, False])
def test_a_demo_says_on_every_page_and_in_every_document_that_its_data_are_simulated(simulated: bool) -> None:
    with serving(Devices(UP), simulated=simulated) as web:
        for path in ("/", "/devices", "/devices/pbd/UMD1"):
            assert ("simulated" in web.text(path)) is simulated, path
        assert ("simulated" in web.text("/devices/pbd/x", 404)) is simulated
        for path in ("/devices.json", "/devices/pbd/UMD1.json"):
            assert web.get(path).json()["simulated"] is simulated


def test_the_landing_page() -> None:
    with serving(Devices(UP, status("b", state=DeviceState.FAILING)), "/my/<metrics>") as web:
        page = web.get("/").text
        assert "1.2.3" in page
        for address in ("/devices", "/devices.json", "/my/&lt;metrics&gt;", "/-/healthy", "/-/ready"):
            assert f'href="{address}"' in page
        assert "2 devices 1 failing 0 gone 0 stale 0 waiting 1 up" in text_of(page)


def test_every_page_leads_to_the_documentation() -> None:
    with serving(Devices(UP), route_prefix="/in", link_prefix="/out") as web:
        for path in ("/in/", "/in/devices", "/in/devices/pbd/UMD1", "/in/x"):
            assert f'<a href="{SITE}" rel="noopener">Documentation</a>' in web.get(path).text


def test_a_field_leads_to_what_is_documented_of_it_and_an_unknown_one_nowhere() -> None:
    fields = [FieldValue(name, None, 1, VBAT) for name in ("ebatChargeTotal", "sysFaultWord1", "newField", "vbat")]
    own = replace(UP, sn="own", type="heater", fields=fields, settings=fields)
    with serving(Devices(replace(UP, fields=fields, settings=fields), own)) as web:
        page, of_own = web.get("/devices/pbd/UMD1").text, web.get("/devices/heater/own").text
    found = re.findall(r'<a href="([^"]+)" rel="noopener"><bdi>(\w+)</bdi></a>', page)
    assert found == [
        (f"{SITE}reference/fields/pbd/#{name.lower()}", name) for name in ("ebatChargeTotal", "sysFaultWord1", "vbat")
    ]
    assert f"{SITE}reference" not in of_own


def test_a_row_has_what_is_known_of_its_device() -> None:
    with serving(Devices(UP)) as web:
        page = web.text("/devices")
    assert "Device Type State Running Faults Data Last poll Took Interval Next poll Info" in page
    assert "UMD1 pbd up \u2013 \u2013 20 s ago 10 s ago 250 ms 5 min in 5 min site Pai" in page
    assert "1\u20131 of 1" in page
    assert "As of 2026-09-21 14:13:20 UTC" in page


@pytest.mark.parametrize(
    ("facts", "shown"),
    [
        (
            {"state": DeviceState.WAITING, "data_age": None, "last_poll": None, "next_poll": NOW + 3},
            "waiting \u2013 \u2013 \u2013 \u2013 \u2013 5 min in 3 s",
        ),
        (
            {"state": DeviceState.FAILING, "reason": "timeout", "next_poll": NOW - 3},
            "failing timeout \u2013 \u2013 20 s ago 10 s ago 250 ms 5 min due",
        ),
        (
            {"state": DeviceState.FAILING, "reason": "timeout", "stale_cause": "failing"},
            "failing timeout values stale \u2013 \u2013 20 s",
        ),
        (
            {"state": DeviceState.STALE, "stale_cause": "frozen", "lost": True},
            "stale frozen offline, says its logger \u2013 \u2013 20 s",
        ),
        ({"lost": False}, "up \u2013 \u2013 20 s"),
        (
            {"state": DeviceState.GONE, "reason": "not_found", "gone_since": NOW - 7200},
            "gone not_found in no list since 2 h ago \u2013 \u2013 20 s",
        ),
        ({"data_age": -7200.0}, "up \u2013 \u2013 in 2 h"),
    ],
)
def test_states_in_words(facts: dict[str, Any], shown: str) -> None:
    with serving(Devices(replace(UP, **facts))) as web:
        assert f"UMD1 pbd {shown}" in web.text("/devices")


def test_a_device_that_is_gone_is_said_to_be_so_first_and_can_be_asked_for() -> None:
    with serving(Devices(UP, status("b", state=DeviceState.GONE, gone_since=NOW - 7200))) as web:
        page = web.text("/devices/pbd/b")
        told = "Gone since 2026-09-21 12:13:20 UTC: in no data logger's list any more."
        assert f"{told} It is polled as before, and dropped after 7 d." in page
        assert page.index(told) < page.index("No reading yet")
        assert "Gone since" not in web.text("/devices/pbd/UMD1")
        assert "1 gone" in web.text("/")
        assert re.findall(r"<bdi>(\w+)</bdi>", web.get("/devices?state=gone").text) == ["b"]
        (device,) = web.get("/devices.json?state=gone").json()["devices"]
        assert (device["deviceSn"], device["gone_since_timestamp_seconds"]) == ("b", NOW - 7200)


@pytest.mark.parametrize(("cause", "words"), [("unauthorized", "refuses the token"), ("unreachable", "cannot be reached")])
def test_a_suspended_account_is_said_on_top(cause: str, words: str) -> None:
    with serving(Devices(replace(UP, next_poll=None), suspended=cause)) as web:
        for path in ("/", "/devices", "/devices/pbd/UMD1"):
            assert words in web.text(path), path
        assert "5 min suspended" in web.text("/devices")


TOKYO = FittingZone(7200, "Asia/Tokyo", "UTC+09:00", 3)
DHAKA = FittingZone(-3600, "Asia/Dhaka", "UTC+06:00", 3)
FITS = FittingZone(0, "Asia/Bangkok", "UTC+07:00", 3)


@pytest.mark.parametrize(
    ("fit", "words"),
    [
        (
            ZoneFit("Asia/Bangkok", 4, (TOKYO,)),
            "api.timezone is Asia/Bangkok, but in it the times of 3 of the 4 devices whose times move are 2 h ahead of now. "
            "Asia/Tokyo (UTC+09:00) would fit: set it and reload.",
        ),
        (
            ZoneFit("Asia/Bangkok", 3, (DHAKA,)),
            "are 1 h behind now. Asia/Dhaka (UTC+06:00) would fit, unless the data come that late: set it",
        ),
        (
            ZoneFit("Asia/Bangkok", 7, (FITS, TOKYO, DHAKA)),
            "api.timezone is Asia/Bangkok, and the times of some devices do not fit it: Asia/Tokyo (UTC+09:00) would fit 3, "
            "Asia/Dhaka (UTC+06:00) would fit 3. One zone holds for all devices",
        ),
        (ZoneFit(), "api.timezone is not set, so atess_device_data_timestamp_seconds is missing"),
        (ZoneFit(), "Which zone fits is told here when the times of most devices have moved twice"),
        (
            ZoneFit(None, 4, (replace(TOKYO, name="Etc/GMT-9", shift=32400),)),
            "Etc/GMT-9 (UTC+09:00) fits the times of 3 of the 4 devices whose times move: set it",
        ),
        (
            ZoneFit(None, 6, (TOKYO, DHAKA)),
            "The times of the 6 devices whose times move fit different zones: Asia/Tokyo (UTC+09:00) fits 3, Asia/Dhaka",
        ),
    ],
)
def test_a_zone_that_does_not_fit_or_is_missing_is_said_on_top(fit: ZoneFit, words: str) -> None:
    devices = Devices(UP)
    devices.zone_fit = fit
    with serving(devices) as web:
        for path in ("/", "/devices"):
            assert words in web.text(path), path


@pytest.mark.parametrize("fit", [ZoneFit("Asia/Bangkok"), ZoneFit("Asia/Bangkok", 4, (FITS,))])
def test_of_a_zone_that_fits_nothing_is_said(fit: ZoneFit) -> None:
    devices = Devices(replace(UP, zone=fit.most))
    devices.zone_fit = fit
    with serving(devices) as web:
        for path in ("/", "/devices", "/devices/pbd/UMD1"):
            page = web.text(path)
            assert "timezone" not in page.replace("Asia/Bangkok", ""), path
            assert "would fit" not in page, path


def test_a_devices_page_and_document_have_the_zone_that_fits_it() -> None:
    devices = Devices(replace(UP, zone=DHAKA))
    devices.zone_fit = ZoneFit("Asia/Bangkok", 7, (FITS, DHAKA))
    with serving(devices) as web:
        page = web.text("/devices/pbd/UMD1")
        fleet, one = web.get("/devices.json").json(), web.get("/devices/pbd/UMD1.json").json()
    assert "Its own time is 1 h behind now in Asia/Bangkok, the api.timezone of the config" in page
    assert (
        "Asia/Dhaka (UTC+06:00) would fit, unless its data come that late, as it would 3 of the 7 devices whose times move."
        in page
    )
    assert one["fitting_timezone"] == "Asia/Dhaka"
    assert fleet["timezone"] == {
        "configured": "Asia/Bangkok",
        "fits": None,
        "offset_seconds": None,
        "devices": 7,
        "fitting": [
            {"timezone": "Asia/Bangkok", "utc_offset": "UTC+07:00", "devices": 3},
            {"timezone": "Asia/Dhaka", "utc_offset": "UTC+06:00", "devices": 3},
        ],
    }


def test_without_a_zone_in_the_config_a_devices_page_says_which_fits() -> None:
    devices = Devices(
        replace(UP, data_timestamp=None, zone=replace(TOKYO, name="Etc/GMT-9")), replace(UP, sn="U2", data_timestamp=None)
    )
    devices.zone_fit = ZoneFit(None, 1, (replace(TOKYO, name="Etc/GMT-9"),))
    with serving(devices) as web:
        assert "in an unknown zone: api.timezone is not set, Etc/GMT-9 (UTC+09:00) fits" in web.text("/devices/pbd/UMD1")
        assert "in an unknown zone: api.timezone is not set Last success" in web.text("/devices/pbd/U2")


def test_a_large_fleet_is_paged_by_links_that_keep_the_question() -> None:
    fleet = [status(f"S{number:05}", state=DeviceState.FAILING if number % 2 else DeviceState.UP) for number in range(10_000)]
    with serving(Devices(*fleet)) as web:
        url: str | None = "/devices?q=s0&state=failing&sort=-device"
        seen: list[str] = []
        while url:
            page = web.get(url).text
            seen += re.findall(r"<bdi>(S\d+)</bdi>", page)
            following = re.search(r'<a rel="next" href="([^"]+)"', page)
            url = following[1].replace("&amp;", "&") if following else None
        assert seen == [f"S{number:05}" for number in range(9999, 0, -2)]
        first = web.get("/devices").text
        assert first.count("<tr>") == PAGE_SIZE + 1
        assert "1\u2013100 of 10000" in text_of(first)
        assert "10000 all 5000 failing 0 gone 0 stale 0 waiting 5000 up" in text_of(first)


@pytest.mark.parametrize("query", ["state=upp", "sort=colour", "page=two"])
def test_a_question_that_makes_no_sense_is_a_clear_400(query: str) -> None:
    with serving(Devices(UP)) as web:
        name = query.partition("=")[0]
        assert f"{name}: expected" in web.text(f"/devices?{query}", 400)
        answer = web.get(f"/devices.json?{query}")
        assert answer.status_code == 400
        assert answer.json()["error"].startswith(f"{name}: expected")


def test_a_devices_page_has_its_fields_and_polls() -> None:
    error = "no whole answer within 15 s"
    fields = (
        FieldValue("vbat", "atess_vbat", 0.46000000834465027, VBAT),
        FieldValue("status", "atess_status", 1, load_catalogue()["pbd"].fields["status"]),
        FieldValue("epvTimeTotal", "atess_epv_time_total", 358.1, load_catalogue()["pbd"].fields["epvTimeTotal"]),
        FieldValue("noName", None, 10**300),
    )
    polls = (PollResult(NOW - 10, 15.0, "timeout"), PollResult(NOW - 310, 0.25, None))
    device = replace(UP, state=DeviceState.FAILING, reason="timeout", error=error, fields=fields, polls=polls)
    with serving(Devices(device)) as web:
        page = web.text("/devices/pbd/UMD1")
    assert "Battery vbat 0.46 V Battery voltage N atess_vbat D Lifetime" in page
    assert "Status status 1 check P Running state P atess_status D Others" in page
    assert "epvTimeTotal 358.1 h S PV time in total A atess_epv_time_total D" in page
    assert f"Others noName {10**300} not described none: dropped ?" in page
    for mark in ("D documented by the vendor", "P from the vendor's device protocol", "? not described by anybody"):
        assert mark in page
    assert "2026-09-21 14:13:10 UTC 15 s timeout" in page
    assert "2026-09-21 14:08:10 UTC 250 ms reading" in page
    assert "Last error no whole answer within 15 s" in page
    assert "The last poll failed. These are the values of the last success." in page
    assert "Asked at pbd/data-last, a path documented by the vendor" in page


@pytest.mark.parametrize(("cause", "words"), [("frozen", "no longer moves"), ("failing", "no usable reading came")])
def test_stale_values_are_said_to_be_stale(cause: str, words: str) -> None:
    with serving(Devices(replace(UP, stale_cause=cause))) as web:
        page = web.text("/devices/pbd/UMD1")
    assert "The values are stale" in page
    assert words in page


def test_an_unknown_device_is_a_clean_404() -> None:
    with serving(Devices(UP)) as web:
        for path in ("/devices/pbd/UMD2", "/devices/pcs/UMD1", "/devices/x/y/z", "/devices/pbd/%FF"):
            assert "There is no such device." in web.text(path, 404)
        for path in ("/devices/pbd", "/devices/pbd/", "/devices/", "/nothing", "//devices", "/%2Fdevices"):
            assert "There is no such page." in web.text(path, 404)
        for path in ("/devices/pbd/UMD2.json", "/nothing.json"):
            answer = web.get(path)
            assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/json")
            assert answer.json()["error"].startswith("There is no such")


def test_documents_have_every_fact_and_null_for_what_is_unknown() -> None:
    waiting = status("W", state=DeviceState.WAITING)
    with serving(Devices(UP, waiting, suspended="unreachable")) as web:
        document = web.get("/devices.json?sort=device").json()
    assert {name: document[name] for name in document if name != "devices"} == {
        "simulated": False,
        "timestamp_seconds": NOW,
        "suspended": "unreachable",
        "suspension_remedy": "Check api.base_url, the network and the firewall between this machine and the cloud.",
        "counts": {"failing": 0, "gone": 0, "stale": 0, "waiting": 1, "up": 1},
        "timezone": {"configured": "Asia/Bangkok", "fits": None, "offset_seconds": None, "devices": 0, "fitting": []},
    }
    assert document["devices"] == [
        {
            "type": "pbd",
            "deviceSn": "UMD1",
            "info": {"site": "Pai"},
            "state": "up",
            "reason": None,
            "error": None,
            "remedy": None,
            "withheld": None,
            "lost": None,
            "gone_since_timestamp_seconds": None,
            "data_time": "2026-09-21 21:13:00",
            "data_timestamp_seconds": NOW - 20,
            "data_age_seconds": 20.0,
            "fitting_timezone": None,
            "last_success_timestamp_seconds": NOW - 9,
            "last_poll": {"timestamp_seconds": NOW - 10, "duration_seconds": 0.25, "reason": None},
            "interval_seconds": 300.0,
            "next_poll_timestamp_seconds": NOW + 290,
            "running_state": None,
            "faults": None,
        },
        dict.fromkeys(document["devices"][0])
        | {"type": "pbd", "deviceSn": "W", "info": {}, "state": "waiting", "interval_seconds": 300.0},
    ]


def test_a_script_may_ask_for_some_devices() -> None:
    with serving(Devices(UP, status("b", state=DeviceState.FAILING))) as web:
        assert [device["deviceSn"] for device in web.get("/devices.json?state=failing").json()["devices"]] == ["b"]
        assert [device["deviceSn"] for device in web.get("/devices.json?q=pai").json()["devices"]] == ["UMD1"]


def test_a_devices_document_has_its_page() -> None:
    fields = (FieldValue("vbat", "atess_vbat", 0.5, VBAT),)
    with serving(Devices(replace(UP, fields=fields, polls=(PollResult(NOW - 10, 0.25, None),)))) as web:
        by_name = web.get("/devices/pbd/UMD1.json").json()
        by_header = web.get("/devices/pbd/UMD1", Accept="application/json").json()
        fleet = web.get("/devices.json").json()
    assert by_name == by_header
    assert by_name == fleet["devices"][0] | {
        "simulated": False,
        "timestamp_seconds": NOW,
        "suspended": None,
        "suspension_remedy": None,
        "title": "The PBD",
        "path": "pbd/data-last",
        "path_evidence": "documented by the vendor",
        "fields": [
            {
                "field": "vbat",
                "metric": "atess_vbat",
                "value": 0.5,
                "word": None,
                "word_evidence": None,
                "unit": "V",
                "meaning": "Battery voltage (judging by its name)",
                "evidence": "documented by the vendor",
                "group": "battery",
            }
        ],
        "operation_mode": None,
        "battery_state": None,
        "state_of_charge": None,
        "powers": {},
        "texts": [],
        "polls": [{"timestamp_seconds": NOW - 10, "duration_seconds": 0.25, "reason": None}],
        "settings": [],
    }


def test_half_a_surrogate_pair_breaks_no_page() -> None:
    name = "half \ud800"
    device = status(name, info={"firmwareVersion": "\udfff"}, fields=(FieldValue("ppv\ud800", None, 1),))
    with serving(Devices(device)) as web:
        page = web.get("/devices").text
        assert "half \\ud800" in page
        address = re.findall(r'href="(/devices/pbd/[^"]+)"', page)[0]
        assert "ppv\\ud800" in web.text(address)
        assert json.loads(web.get(f"{address}.json").content)["deviceSn"] == name


def test_a_device_is_found_by_its_whole_address_too() -> None:
    name = "half \ud800/a?b"
    with serving(Devices(status(name))) as web:
        address = re.findall(r'href="(/devices/pbd/[^"]+)"', web.get("/devices").text)[0]
        answer = requests.get(f"http://x{address}.json", proxies={"http": web.url}, timeout=10)
        assert json.loads(answer.content)["deviceSn"] == name


def test_large_answers_are_compressed_for_who_takes_that() -> None:
    with serving(Devices(*(status(str(number)) for number in range(200)))) as web:
        plain = web.get("/devices.json")
        packed = requests.get(f"{web.url}/devices.json", headers={"Accept-Encoding": "gzip"}, timeout=10)
        assert "Content-Encoding" not in plain.headers
        assert packed.headers["Content-Encoding"] == "gzip"
        assert packed.json() == plain.json()
        assert int(packed.headers["Content-Length"]) < len(plain.content) / 5


def test_however_many_look_at_pages_others_are_answered() -> None:
    release, most, now, lock = threading.Event(), [0], [0], threading.Lock()

    class Slow(Devices):
        def devices(self) -> list[DeviceStatus]:
            with lock:
                now[0] += 1
                most[0] = max(most[0], now[0])
            release.wait(30)
            with lock:
                now[0] -= 1
            return super().devices()

    with serving(Slow(UP)) as web:
        readers = [threading.Thread(target=web.get, args=("/devices",)) for _ in range(60)]
        for reader in readers:
            reader.start()
        try:
            eventually(lambda: now[0] >= 2)
            assert web.get("/metrics").content == b"x 1\n"
            assert web.get("/-/healthy").status_code == 200
        finally:
            release.set()
            for reader in readers:
                reader.join(30)
    assert most == [2]


def test_what_changes_all_the_time_is_not_kept() -> None:
    with serving(Devices(UP)) as web:
        for path in ("/", "/devices", "/devices/pbd/UMD1", "/devices.json", "/x"):
            assert web.get(path).headers["Cache-Control"] == "no-store"


def test_a_devices_page_has_the_fields_that_are_text() -> None:
    texts = (("alarmCode1", "12E4"), ("mode", "<script>alert(1)</script>"), ("a\\n", "\\x00"))
    device = replace(UP, data_time="48/0/0 0:0:0", data_timestamp=None, data_time_is_read=False, texts=texts)
    with serving(Devices(replace(device, fields=(FieldValue("vbat", "atess_vbat", 50),)))) as web:
        page = web.text("/devices/pbd/UMD1")
        html = web.get("/devices/pbd/UMD1").text
        document = web.get("/devices/pbd/UMD1.json").json()
    with serving(Devices(UP)) as web:
        without = web.text("/devices/pbd/UMD1")
    assert "Fields without a metric" in page
    assert "alarmCode1 12E4 mode <script>alert(1)</script> a\\n \\x00" in page
    assert "<script>alert" not in html
    assert "48/0/0 0:0:0, which is no time" in page
    assert document["texts"] == [
        {"field": "alarmCode1", "text": "12E4"},
        {"field": "mode", "text": "<script>alert(1)</script>"},
        {"field": "a\\n", "text": "\\x00"},
    ]
    assert "Fields without a metric" not in without


def test_what_stands_still_is_said_where_the_time_is_none() -> None:
    with serving(Devices(replace(UP, stale_cause="frozen", data_time="0", data_time_is_read=False))) as web:
        assert "the reading no longer changes, and its own time is no time" in web.text("/devices/pbd/UMD1")


def test_behind_a_proxy_routes_and_links_have_their_own_prefixes() -> None:
    devices = Devices(replace(UP, sn="a/b c"), *(status(str(number)) for number in range(PAGE_SIZE)))
    with serving(devices, route_prefix="/in/side", link_prefix="/out") as web:
        seen, unseen = set(), {"/out/", "/out/devices?page=2", "/out/devices?state=stale&q=x", "/out/nothing"}
        while unseen:
            seen |= unseen
            pages = [web.get(path.replace("/out", "/in/side", 1)) for path in unseen]
            assert {page.status_code for page in pages} <= {200, 404}
            found = {
                address.replace("&amp;", "&")
                for page in pages
                if page.headers["Content-Type"].startswith("text/html")
                for address in re.findall(r'(?:href|src|action)="([^"#][^"]*)"', page.text)
            }
            assert {address for address in found if not address.startswith("/out/")} == {SITE}
            unseen = found - {SITE} - seen
        assert {path for path in seen if web.get(path.replace("/out", "/in/side", 1)).status_code != 200} == {"/out/nothing"}
        assert seen >= {"/out/metrics", "/out/-/ready", "/out/devices.json", "/out/devices/pbd/a%2Fb%20c.json"}
        assert web.get("/in/side/devices/pbd/a%2Fb%20c.json").json()["deviceSn"] == "a/b c"
        for path in ("/", "/in/side"):
            answer = requests.get(web.url + path, allow_redirects=False, timeout=10)
            assert (answer.status_code, answer.headers["Location"]) == (302, "/out/")
        for path in ("/devices", "/metrics", "/-/healthy", "/out/devices", "/in/sidedevices", "/in/side//devices"):
            assert web.get(path).status_code == 404, path
        assert requests.post(f"{web.url}/in/side/-/reload", timeout=10).text == "reloaded\n"


def test_the_page_that_one_is_on_is_marked_under_a_prefix_too() -> None:
    with serving(Devices(), route_prefix="/in", link_prefix="/out") as web:
        assert 'href="/out/" aria-current="page"' in web.get("/in/").text
        assert 'href="/out/devices" aria-current="page"' in web.get("/in/devices").text


def test_a_device_s_settings_are_on_its_page_and_in_its_document() -> None:
    settings = (
        FieldValue(
            "valleyPeriodTime5",
            "atess_setting_valley_period_time5_seconds",
            30600,
            FieldInfo(kind="time_of_day", evidence=Evidence.DOCUMENTED, meaning="Time of day", basis="D"),
            "08:30",
        ),
        FieldValue("<b>", None, 0.5),
    )
    with serving(Devices(replace(UP, settings=settings), status("none"))) as web:
        page = web.text("/devices/pbd/UMD1")
        document = web.get("/devices/pbd/UMD1.json").json()
        assert "None read" in web.text("/devices/pbd/none")
    assert "valleyPeriodTime5 30600 08:30 s Time of day D atess_setting_valley_period_time5_seconds D" in page
    assert "<b> 0.5 not described none: dropped ?" in page
    assert [entry["word"] for entry in document["settings"]] == ["08:30", None]
    assert document["settings"][1].keys() >= {"field", "metric", "value", "word", "unit", "meaning", "evidence"}


def test_a_refused_web_config_is_said_on_the_landing_page() -> None:
    in_force = [True]
    with serving(Devices(), web_config_in_force=lambda: in_force[0]) as web:
        assert "web config" not in web.text("/")
        in_force[0] = False
        assert "The web config was refused when its files changed" in web.text("/")


def faulty() -> DeviceStatus:
    """A device in state fault with a fault and a bit that nobody has described, and with values that cannot be."""
    known = load_catalogue()["hps_central"].fields
    values = {
        "status": 3,
        "runModel": 99,
        "bmsStatus": 5,
        "capacity": 48130,
        "ppv1": 41.2000007629,
        "rac": 7,
        "temp1": 6523.6,
        "sysFaultWord1": -1,
    }
    fields = [FieldValue(name, f"atess_{name}", value, known[name]) for name, value in values.items()]
    faults = [
        ActiveFault(
            Fault("2.3", "bms_communication", "fault", "BMS communication: nothing is heard", "sysFaultWord2"), NOW - 600
        ),
        ActiveFault(Fault("9.1", "unknown", "unknown", "Unknown: bit 1", "sysFaultWord9"), NOW - 7200),
    ]
    return replace(
        status("TND1", "hps_central"), fields=fields, faults=faults, running_state=fields[0], powers=("ppv1", "pac", "rac")
    )


def test_a_devices_page_begins_with_what_it_is_doing_and_what_is_wrong() -> None:
    with serving(Devices(faulty())) as web:
        page = web.text("/devices/hps_central/TND1")
        document = web.get("/devices/hps_central/TND1.json").json()
    assert (
        "State fault S Mode 99 no word known Battery discharging P State of charge 48130 % "
        "Total PV power (models HPS100HV, HPS150HV; may differ on others) 41.2 unit not settled rac 7 unit not settled Faults now"
    ) in page
    assert "fault BMS communication: nothing is heard bms_communication, bit 2.3, since 10 min ago or before" in page
    assert "unknown Unknown: bit 1 unknown, bit 9.1, since 2 h ago or before Polling" in page
    assert page.index("Faults now") < page.index("Polling") < page.index("Latest reading")
    assert document["running_state"] == {"value": 3, "word": "fault"}
    assert document["operation_mode"] == {"value": 99, "word": None}
    assert document["battery_state"] == {"value": 5, "word": "discharging"}
    assert document["state_of_charge"] == {"value": 48130, "word": None}
    assert document["powers"] == {"ppv1": 41.2000007629, "rac": 7}
    assert document["faults"] == [
        {
            "fault": "bms_communication",
            "severity": "fault",
            "code": "2.3",
            "text": "BMS communication: nothing is heard",
            "since_timestamp_seconds": NOW - 600,
        },
        {
            "fault": "unknown",
            "severity": "unknown",
            "code": "9.1",
            "text": "Unknown: bit 1",
            "since_timestamp_seconds": NOW - 7200,
        },
    ]


def test_a_device_without_faults_says_so_and_one_without_fault_words_does_not() -> None:
    well = replace(faulty(), faults=())
    with serving(Devices(well, UP)) as web:
        assert "No fault is active." in web.text("/devices/hps_central/TND1")
        assert "ault is active" not in web.text("/devices/pbd/UMD1")
        assert "TND1 hps_central up fault none" in web.text("/devices")


def test_the_table_shows_states_and_faults_and_is_filtered_by_fault() -> None:
    with serving(Devices(UP, faulty())) as web:
        page = web.text("/devices")
        assert "TND1 hps_central up fault bms_communication unknown" in page
        assert "1 with faults" in page
        for fault, found in (("any", True), ("bms_communication", True), ("bms", False)):
            devices = web.get(f"/devices.json?fault={fault}").json()["devices"]
            assert [device["deviceSn"] for device in devices] == (["TND1"] if found else [])
        assert "1\u20131 of 1" in web.text("/devices?fault=bms_communication")
        assert "No device matches this filter." in web.text("/devices?fault=%3Cb%3E")
        assert [device["deviceSn"] for device in web.get("/devices.json?q=BMS").json()["devices"]] == ["TND1"]


def test_a_failing_device_has_its_error_in_the_table_and_what_to_do_everywhere() -> None:
    error, remedy = "code 400: <b>no such device</b>", "Check the serial number & the type."
    failing = status(
        "b", state=DeviceState.FAILING, reason="not_found", error=error, remedy=remedy, failures=3, next_poll=NOW + 900
    )
    with serving(Devices(UP, failing)) as web:
        table, page = web.text("/devices"), web.text("/devices/pbd/b")
        raw = web.get("/devices").text
        document = web.get("/devices.json").json()["devices"][0]
    assert table.index(f"failing not_found {error}") < table.index("UMD1")
    assert "Check the serial number &amp; the type." in raw
    assert f"Last error {error}" in page
    assert f"What to do {remedy}" in page
    assert "in 15 min, every 5 min: backoff after 3 failures in a row" in page
    assert (document["deviceSn"], document["error"], document["remedy"]) == ("b", error, remedy)


@pytest.mark.parametrize("cause", ["unauthorized", "unreachable"])
def test_a_suspension_says_what_to_do(cause: str) -> None:
    with serving(Devices(UP, suspended=cause)) as web:
        for path in ("/devices", "/devices/pbd/UMD1"):
            assert remedy_for_suspension(cause) in web.text(path)


def searched() -> DeviceStatus:
    known = load_catalogue()["pbd"].fields
    fields = (
        FieldValue("vbat", "atess_vbat", 0.46000000834465027, known["vbat"]),
        FieldValue("epvTotal", "atess_epv_total", 358.249999, known["epvTotal"]),
        FieldValue("status", "atess_status", 6, known["status"]),
        FieldValue("<i>", None, 7),
    )
    setting = FieldInfo(kind="time_of_day", evidence=Evidence.DOCUMENTED, meaning="Time of day", basis="D")
    settings = (FieldValue("valleyPeriodTime5", "atess_setting_valley_period_time5_seconds", 30600, setting, "08:30"),)
    return replace(
        UP, fields=fields, texts=(("alarmCode1", "12E4"), ("model", "HPS")), settings=settings, running_state=fields[2]
    )


def shown_rows(html: str) -> list[str]:
    return re.findall(r'<th scope="row">(?:<a [^>]*>)?<bdi>([^<]*)</bdi>', html)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("", ["vbat", "epvTotal", "status", "&lt;i&gt;", "alarmCode1", "model", "valleyPeriodTime5"]),
        ("+", ["vbat", "epvTotal", "status", "&lt;i&gt;", "alarmCode1", "model", "valleyPeriodTime5"]),
        ("VBAT", ["vbat"]),
        ("atess_epv", ["epvTotal"]),
        ("Energy+PV", ["epvTotal"]),
        ("battery+energy", []),
        ("358.25", ["epvTotal"]),
        ("358.249999", ["epvTotal"]),
        ("0.46", ["vbat"]),
        ("0.460000008", ["vbat"]),
        ("only", ["status"]),
        ("kWh", ["epvTotal"]),
        ("%3Ci%3E", ["&lt;i&gt;"]),
        ("12e4", ["alarmCode1"]),
        ("08:30", ["valleyPeriodTime5"]),
        ("time+of", ["valleyPeriodTime5"]),
    ],
)
def test_a_search_finds_fields_by_name_metric_meaning_and_value(text: str, rows: list[str]) -> None:
    with serving(Devices(searched())) as web:
        html = web.get(f"/devices/pbd/UMD1?q={text}").text
    assert shown_rows(html) == rows


def test_a_search_leaves_out_groups_without_a_match_and_counts_the_others() -> None:
    with serving(Devices(searched())) as web:
        page, whole = web.text("/devices/pbd/UMD1?q=vbat"), web.text("/devices/pbd/UMD1")
    assert "1 of 6 fields match vbat. Fields of the latest reading Field Value Unit Meaning Metric Known Battery vbat" in page
    assert "Lifetime" in whole
    for gone in ("Lifetime", "epvTotal", "Fields without a metric"):
        assert gone not in page
    assert "No setting matches vbat." in page
    assert "match" not in whole
    # what it is doing is not searched
    assert "State PV only P" in page


def test_a_search_without_a_match_says_so_and_leads_back() -> None:
    with serving(Devices(searched(), replace(UP, sn="a/b"))) as web:
        html = web.get("/devices/pbd/UMD1?q=%3Cb%3E+no").text
        none_yet = web.text("/devices/pbd/a%2Fb?q=x")
    assert "Search Show all No field matches <b> no. Settings" in text_of(html)
    assert "<b> no" not in html
    assert html.count('<a href="/devices/pbd/UMD1#reading-title">Show all</a>') == 1
    assert 'name="q" value="&lt;b&gt; no"' in html
    assert "No reading yet." in none_yet
    assert "No field matches" not in none_yet


def test_a_search_changes_nothing_in_the_document() -> None:
    with serving(Devices(searched())) as web:
        assert web.get("/devices/pbd/UMD1.json?q=vbat").content == web.get("/devices/pbd/UMD1.json").content
