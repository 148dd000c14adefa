"""Settings against the simulated cloud, one step at a time on a fake clock."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog

from exporter.api.circuit_breaker import CircuitBreaker
from exporter.api.client import Client
from exporter.api.errors import REASONS, Unauthorized
from exporter.api.rate_limiter import RateLimiter
from exporter.api.session import Session as Asked
from exporter.catalogue.types import SETTING_PREFIX, Device, load_catalogue
from exporter.clock import Clock
from exporter.config.token import Token
from exporter.metrics.dropped_fields import DroppedFields
from exporter.metrics.names import metric_name
from exporter.metrics.self_metrics import SelfMetrics
from exporter.metrics.series import Row, Series
from exporter.polling.device_settings import SettingsPlan, SettingsReader
from exporter.simulator import ServedCloud, SimClock, SimDevice
from tests.helpers.fakes import FakeClock, TellingLock, device, samples
from tests.helpers.faulty_cloud import FaultyCloud, serve


class Bench:
    def __init__(self, cloud: FaultyCloud, served: ServedCloud, clock: FakeClock) -> None:
        token = Token(value="made-up")
        client = Client(served.url, token, language="en", timeout=2, concurrency=1)
        self.cloud, self.clock = cloud, clock
        self.series = Series(metric_name, lambda name: name)
        self.metrics = SelfMetrics("0", REASONS, [])
        self.account = CircuitBreaker(clock)
        self.session = Asked(client, token, RateLimiter(1e8, Clock()), self.account, self.metrics)
        self.reader = SettingsReader(self.session, self.series, clock, DroppedFields(self.metrics))

    def configure(self, *devices: Device, interval: float = 600) -> None:
        self.reader.configure(SettingsPlan(devices, load_catalogue(), interval))

    def run(self, seconds: float) -> None:
        end = self.clock.now() + seconds
        while self.clock.now() < end:
            self.reader.step()
            self.reader.mark_stale()
            self.clock.advance(5)

    def shown(self) -> dict[str, float]:
        return samples(self.series.snapshot())

    def asked(self) -> list[str]:
        return [request.path.removeprefix("/api/v1/") for request in self.cloud.requests]


BCU, HPS, PCS = device("B", "bcu"), device("H", "hps_central"), [device(f"P{n}", "pcs") for n in range(5)]


@pytest.fixture
def bench(clock: FakeClock) -> Iterator[Bench]:
    sims = [SimDevice(entry.type, entry.sn) for entry in (BCU, HPS, *PCS)]
    cloud = FaultyCloud(sims, SimClock(datetime(2026, 6, 1, 11, tzinfo=UTC), timezone=UTC))
    with serve(cloud) as served:
        yield Bench(cloud, served, clock)


def test_all_documented_bcu_settings_are_shown_with_their_values(bench: Bench) -> None:
    bench.configure(BCU)
    bench.run(10)
    wanted = bench.cloud.settings("bcu", "B")
    known = load_catalogue()["bcu"].settings
    assert len(known) == 35
    shown = bench.shown()
    for name in known:
        assert shown[f'{metric_name(SETTING_PREFIX + name)}{{deviceSn="B",type="bcu"}}'] == wanted[name]


def test_times_of_day_are_seconds_after_midnight(bench: Bench) -> None:
    bench.configure(HPS)
    bench.run(10)
    text = bench.cloud.settings("hps_central", "H")["valleyPeriodTime5"]
    assert isinstance(text, str)
    hours, minutes = text.split(":")
    shown = bench.shown()['atess_setting_valley_period_time5_seconds{deviceSn="H",type="hps_central"}']
    assert shown == int(hours) * 3600 + int(minutes) * 60


def test_each_device_is_asked_once_an_interval_one_after_the_other(bench: Bench) -> None:
    bench.configure(BCU, HPS)
    bench.run(5)
    assert bench.asked() == ["bms/bcu-setting"]
    bench.run(10)
    assert bench.asked() == ["bms/bcu-setting", "hps/big-setting"]
    bench.run(580)
    assert len(bench.asked()) == 2
    bench.run(20)
    assert len(bench.asked()) == 4


def test_a_failure_keeps_what_was_shown_for_three_intervals(bench: Bench) -> None:
    bench.configure(BCU)
    bench.run(10)
    bench.cloud.faults.set("bcu", "B", "http_500")
    bench.run(1780)
    assert bench.shown()
    bench.run(40)
    assert not bench.shown()
    bench.cloud.faults.clear_all()
    bench.run(600)
    assert bench.shown()


def test_an_inferred_path_that_is_not_found_is_switched_off_with_one_warning(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    for entry in PCS:
        bench.cloud.faults.set("pcs", entry.sn, "code_400")
    capsys.readouterr()
    bench.configure(*PCS)
    bench.run(1800)
    assert len(bench.asked()) == 3
    told = capsys.readouterr().out
    assert told.count("switching it off") == 1
    assert "types.pcs.settings_path" in told


def test_one_device_without_settings_does_not_switch_its_type_off(bench: Bench) -> None:
    bench.cloud.faults.set("pcs", "P0", "code_400")
    bench.configure(*PCS)
    bench.run(1200 + 60)
    assert bench.asked().count("pcs/setting") >= 10


def test_a_new_plan_with_the_same_path_does_not_try_it_again(bench: Bench) -> None:
    for entry in PCS:
        bench.cloud.faults.set("pcs", entry.sn, "code_400")
    bench.configure(*PCS)
    bench.run(60)
    assert len(bench.asked()) == 3
    bench.configure(*PCS, device("P9", "pcs"))
    bench.run(1200)
    assert len(bench.asked()) == 3


def test_a_shorter_interval_holds_at_once(bench: Bench) -> None:
    bench.configure(BCU, interval=21600)
    bench.run(10)
    bench.configure(BCU, interval=60)
    bench.run(65)
    assert len(bench.asked()) == 2


def test_another_device_s_settings_are_not_shown(bench: Bench) -> None:
    bench.cloud.faults.set("bcu", "B", "wrong_device")
    bench.configure(BCU)
    bench.run(10)
    assert not bench.shown()


def test_settings_left_out_are_counted(bench: Bench) -> None:
    bench.cloud.faults.set("bcu", "B", "odd_names")
    bench.configure(BCU)
    bench.run(10)
    assert samples(bench.metrics.render(openmetrics=False))['atess_exporter_fields_left_out_total{cause="name",type="bcu"}'] >= 5


def test_what_the_plan_no_longer_covers_vanishes(bench: Bench) -> None:
    bench.configure(BCU, HPS)
    bench.run(20)
    bench.configure(HPS)
    assert all('deviceSn="H"' in name for name in bench.shown())
    bench.reader.configure(None)
    assert not bench.shown()
    assert bench.reader.step() is None


def test_an_internal_error_is_told_once_and_the_device_is_asked_again_at_its_interval(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: Any) -> Any:
        raise RuntimeError("not foreseen")

    monkeypatch.setattr(bench.series, "update", broken)
    bench.configure(BCU, HPS)
    with structlog.testing.capture_logs() as logs:
        # as the loop does: it steps again as soon as a step says
        waits = [bench.reader.step()]
        end = bench.clock.now() + 1150
        while bench.clock.now() < end:
            assert waits[-1] is not None
            bench.clock.advance(waits[-1])
            waits.append(bench.reader.step())
            assert len(waits) < 50
    # each at once, and after each interval
    assert len(bench.asked()) == 5
    assert [line["log_level"] for line in logs if "internal error" in line["event"]].count("error") == 1
    monkeypatch.undo()
    bench.run(700)
    assert {name.split('"')[1] for name in bench.shown()} == {"B", "H"}


def test_a_step_that_fails_before_it_asks_does_not_make_the_loop_spin(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    now = bench.clock.now

    def broken_once() -> float:
        monkeypatch.setattr(bench.clock, "now", now)
        raise RuntimeError("not foreseen")

    bench.configure(BCU)
    monkeypatch.setattr(bench.clock, "now", broken_once)
    assert (bench.reader.run_step() or 0) >= 1


def test_a_device_that_was_not_asked_because_the_account_is_suspended_stays_due(bench: Bench) -> None:
    bench.configure(BCU)
    bench.account.record(("bcu", "B"), Unauthorized("no"))
    assert bench.reader.step() == 60
    bench.account.record(("bcu", "B"), None)
    bench.reader.step()
    assert bench.asked() == ["bms/bcu-setting"]


def test_settings_that_are_read_again_during_a_scrape_are_not_judged_by_their_old_age(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.configure(BCU)
    bench.run(10)
    bench.clock.advance(1800)
    settled = threading.Event()
    monkeypatch.setattr(bench.reader, "_lock", TellingLock(settled))

    def read_again() -> None:
        bench.reader.step()
        settled.set()

    reader = threading.Thread(target=read_again)
    clear = bench.series.clear

    def clear_late(row: Row) -> None:
        # the scrape has found them to be too old; now they are read again, or wait until it is done
        reader.start()
        assert settled.wait(30)
        clear(row)

    monkeypatch.setattr(bench.series, "clear", clear_late)
    bench.reader.mark_stale()
    reader.join(30)
    assert bench.shown()


def test_a_plan_that_spells_a_device_otherwise_shows_its_settings_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.configure(BCU, interval=60)
    bench.run(10)
    before = bench.shown()
    respelled = {name.replace('"B"', '"b"'): value for name, value in before.items()}
    bench.configure(device("b", "bcu"), interval=60)
    assert bench.shown() == respelled
    assert bench.series.snapshot().length == len(bytes(bench.series.snapshot()))
    # another reload while the first answer is under way
    bench.cloud.add(SimDevice("bcu", "b"))
    bench.reader.configure(None)
    get = bench.session.get

    def respelled_meanwhile(*args: Any, **kwargs: Any) -> Any:
        bench.configure(BCU, interval=60)
        return get(*args, **kwargs)

    monkeypatch.setattr(bench.session, "get", respelled_meanwhile)
    bench.configure(device("b", "bcu"), interval=60)
    bench.reader.step()
    assert bench.shown().keys() == before.keys()


def test_a_shorter_interval_holds_at_once_for_a_device_that_is_being_read(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.configure(BCU, interval=21600)
    get = bench.session.get

    def shortened_meanwhile(*args: Any, **kwargs: Any) -> Any:
        bench.configure(BCU, interval=60)
        return get(*args, **kwargs)

    monkeypatch.setattr(bench.session, "get", shortened_meanwhile)
    bench.reader.step()
    bench.run(65)
    assert len(bench.asked()) == 2
