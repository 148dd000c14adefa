"""What becomes of readings that say odd things, over real HTTP, while a fake clock goes on from poll to poll."""

import json
import socketserver
import threading
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import requests
from structlog.testing import capture_logs

from exporter.api.circuit_breaker import CircuitBreaker
from exporter.api.client import Client
from exporter.api.errors import REASONS
from exporter.api.rate_limiter import RateLimiter
from exporter.api.session import Session
from exporter.clock import Clock
from exporter.config.token import Token
from exporter.logs import LogOnce
from exporter.metrics.dropped_fields import DroppedFields
from exporter.metrics.names import metric_name
from exporter.metrics.self_metrics import SelfMetrics
from exporter.metrics.series import Series
from exporter.metrics.unknown_fields import UnknownFields
from exporter.polling.scheduler import Scheduler
from exporter.polling.target import ReadingJob, Shared, Target
from exporter.polling.zone_watch import ZoneWatch
from tests.helpers.fakes import FakeClock, device, samples
from tests.helpers.processes import Exporter, eventually, exporter, simulated_cloud, write_config

SECRET = "Basic made-up-secret"
LABELS = '{deviceSn="UMD0D23202",type="pbd"'
STALE_AFTER = 900


class _Handler(socketserver.StreamRequestHandler):
    server: "_Cloud"

    def handle(self) -> None:
        while self.rfile.readline():
            while self.rfile.readline().strip():
                pass
            body = self.server.body
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


class _Cloud(socketserver.ThreadingTCPServer):
    daemon_threads = True
    body = b""


class Bench:
    """One device that is polled every 5 minutes; what it answers is up to the test."""

    def __init__(self, cloud: _Cloud, clock: FakeClock) -> None:
        self.clock = clock
        self._cloud = cloud
        token = Token(value=SECRET)
        address = f"http://127.0.0.1:{cloud.server_address[1]}"
        self.client = Client(address, token, language="en", timeout=60, concurrency=1)
        self.series = Series(metric_name, lambda name: name)
        self.metrics = SelfMetrics("0", REASONS, [])
        self.metrics.count_devices({"pbd": 1})
        asked = Session(self.client, token, RateLimiter(1e8, Clock()), CircuitBreaker(clock), self.metrics)
        self.target = Target(device(), self.series, clock)
        parts = DroppedFields(self.metrics), UnknownFields(self.metrics), LogOnce(), ZoneWatch(self.metrics, clock)
        self._job = ReadingJob(self.target, Shared(asked, *parts))
        self._scheduler = Scheduler(asked, clock, 1, lambda: None)
        self.target.configure(device(), 1.0, STALE_AFTER, ZoneInfo("Europe/Berlin"))

    def poll(self, answer: Mapping[str, Any]) -> None:
        """Five minutes later the device is polled."""
        self._cloud.body = json.dumps({"code": 0, "msg": "success", "data": answer}).encode()
        self.clock.advance(300)
        self.target.mark_stale()
        self._scheduler.work(self._job)

    def frozen(self) -> bool:
        return self.shown()[f'atess_device_stale{LABELS},cause="frozen"}}'] == 1

    def shown(self) -> dict[str, float]:
        return samples(self.series.snapshot())

    def fields(self) -> dict[str, float]:
        found = {name.removesuffix(LABELS + "}"): value for name, value in self.shown().items()}
        return {name: value for name, value in found.items() if not name.startswith("atess_device_")}

    def data_timestamp(self) -> float | None:
        return self.shown().get(f"atess_device_data_timestamp_seconds{LABELS}}}")

    def unreadable(self) -> float:
        return samples(self.metrics.render(openmetrics=False))['atess_exporter_times_unreadable_total{type="pbd"}']


@pytest.fixture
def bench(clock: FakeClock) -> Iterator[Bench]:
    with _Cloud(("127.0.0.1", 0), _Handler) as cloud:
        threading.Thread(target=cloud.serve_forever, args=(0.01,), daemon=True).start()
        found = Bench(cloud, clock)
        yield found
        found.client.close()
        cloud.shutdown()


