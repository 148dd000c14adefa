"""Settings against the simulated cloud, one tick at a time on a fake clock."""

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
from exporter.catalogue.types import SETTING_PREFIX, Device, Evidence, load_catalogue
from exporter.clock import Clock
from exporter.config.schema import SettingsSection
from exporter.config.token import Token
from exporter.metrics.dropped_fields import DroppedFields
from exporter.metrics.names import metric_name
from exporter.metrics.self_metrics import SelfMetrics
from exporter.metrics.series import Row, Series
from exporter.polling.device_settings import Settings
from exporter.polling.scheduler import Scheduler
from exporter.simulator import ServedCloud, SimClock, SimDevice
from tests.helpers.fakes import FakeClock, InlineWorkers, TellingLock, config, device, samples
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
        self.settings = Settings(self.series, clock, DroppedFields(self.metrics))
        self.scheduler = Scheduler(self.session, clock, 1, self.settings.mark_stale)
        self.workers = self.scheduler.workers = InlineWorkers(self.scheduler.work)

    def configure(self, *devices: Device, interval: float = 600, **changes: Any) -> None:
        section = SettingsSection.model_validate({"interval": f"{interval}s"})
        self.jobs = self.settings.apply(config(settings=section, **changes), devices)
        self.scheduler.apply(self.jobs, 6000)

    def run(self, seconds: float) -> None:
        end = self.clock.now() + seconds
        while self.clock.now() < end:
            self.step()
            self.clock.advance(5)

    def step(self) -> None:
        self.scheduler.tick()
        self.workers.drain()

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


def test_a_path_that_the_config_sets_is_asked_at_once(bench: Bench) -> None:
    for entry in PCS:
        bench.cloud.faults.set("pcs", entry.sn, "code_400")
    bench.configure(*PCS)
    bench.run(60)
    assert len(bench.asked()) == 3
    bench.cloud.faults.clear_all()
    pcs = load_catalogue()["pcs"]
    assert pcs.paths.settings is not None
    right = pcs.paths.settings.model_copy(update={"evidence": Evidence.CONFIGURED})
    fixed = pcs.model_copy(update={"paths": pcs.paths.model_copy(update={"settings": right})})
    bench.configure(*PCS, types=dict(load_catalogue()) | {"pcs": fixed})
    bench.run(60)
    assert len(bench.asked()) == 3 + 5
    assert {name.split('"')[1] for name in bench.shown()} == {entry.sn for entry in PCS}


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
    bench.configure()
    assert not bench.shown()
    asked = len(bench.asked())
    bench.run(1200)
    assert len(bench.asked()) == asked


def test_an_internal_error_is_told_once_and_the_device_is_asked_again_at_its_interval(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: Any) -> Any:
        raise RuntimeError("not foreseen")

    monkeypatch.setattr(bench.series, "update", broken)
    bench.configure(BCU, HPS)
    with structlog.testing.capture_logs() as logs:
        bench.run(1205)
    # each at once, and after each interval
    assert len(bench.asked()) == 5
    told = [line for line in logs if "internal error: RuntimeError: not foreseen" in line.get("error", "")]
    assert [(line["device_sn"], line["log_level"]) for line in told] == [
        ("B", "warning"),
        ("H", "warning"),
        ("B", "debug"),
        ("H", "debug"),
        ("B", "debug"),
    ]
    assert {line["event"] for line in told} == {"cannot read the settings"}
    monkeypatch.undo()
    bench.run(700)
    assert {name.split('"')[1] for name in bench.shown()} == {"B", "H"}


def test_a_device_that_was_not_asked_because_the_account_is_suspended_stays_due(bench: Bench) -> None:
    bench.configure(BCU)
    bench.account.record(("bcu", "B"), Unauthorized("no"))
    bench.run(55)
    assert not bench.asked()
    # the probe is the settings' where nothing else is asked, and ends the suspension
    bench.run(10)
    assert bench.asked() == ["bms/bcu-setting"]
    assert bench.account.allow_request()


def test_settings_whose_turn_came_during_a_suspension_are_asked_soon_after_it(bench: Bench) -> None:
    bench.configure(BCU, HPS)
    bench.account.record(("bcu", "B"), Unauthorized("no"))
    bench.run(60 + 5)
    assert bench.asked()[0] == "bms/bcu-setting"
    bench.run(15)
    assert "hps/big-setting" in bench.asked()


def test_settings_that_are_read_again_during_a_scrape_are_not_judged_by_their_old_age(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.configure(BCU)
    bench.run(10)
    bench.clock.advance(1800)
    settled = threading.Event()
    monkeypatch.setattr(bench.series, "_lock", TellingLock(settled))

    def read_again() -> None:
        (job,) = bench.jobs
        bench.scheduler.work(job)
        settled.set()

    reader = threading.Thread(target=read_again)
    clear = bench.series.clear

    def clear_late(row: Row) -> None:
        # the scrape has found them to be too old; now they are read again, or wait until it is done
        reader.start()
        assert settled.wait(30)
        clear(row)

    monkeypatch.setattr(bench.series, "clear", clear_late)
    bench.settings.mark_stale()
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
    bench.configure()
    get = bench.session.get

    def respelled_meanwhile(*args: Any, **kwargs: Any) -> Any:
        bench.configure(BCU, interval=60)
        return get(*args, **kwargs)

    monkeypatch.setattr(bench.session, "get", respelled_meanwhile)
    bench.configure(device("b", "bcu"), interval=60)
    bench.step()
    assert bench.shown().keys() == before.keys()


def test_a_shorter_interval_holds_at_once_for_a_device_that_is_being_read(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.configure(BCU, interval=21600)
    get = bench.session.get

    def shortened_meanwhile(*args: Any, **kwargs: Any) -> Any:
        bench.configure(BCU, interval=60)
        return get(*args, **kwargs)

    monkeypatch.setattr(bench.session, "get", shortened_meanwhile)
    bench.step()
    bench.run(65)
    assert len(bench.asked()) == 2


def test_what_is_shown_of_a_device_is_told_until_it_is_stale(bench: Bench) -> None:
    bench.configure(BCU)
    assert bench.settings.shown(BCU.key) == ()
    bench.run(10)
    told = {name: value for name, _, value in bench.settings.shown(BCU.key)}
    assert told == {
        SETTING_PREFIX + name: value for name, value in bench.cloud.settings("bcu", "B").items() if name != "deviceSn"
    }
    assert {metric for _, metric, _ in bench.settings.shown(BCU.key)} == {sample.split("{")[0] for sample in bench.shown()}
    assert bench.settings.shown(HPS.key) == ()
    bench.clock.advance(1800)
    bench.settings.mark_stale()
    assert bench.settings.shown(BCU.key) == ()
