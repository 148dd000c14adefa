from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics

from exporter.api.errors import REASONS
from exporter.metrics.self_metrics import SelfMetrics
from tests.helpers.fakes import samples


def self_metrics() -> SelfMetrics:
    return SelfMetrics("1.2.3", REASONS, ["unauthorized", "unreachable"])


def test_every_series_of_a_type_is_there_before_anything_happens() -> None:
    metrics = self_metrics()
    metrics.count_devices({"pbd": 3, "pcs": 0})
    shown = samples(metrics.render(openmetrics=False))
    for kind, count in (("pbd", 3), ("pcs", 0)):
        assert shown[f'atess_exporter_devices{{type="{kind}"}}'] == count
        assert shown[f'atess_exporter_api_requests_total{{type="{kind}"}}'] == 0
        assert shown[f'atess_exporter_api_request_duration_seconds_count{{type="{kind}"}}'] == 0
        assert sum(name.startswith("atess_exporter_api_request_failures_total") and kind in name for name in shown) == len(
            REASONS
        )
    for cause in ("unauthorized", "unreachable"):
        assert shown[f'atess_exporter_api_suspended{{cause="{cause}"}}'] == 0


def test_a_type_that_left_the_config_has_no_devices() -> None:
    metrics = self_metrics()
    metrics.count_devices({"pbd": 3, "own": 5})
    metrics.count_devices({"pbd": 4})
    shown = samples(metrics.render(openmetrics=False))
    assert shown['atess_exporter_devices{type="own"}'] == 0
    assert shown['atess_exporter_devices{type="pbd"}'] == 4


def test_lag_and_budget_are_taken_at_every_scrape() -> None:
    metrics = self_metrics()
    values = iter([1.5, 60.0, 2.5, 30.0])
    metrics.watch(lambda: next(values), lambda: next(values))
    first, second = (samples(metrics.render(openmetrics=False)) for _ in range(2))
    names = ("atess_exporter_poll_lag_seconds", "atess_exporter_api_budget_requests_per_minute")
    assert sorted(first[name] for name in names) == [1.5, 60.0]
    assert sorted(second[name] for name in names) == [2.5, 30.0]


def test_the_openmetrics_exposition_is_whole_and_has_help_for_all() -> None:
    metrics = self_metrics()
    metrics.count_devices({"pbd": 1})
    families = list(parse_openmetrics(metrics.render(openmetrics=True).decode()))
    assert {family.name for family in families} >= {"process_cpu_seconds", "python_info", "atess_exporter_build_info"}
    for family in families:
        assert family.documentation
