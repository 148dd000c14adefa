"""Discovery against the simulated cloud, one round at a time."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog

from exporter.api.circuit_breaker import CircuitBreaker
from exporter.api.client import Client
from exporter.api.device_list import ListedDevice, read_listing
from exporter.api.errors import REASONS, Unauthorized
from exporter.api.rate_limiter import RateLimiter
from exporter.api.session import CircuitOpenError
from exporter.api.session import Session as Asked
from exporter.catalogue.types import ApiPath, Device, DeviceType, Evidence, load_catalogue
from exporter.clock import Clock
from exporter.config.load import Config
from exporter.config.schema import DiscoverySection
from exporter.config.sharding import Shard
from exporter.config.token import Token
from exporter.metrics.self_metrics import SelfMetrics
from exporter.polling.discovery import KEEP_GONE, Discovery
from exporter.polling.scheduler import Scheduler
from exporter.simulator import ServedCloud, SimClock, SimDevice
from tests.helpers.fakes import FakeClock, InlineWorkers, config, samples
from tests.helpers.faulty_cloud import FaultyCloud, serve
from tests.helpers.processes import nobody_listens

NORTH, SOUTH = "NORTH", "SOUTH"
TYPES = tuple(load_catalogue())
INTERVAL = 60.0


def search(loggers: tuple[str, ...] = (NORTH, SOUTH), types: tuple[str, ...] | None = None) -> DiscoverySection:
    return DiscoverySection(datalog_sns=list(loggers), interval="60s", types=list(types) if types else None)  # type: ignore[arg-type]


class Bench:
    def __init__(self, cloud: FaultyCloud, served: ServedCloud) -> None:
        self.clock = clock = FakeClock()
        token = Token(value="made-up")
        client = Client(served.url, token, language="en", timeout=1, concurrency=1)
        self.cloud = cloud
        self.metrics = SelfMetrics("0", REASONS, [])
        self.account = CircuitBreaker(clock)
        self.calls: list[set[tuple[str, str]]] = []
        self.asked = Asked(client, token, RateLimiter(1e8, Clock()), self.account, self.metrics)
        self.discovery = Discovery(self.found, clock, self.metrics)
        self.scheduler = Scheduler(self.asked, clock, 1, lambda: None)
        self.workers = self.scheduler.workers = InlineWorkers(self.scheduler.work)
        self.configure(config(discovery=search()))
        self.url = served.url
        self._token = token

    def ask_at(self, url: str) -> None:
        """Ask this cloud from now on."""
        self.asked.client.close()
        self.asked.client = Client(url, self._token, language="en", timeout=1, concurrency=1)

    def found(self, listings: Mapping[tuple[str, str], ListedDevice]) -> None:
        self.calls.append({(listing.type, listing.sn) for listing in listings.values() if listing.gone_since is None})

    def known(self) -> set[tuple[str, str]]:
        """Those that are in the lists."""
        return {(listing.type, listing.sn) for listing in self.discovery.known.values() if listing.gone_since is None}

    def gone(self) -> dict[str, float]:
        """Since when those are gone that are."""
        return {known.sn: known.gone_since for known in self.discovery.known.values() if known.gone_since is not None}

    def told(self, metric: str) -> dict[str, float]:
        """What the exporter's metric says of each list, by its labels."""
        found = samples(self.metrics.render(openmetrics=False)).items()
        return {name.removeprefix(metric): value for name, value in found if name.startswith(metric)}

    def sizes(self) -> dict[str, float]:
        return self.told("atess_exporter_discovered_devices")

    def lists_up(self) -> dict[str, float]:
        return self.told("atess_exporter_device_list_up")

    def configure(self, plan: Config) -> None:
        self.discovery.configure(plan)
        self.scheduler.apply(self.discovery.jobs, 60_000)

    def round(self) -> set[tuple[str, str]]:
        """Read what is due now, which are all lists at first and an interval after the round before."""
        # the first round takes a millisecond a list
        self.clock.advance(1)
        self.scheduler.tick()
        self.workers.drain()
        self.clock.advance(INTERVAL - 1)
        return self.known()