#: Times that say nothing of when a reading was taken, of every kind that JSON has.
NO_MOMENTS = [
    *("0000-00-00 00:00:00", "48/0/0 0:0:0", "0", "2033-00-00 39:77:77", "1970-01-01 08:00:00", "2000-01-01 00:00:00", "t1"),
    *("11/28/2026 08:00:00 PM", "1764360000", "20261128200000", 0, 17, 1764360000, 1764360000000, 0.5, True, False),
    *([], {}, [2026, 11, 28, 20, 0, 0], {"date": "2026-11-28", "time": "20:00:00"}),
]
NO_CLAIMS = [None, "", " ", "soon", "none", "--"]
MOMENTS = ["2026-11-28 20:00:00", "2026-11-28T20:00:00Z", "2026/11/28 20:00", "2026-11-28 24:00:00", "20261128T200000"]


@pytest.mark.parametrize("time", [*NO_MOMENTS, *NO_CLAIMS])
def test_a_live_device_is_shown_whatever_its_time_is(bench: Bench, time: Any) -> None:
    for number in range(8):
        bench.poll({"deviceSn": "UMD0D23202", "time": time, "ppv": number})
        assert not bench.frozen()
        assert bench.fields() == {"atess_ppv": number}


@pytest.mark.parametrize("time", NO_MOMENTS)
def test_an_offline_device_is_withheld_whatever_its_time_is(bench: Bench, time: Any) -> None:
    answer = {"deviceSn": "UMD0D23202", "time": time, "ppv": 5, "mode": "idle", "cells": [1, {"a": 2, "b": 3}]}
    turned = {**dict(reversed(list(answer.items()))), "cells": [1, {"b": 3, "a": 2}]}
    for number in range(3):
        bench.poll(turned if number % 2 else answer)
        assert bench.fields() == {"atess_ppv": 5}
    bench.poll(answer)
    assert bench.frozen()
    assert bench.fields() == {}
    assert bench.target.detail(None).texts == ()
    # anything that moves is a sign of life
    bench.poll(answer | {"mode": "busy"})
    assert not bench.frozen()
    assert bench.fields() == {"atess_ppv": 5}


@pytest.mark.parametrize("time", MOMENTS)
def test_a_device_whose_clock_stands_still_is_withheld_though_its_values_move(bench: Bench, time: str) -> None:
    for number in range(4):
        assert not bench.frozen()
        bench.poll({"time": time, "ppv": number})
    assert bench.frozen()
    bench.poll({"time": "2026-11-28 20:05:01", "ppv": 4})
    assert not bench.frozen()


@pytest.mark.parametrize("times", [[1764360000 + 300 * n for n in range(8)], [f"2000-01-01 00:{n:02}:00" for n in range(8)]])
def test_a_time_that_is_no_calendar_time_but_moves_is_a_sign_of_life(bench: Bench, times: list[Any]) -> None:
    for time in times:
        bench.poll({"time": time, "ppv": 5})
        assert not bench.frozen()


@pytest.mark.parametrize("time", NO_CLAIMS)
def test_where_nothing_is_claimed_a_switch_that_never_moves_stays(bench: Bench, time: Any) -> None:
    for _ in range(8):
        bench.poll({"time": time, "switch": 1})
        assert bench.fields() == {"atess_switch": 1}


def test_a_time_that_cannot_be_read_is_said_once_and_counted(bench: Bench) -> None:
    with capture_logs() as logs:
        for number in range(3):
            bench.poll({"time": "2033-00-00 39:77:77", "ppv": number})
            assert bench.data_timestamp() is None
        bench.poll({"time": "2026-11-28 20:00:00", "ppv": 0})
        bench.poll({"time": None, "ppv": 0})
        bench.poll({"time": "soon", "ppv": 0})
    said = [line for line in logs if line["log_level"] == "warning"]
    assert [(line["event"], line["device_sn"], line["time"]) for line in said] == [
        ("cannot read the device's own time", "UMD0D23202", "2033-00-00 39:77:77")
    ]
    assert bench.unreadable() == 4


