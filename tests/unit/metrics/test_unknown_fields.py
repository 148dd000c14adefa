from structlog.testing import capture_logs

from exporter.api.errors import REASONS
from exporter.catalogue.types import load_catalogue
from exporter.metrics.self_metrics import SelfMetrics
from exporter.metrics.unknown_fields import UnknownFields
from tests.helpers.fakes import device, samples


class Bench:
    def __init__(self) -> None:
        self.metrics = SelfMetrics("0", REASONS, [])
        self.metrics.count_devices({"pbd": 1, "pcs": 1})
        self.unknown = UnknownFields(self.metrics)
        self.unknown.configure(load_catalogue())

    def counted(self, kind: str = "pbd") -> float:
        return samples(self.metrics.render(openmetrics=False))[f'atess_exporter_fields_unknown{{type="{kind}"}}']


def test_each_field_that_nobody_described_is_counted_and_logged_once() -> None:
    bench = Bench()
    with capture_logs() as logs:
        bench.unknown.report(device("P1"), ["ppv", "vbat", "sysFaultWord1", "dataLogSn", "deviceSn", "time"])
        assert (bench.counted(), logs) == (0, [])
        bench.unknown.report(device("P1"), ["ppv", "novelty", "other"])
        bench.unknown.report(device("P2"), ["other", "novelty"])
    assert [(entry["log_level"], entry["type"], entry["fields"]) for entry in logs] == [("info", "pbd", "novelty, other")]
    assert (bench.counted(), bench.counted("pcs")) == (2, 0)


def test_what_the_config_describes_is_counted_no_longer() -> None:
    bench = Bench()
    bench.unknown.report(device("P1"), ["novelty", "other"])
    pbd = load_catalogue()["pbd"]
    described = pbd.model_copy(update={"fields": {**pbd.fields, "novelty": pbd.fields["ppv"]}})
    bench.unknown.configure({**load_catalogue(), "pbd": described})
    assert bench.counted() == 1


def test_new_names_without_end_are_neither_counted_nor_logged_without_end() -> None:
    bench = Bench()
    with capture_logs() as logs:
        for number in range(30):
            bench.unknown.report(device("P1"), [f"name{number}x{index}" for index in range(100)])
    names = [name for entry in logs for name in entry["fields"].split(", ")]
    assert (bench.counted(), len(logs), len(names), len(set(names))) == (200, 2, 200, 200)
