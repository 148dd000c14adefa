import pytest

from exporter.api.reading import Reading
from exporter.catalogue.faults import FaultWords
from exporter.catalogue.types import load_catalogue, load_fault_groups
from exporter.config.schema import EVERYTHING, FieldFilter
from exporter.metrics.names import metric_name
from exporter.metrics.series import Series
from exporter.polling.status import PollResult
from exporter.polling.target import Target
from tests.helpers.fakes import FakeClock, device, samples

WORDS = FaultWords(load_catalogue()["hps_central"].faults, load_fault_groups())


class Bench:
    """An HPS of central type, its faults as a scrape shows them, and since when each is active."""

    def __init__(self, clock: FakeClock, field_filter: FieldFilter = EVERYTHING) -> None:
        self.clock = clock
        self.series = Series(metric_name, lambda name: name)
        self.target = Target(device(), self.series, clock)
        self.target.configure(device(), 1.0, 900, None, field_filter, fault_words=WORDS)

    def read(self, time: str | None = None, **fields: float) -> None:
        self.target.record_success(Reading({"ppv": 1, **fields}, time), PollResult(self.clock.wall(), 0.5, None))

    @property
    def shown(self) -> list[str]:
        self.target.mark_stale()
        return [name.partition('pbd",fault=')[2] for name in samples(self.series.snapshot()) if "fault_active" in name]

    @property
    def count(self) -> float | None:
        return samples(self.series.snapshot()).get('atess_device_faults{deviceSn="UMD0D23202",type="pbd"}')

    @property
    def since(self) -> dict[str, float] | None:
        active = self.target.status(None).faults
        return None if active is None else {entry.fault.name: entry.since for entry in active}


@pytest.fixture
def bench(clock: FakeClock) -> Bench:
    return Bench(clock)


def test_a_fault_is_shown_from_the_reading_that_has_it_to_the_one_that_has_it_no_more(bench: Bench, clock: FakeClock) -> None:
    bench.read(sysFaultWord2=0)
    assert (bench.shown, bench.count, bench.since) == ([], 0, {})
    clock.advance(300)
    bench.read(sysFaultWord2=0x0800)
    began = clock.wall()
    assert bench.shown == ['"bms_communication",severity="fault",code="2.3"}']
    clock.advance(300)
    bench.read(sysFaultWord2=10240, sysFaultWord3=256)
    assert bench.count == 3
    assert bench.since == {"bms_communication": began, "bms": clock.wall(), "ac_no_utility": clock.wall()}
    clock.advance(300)
    bench.read(sysFaultWord2=0, sysFaultWord3=0)
    assert (bench.shown, bench.count, bench.since) == ([], 0, {})


def test_a_reading_that_says_nothing_of_faults_claims_none(bench: Bench) -> None:
    bench.read(sysFaultWord2=10240)
    assert len(bench.shown) == 2
    bench.read(sysFaultWord2=-1, sysFaultWord3=-1)
    assert (bench.shown, bench.count, bench.since) == ([], None, None)


@pytest.mark.parametrize("frozen", [True, False])
def test_faults_are_stale_with_the_reading(bench: Bench, clock: FakeClock, frozen: bool) -> None:
    bench.read("t1", sysFaultWord2=10240)
    for _ in range(3):
        clock.advance(300)
        if frozen:
            bench.read("t1", sysFaultWord2=10240)
    assert bench.shown == []
    assert (bench.count, bench.since) == (None, None)
    bench.read("t2", sysFaultWord2=10240)
    assert (len(bench.shown), bench.count) == (2, 2)
    assert bench.since == dict.fromkeys(("bms_communication", "bms"), clock.wall())


def test_which_fields_become_series_does_not_change_what_is_wrong(clock: FakeClock) -> None:
    bench = Bench(clock, FieldFilter(include=["ppv"]))
    bench.read(sysFaultWord2=10240)
    assert bench.count == 2


def test_faults_go_by_the_words_that_the_config_has_now(bench: Bench, clock: FakeClock) -> None:
    bench.read(sysFaultWord2=10240)
    began = clock.wall()
    again = FaultWords(load_catalogue()["hps_central"].faults, load_fault_groups())
    bench.target.configure(device(), 1.0, 900, None, fault_words=again)
    clock.advance(300)
    bench.read(sysFaultWord2=10240)
    assert bench.since == {"bms_communication": began, "bms": began}
    assert (len(bench.shown), bench.count) == (2, 2)