@pytest.fixture
def cloud() -> FaultyCloud:
    clock = SimClock(datetime(2026, 6, 1, 11, tzinfo=UTC), timezone=UTC)
    devices = [SimDevice(type, f"{type}-{n}", datalog_sn=(NORTH, SOUTH)[n]) for type in load_catalogue() for n in range(2)]
    return FaultyCloud(devices, clock)


@pytest.fixture
def bench(cloud: FaultyCloud) -> Iterator[Bench]:
    with serve(cloud) as served:
        yield Bench(cloud, served)


ALL = {(type, f"{type}-{n}") for type in load_catalogue() for n in range(2)}


def test_it_finds_all_devices_of_all_types_on_all_loggers(bench: Bench) -> None:
    assert bench.round() == ALL
    assert bench.calls[-1] == ALL
    listing = bench.discovery.known["pbd", "pbd-1"]
    assert listing.datalog_sn == SOUTH
    assert listing.info.keys() == {"datalogSn", "firmwareVersion"}
    assert listing.lost is False


def test_a_round_that_changes_nothing_tells_nobody(bench: Bench) -> None:
    bench.round()
    told = len(bench.calls)
    bench.round()
    assert len(bench.calls) == told


def test_a_new_device_appears_and_one_is_gone_after_two_misses_since_the_first(bench: Bench) -> None:
    bench.round()
    bench.cloud.add(SimDevice("pcs", "NEW", datalog_sn=NORTH))
    bench.cloud.remove("pbd", "pbd-0")
    missed = bench.clock.wall() + 1
    assert bench.round() == ALL | {("pcs", "NEW")}
    assert bench.gone() == {}
    with structlog.testing.capture_logs() as log:
        assert bench.round() == (ALL | {("pcs", "NEW")}) - {("pbd", "pbd-0")}
    assert bench.gone() == {"pbd-0": missed}
    assert bench.discovery.known["pbd", "pbd-0"].datalog_sn == NORTH
    assert bench.discovery.known["pbd", "pbd-0"].lost is None
    told = {"device_sn": "pbd-0", "type": "pbd", "datalog_sn": NORTH, "log_level": "warning"}
    assert told | {"event": "device is in no data logger's list any more"} in log
    assert bench.calls[-1] == bench.known()


def test_a_device_that_is_gone_is_dropped_after_a_week(bench: Bench) -> None:
    bench.round()
    bench.cloud.remove("pbd", "pbd-0")
    missed = bench.clock.wall() + 1
    bench.round()
    bench.round()
    with structlog.testing.capture_logs() as log:
        # rounds that go on missing it change nothing
        for _ in range(5):
            bench.round()
        # it is counted from the round that found it to be gone, six intervals ago
        bench.clock.advance(KEEP_GONE - 7 * INTERVAL)
        bench.round()
        assert bench.gone() == {"pbd-0": missed}
        bench.round()
    assert bench.gone() == {}
    assert ("pbd", "pbd-0") not in bench.discovery.known
    assert [line["event"] for line in log] == ["dropping a device that is gone"]


def test_a_device_that_comes_back_is_no_longer_gone_and_is_forgiven_a_miss_again(bench: Bench) -> None:
    bench.round()
    for _ in range(2):
        bench.cloud.remove("pbd", "pbd-0")
        bench.round()
        bench.round()
        assert bench.gone().keys() == {"pbd-0"}
        # on whichever logger, in whichever spelling
        bench.cloud.add(SimDevice("pbd", "pbd-0", datalog_sn=SOUTH))
        bench.cloud.faults.set("pbd", SOUTH, "other_spelling")
        assert bench.round() == ALL
        assert bench.calls[-1] == ALL
        assert bench.gone() == {}
        bench.cloud.faults.clear_all()
        bench.cloud.remove("pbd", "pbd-0")
        assert bench.round() == ALL
        bench.cloud.add(SimDevice("pbd", "pbd-0", datalog_sn=NORTH))
        assert bench.round() == ALL