def test_a_time_with_an_offset_counts_by_it_and_one_without_by_the_zone(bench: Bench) -> None:
    bench.poll({"time": "2026-11-28T20:00:00", "ppv": 1})
    assert bench.data_timestamp() == 1795892400
    bench.poll({"time": "2026-11-28T20:00:00Z", "ppv": 1})
    assert bench.data_timestamp() == 1795896000
    assert bench.unreadable() == 0


def test_at_the_end_of_summer_time_the_data_timestamp_goes_on(bench: Bench) -> None:
    # 01:50 by Berlin's summer time, forty minutes before 02:30
    bench.clock.wall_offset = 1792885800 - bench.clock.now()
    berlin = ZoneInfo("Europe/Berlin")
    for _ in range(30):
        local = datetime.fromtimestamp(bench.clock.wall() + 300 - 17, berlin)
        bench.poll({"time": local.strftime("%Y-%m-%d %H:%M:%S"), "ppv": 1})
        assert bench.data_timestamp() == bench.clock.wall() - 17


def test_codes_as_hexadecimal_text_have_no_series_and_are_shown_as_they_are(bench: Bench) -> None:
    codes = {"alarmCode1": "1685E6", "alarmCode2": "12E4", "sysFaultWord1": "00E4", "sysFaultWord2": "1A2B"}
    bench.poll({"time": "2026-11-28 20:00:00", **codes, "sysFaultWord3": "0", "status": "-1", "ibat": 1, "ppv": "1e3"})
    assert bench.fields() == {"atess_sys_fault_word3": 0, "atess_status": -1, "atess_ibat": 1, "atess_ppv": 1000}
    assert dict(bench.target.detail(None).texts) == codes


def test_a_token_that_the_cloud_repeats_is_shown_nowhere(bench: Bench) -> None:
    # the client sends it, the answer has it
    bench.poll({"time": [SECRET, 1], "echo": f"x Authorization: {SECRET}", "made-up-secret": "w", "ppv": 1})
    detail = bench.target.detail(None)
    assert "made-up" not in repr(detail)
    assert detail.data_time == "a list"
    assert len(detail.texts) == 2


def test_texts_stay_while_a_device_fails_and_go_with_its_values(bench: Bench) -> None:
    bench.poll({"time": "2026-11-28 20:00:00", "ppv": 1, "mode": "idle"})
    bench.poll({"time": "2026-11-28 20:05:00"})
    assert bench.target.detail(None).texts == (("mode", "idle"),)
    bench.clock.advance(STALE_AFTER)
    bench.target.mark_stale()
    assert bench.target.detail(None).texts == ()
    bench.poll({"time": "2026-11-28 20:10:00", "ppv": 1})
    assert bench.target.detail(None).texts == ()


def test_the_whole_exporter_goes_by_what_the_config_says_of_fields(tmp_path: Path) -> None:
    with simulated_cloud("--devices", "pbd:UMD0D23202") as cloud:
        cloud.fault("hex_codes", "pbd", "UMD0D23202")
        config: dict[str, Any] = {
            "api": {"base_url": cloud.url, "requests_per_minute": 6000, "timezone": "Asia/Bangkok"},
            "poll": {"interval": "1s"},
            "devices": {"pbd": ["UMD0D23202"]},
        }
        with exporter(tmp_path, config) as it:
            document = eventually(lambda: texts_of(it))
            assert document["alarmCode9"] in ("12E4", "00E4", "1685E6", "1A2B")
            assert 'atess_status{deviceSn="UMD0D23202"' not in it.page().decode()
            types = {"pbd": {"fields": {name: {"kind": "instant"} for name in document}}}
            write_config(it.config, config | {"types": types})
            assert requests.post(f"{it.url}/-/reload", timeout=10).status_code == 200
            # 1A2B is no number in any field
            assert eventually(lambda: (found := texts_of(it)).values() and set(found.values()) == {"1A2B"})


def texts_of(it: Exporter) -> dict[str, str]:
    document = it.get("/devices/pbd/UMD0D23202.json").json()
    return {one["field"]: one["text"] for one in document["texts"]}