LISTED = Device("pbd", " PBD-0", "x", Evidence.DOCUMENTED, 1)


def test_a_device_that_the_config_lists_is_never_gone(bench: Bench) -> None:
    bench.configure(config(discovery=search(), devices=(LISTED,)))
    bench.round()
    bench.cloud.remove("pbd", "pbd-0")
    for _ in range(3):
        bench.round()
    assert ("pbd", "pbd-0") not in bench.discovery.known
    # and so it is none either when the config lists it no longer
    bench.configure(config(discovery=search()))
    bench.round()
    assert bench.gone() == {}


def test_a_device_that_is_gone_and_then_listed_by_the_config_is_gone_no_more(bench: Bench) -> None:
    bench.round()
    bench.cloud.remove("pbd", "pbd-0")
    bench.cloud.remove("pbd", "pbd-1")
    bench.round()
    bench.round()
    told = len(bench.calls)
    bench.configure(config(discovery=search(), devices=(LISTED,)))
    assert bench.gone().keys() == {"pbd-1"}
    # taken out of the config again
    bench.configure(config(discovery=search()))
    bench.round()
    assert bench.gone().keys() == {"pbd-1"}
    # who configures knows it already
    assert len(bench.calls) == told


@pytest.mark.parametrize("plan", [search((SOUTH,)), search(types=("pcs",)), None])
def test_what_the_config_no_longer_looks_for_is_not_gone(bench: Bench, plan: DiscoverySection | None) -> None:
    bench.round()
    bench.cloud.remove("pbd", "pbd-0")
    bench.round()
    bench.round()
    assert bench.gone().keys() == {"pbd-0"}
    bench.configure(config(discovery=plan))
    for _ in range(3):
        bench.round()
    assert bench.gone() == {}


@pytest.mark.parametrize("index", [0, 1])
def test_only_the_shard_that_polls_a_device_has_it_as_gone(bench: Bench, index: int) -> None:
    shard = Shard(index, 2)
    bench.configure(config(discovery=search(), shard=shard))
    bench.round()
    bench.cloud.remove("pbd", "pbd-0")
    bench.round()
    bench.round()
    assert bench.gone().keys() == ({"pbd-0"} if shard.owns("pbd", "pbd-0") else set())


def test_of_lists_that_are_empty_for_a_while_all_devices_are_gone_and_come_back(bench: Bench) -> None:
    bench.round()
    for type in TYPES:
        for logger in (NORTH, SOUTH):
            bench.cloud.faults.set(type, logger, "null_data")
    for _ in range(5):
        bench.round()
    assert bench.gone().keys() == {sn for _, sn in ALL}
    bench.cloud.faults.clear_all()
    assert bench.round() == ALL
    assert bench.gone() == {}


def test_no_more_devices_are_kept_as_gone_than_the_lists_ever_had(bench: Bench) -> None:
    bench.configure(config(discovery=search(types=("pbd",))))
    bench.round()
    for number in range(20):
        # a list that is another one every time
        for sn in [device.sn for device in bench.cloud.devices if device.type == "pbd"]:
            bench.cloud.remove("pbd", sn)
        for name in "ab":
            bench.cloud.add(SimDevice("pbd", f"{name}-{number}", datalog_sn=NORTH))
        bench.round()
        # those of this round and of the one before, which may yet come back, and as many that are gone as a list has
        assert len(bench.discovery.known) <= 6
    # the latest to go
    assert bench.gone().keys() == {"a-17", "b-17"}


def test_the_size_of_each_list_is_told_once_it_was_read_and_whether_it_could_be(bench: Bench) -> None:
    bench.configure(config(discovery=search(types=("pbd", "pcs"))))
    assert (bench.sizes(), bench.lists_up()) == ({}, {})
    bench.cloud.add(SimDevice("pbd", "NEW", datalog_sn=NORTH))
    bench.cloud.faults.set("pcs", SOUTH, "code_500")
    bench.round()
    name = '{{datalogSn="{}",type="{}"}}'.format
    sizes = {name(NORTH, "pbd"): 2, name(SOUTH, "pbd"): 1, name(NORTH, "pcs"): 1}
    assert bench.sizes() == sizes
    assert bench.lists_up() == dict.fromkeys(sizes, 1) | {name(SOUTH, "pcs"): 0}
    # at the first miss, and what cannot be read keeps its size
    bench.cloud.faults.set("pbd", SOUTH, "code_500")
    bench.cloud.remove("pbd", "NEW")
    bench.cloud.remove("pcs", "pcs-0")
    bench.round()
    assert bench.sizes() == sizes | {name(NORTH, "pbd"): 1, name(NORTH, "pcs"): 0}
    assert bench.lists_up() == dict.fromkeys(sizes, 1) | {name(SOUTH, "pcs"): 0, name(SOUTH, "pbd"): 0}
    bench.configure(config(discovery=search((SOUTH,), ("pbd",))))
    bench.cloud.faults.clear_all()
    bench.round()
    assert (bench.sizes(), bench.lists_up()) == ({name(SOUTH, "pbd"): 1}, {name(SOUTH, "pbd"): 1})


def test_one_miss_is_forgiven(bench: Bench) -> None:
    bench.round()
    for _ in range(3):
        bench.cloud.remove("pbd", "pbd-0")
        assert bench.round() == ALL
        bench.cloud.add(SimDevice("pbd", "pbd-0", datalog_sn=NORTH))
        assert bench.round() == ALL


def test_a_device_that_moves_to_another_logger_stays(bench: Bench) -> None:
    bench.round()
    told = len(bench.calls)
    bench.cloud.move("pbd", "pbd-0", SOUTH)
    for _ in range(3):
        assert bench.round() == ALL
    assert bench.discovery.known["pbd", "pbd-0"].datalog_sn == SOUTH
    assert bench.calls[told:] == [ALL]


@pytest.mark.parametrize("fault", ["html", "code_500", "http_503", "timeout", "truncated_json", "empty_data", "http_404"])
def test_a_logger_that_answers_nonsense_loses_nothing(bench: Bench, fault: str) -> None:
    bench.round()
    bench.cloud.faults.set("pbd", NORTH, fault)
    # this one has moved to the logger that cannot be read
    bench.cloud.move("pbd", "pbd-1", NORTH)
    for _ in range(3):
        assert bench.round() == ALL
    bench.cloud.faults.clear_all()
    assert bench.round() == ALL
    assert bench.discovery.known["pbd", "pbd-1"].datalog_sn == NORTH


def test_a_type_whose_inferred_path_is_not_found_is_switched_off_once_until_the_config_changes(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    for logger in (NORTH, SOUTH):
        bench.cloud.faults.set("pcs", logger, "code_400")
    capsys.readouterr()
    for _ in range(3):
        assert bench.round() == {key for key in ALL if key[0] != "pcs"}
    told = capsys.readouterr().out
    assert told.count("switching it off") == 1
    assert "types.pcs.list_path" in told
    asked = samples(bench.metrics.render(openmetrics=False))
    assert asked['atess_exporter_api_requests_total{type="pcs"}'] == 2
    assert asked['atess_exporter_api_requests_total{type="pbd"}'] == 6
    bench.cloud.faults.clear_all()
    pcs = load_catalogue()["pcs"]
    assert pcs.paths.list is not None
    fixed = pcs.model_copy(
        update={"paths": pcs.paths.model_copy(update={"list": pcs.paths.list.model_copy(update={"evidence": "C"})})}
    )
    bench.configure(config(discovery=search(), types=dict(load_catalogue()) | {"pcs": fixed}))
    assert bench.round() == ALL


def test_a_documented_path_is_never_switched_off(bench: Bench) -> None:
    for logger in (NORTH, SOUTH):
        bench.cloud.faults.set("bcu", logger, "code_400")
    for _ in range(2):
        bench.round()
    assert samples(bench.metrics.render(openmetrics=False))['atess_exporter_api_requests_total{type="bcu"}'] == 4


def test_an_offline_device_is_lost(bench: Bench) -> None:
    bench.cloud.add(SimDevice("pbd", "OFF", datalog_sn=NORTH, offline_since=datetime(2026, 6, 1, 3, tzinfo=UTC)))
    bench.round()
    assert bench.discovery.known["pbd", "off"].lost is True


def test_what_a_changed_search_no_longer_covers_is_forgotten(bench: Bench) -> None:
    bench.round()
    bench.configure(config(discovery=search((SOUTH,), TYPES[:2])))
    assert bench.round() == {(device_type, f"{device_type}-1") for device_type in TYPES[:2]}
    bench.configure(config())
    assert not bench.discovery.known


def test_a_suspended_account_is_not_asked(bench: Bench) -> None:
    bench.account.record(("pbd", "x"), Unauthorized("no"))
    bench.round()
    assert not bench.cloud.requests


def test_a_type_without_a_list_is_left_alone(bench: Bench) -> None:
    pbd = load_catalogue()["pbd"]
    bare = DeviceType(
        type="own",
        title="own",
        paths=pbd.paths.model_copy(update={"list": None, "realtime": ApiPath(path="x", evidence=Evidence.CONFIGURED)}),
    )
    bench.configure(config(discovery=search(), types={"own": bare}))
    assert not bench.discovery.jobs


def test_a_list_that_goes_on_failing_is_told_once_and_so_is_its_recovery(bench: Bench, cloud: FaultyCloud) -> None:
    with nobody_listens() as address, structlog.testing.capture_logs() as log:
        nowhere = f"http://{address}/api/v1"
        for url in (nowhere, nowhere, bench.url, bench.url):
            bench.ask_at(url)
            bench.round()
    failed = [line["log_level"] for line in log if line["event"] == "cannot read a device list"]
    lists = len(TYPES) * 2
    assert failed == ["warning"] * lists + ["debug"] * lists
    assert [line["event"] for line in log].count("device list readable again") == lists


def test_null_for_a_list_means_no_devices(bench: Bench) -> None:
    assert read_listing(None, "pbd", NORTH) == []
    bench.round()
    bench.cloud.faults.set("pbd", NORTH, "null_data")
    assert bench.round() == ALL
    assert bench.round() == ALL - {("pbd", "pbd-0")}


def test_lost_as_a_number_or_as_text_is_understood(bench: Bench) -> None:
    bench.cloud.add(SimDevice("pbd", "OFF", datalog_sn=NORTH, offline_since=datetime(2026, 6, 1, 3, tzinfo=UTC)))
    for true, false in ((1, 0), ("1", "0"), ("true", "False")):
        bench.cloud.faults.set("pbd", NORTH, "odd_lost", true=true, false=false)
        bench.round()
        assert {listing.sn: listing.lost for listing in bench.discovery.known.values() if listing.type == "pbd"} == {
            "pbd-0": False,
            "pbd-1": False,
            "OFF": True,
        }


def test_a_serial_number_in_another_spelling_is_the_same_device(bench: Bench) -> None:
    bench.cloud.add(SimDevice("pbd", "TWO", datalog_sn=NORTH))
    bench.cloud.add(SimDevice("pbd", "two", datalog_sn=SOUTH))
    known = bench.round()
    told = len(bench.calls)
    assert len({sn for _, sn in known if sn.lower() == "two"}) == 1
    for fault in ("other_spelling", None, "other_spelling"):
        for logger in (NORTH, SOUTH):
            bench.cloud.faults.clear("pbd", logger)
            if fault:
                bench.cloud.faults.set("pbd", logger, fault)
        assert bench.round() == known
    # and so nobody was told of a change
    assert len(bench.calls) == told


class Interrupted(Exception):
    """Nothing that anybody foresaw."""


@pytest.mark.parametrize("error", [CircuitOpenError(), Interrupted()])
@pytest.mark.parametrize("lists", [1, 2, 7])
def test_what_was_found_is_announced_when_the_lists_of_a_type_were_asked(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, error: Exception, lists: int
) -> None:
    get, asked = bench.asked.get, 0

    def some(*args: Any, **kwargs: Any) -> Any:
        nonlocal asked
        asked += 1
        if asked > lists:
            raise error
        return get(*args, **kwargs)

    monkeypatch.setattr(bench.asked, "get", some)
    found = {(device_type, f"{device_type}-{n}") for device_type, n in [(t, n) for t in TYPES for n in range(2)][:lists]}
    assert bench.round() == found
    # a list that fails was asked, one that is not asked yet is waited for
    all_asked = isinstance(error, Interrupted)
    whole = {(device_type, sn) for device_type, sn in found if all_asked or (device_type, f"{device_type}-1") in found}
    assert (bench.calls[-1] if bench.calls else set()) == whole
    monkeypatch.undo()
    assert bench.round() == ALL
    assert bench.calls[-1] == ALL
    # and what was not asked has lost nothing
    for _ in range(3):
        asked = 0
        monkeypatch.setattr(bench.asked, "get", some)
        assert bench.round() == ALL


def test_an_account_that_is_suspended_in_the_middle_of_a_round(bench: Bench) -> None:
    get, asked = bench.asked.client.get, 0

    def suspending(path: str, query: Mapping[str, str]) -> object:
        nonlocal asked
        asked += 1
        if asked == 3:
            bench.account.record(("pbd", "x"), Unauthorized("no"))
        return get(path, query)

    bench.asked.client.get = suspending  # type: ignore[method-assign]
    bench.round()
    assert asked == 3
    assert bench.calls == [{(TYPES[0], f"{TYPES[0]}-{n}") for n in range(2)}]
    # there is nothing else to probe with, and all that was missed is asked soon after it
    bench.clock.advance(1)
    bench.scheduler.tick()
    bench.workers.drain()
    assert bench.account.allow_request()
    bench.scheduler.tick()
    bench.clock.advance(1)
    assert bench.round() == ALL
    assert bench.calls[-1] == ALL


def test_what_could_not_be_announced_is_announced_in_the_next_round(bench: Bench) -> None:
    failures = iter([Interrupted()] * len(TYPES))

    def broken_once(listings: Mapping[tuple[str, str], ListedDevice]) -> None:
        for failure in failures:
            raise failure
        bench.found(listings)

    bench.discovery._found = broken_once
    with structlog.testing.capture_logs() as log:
        assert bench.round() == ALL
    assert not bench.calls
    failed = [line["error"] for line in log if line["event"] == "cannot read a device list"]
    assert failed == ["internal error: Interrupted: "] * len(TYPES)
    bench.round()
    assert bench.calls[-1] == ALL


def test_an_inferred_path_that_has_answered_stays_on_when_its_lists_are_not_found(bench: Bench) -> None:
    bench.round()
    for logger in (NORTH, SOUTH):
        bench.cloud.faults.set("pcs", logger, "code_400")
    for _ in range(3):
        assert bench.round() == ALL
    bench.cloud.faults.clear_all()
    bench.cloud.add(SimDevice("pcs", "NEW", datalog_sn=NORTH))
    assert bench.round() == ALL | {("pcs", "NEW")}


def test_a_list_that_fails_is_asked_again_at_its_interval_however_often_it_failed(bench: Bench) -> None:
    bench.cloud.faults.set("pbd", NORTH, "code_500")
    for _ in range(8):
        bench.round()
    asked = samples(bench.metrics.render(openmetrics=False))
    assert asked['atess_exporter_api_requests_total{type="pbd"}'] == 16


def test_a_data_logger_in_another_spelling_keeps_its_devices(bench: Bench) -> None:
    bench.round()
    bench.configure(config(discovery=search(("north", SOUTH))))
    assert bench.known() == ALL
