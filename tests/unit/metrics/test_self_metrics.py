import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics

from exporter.api.errors import REASONS
from exporter.metrics.exposition import Selection
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


@pytest.mark.parametrize("openmetrics", [False, True])
def test_a_part_has_the_samples_of_its_names_and_types(openmetrics: bool) -> None:
    metrics = self_metrics()
    metrics.count_devices({"pbd": 3, "pcs": 1})

    def part(names: set[str] | None, types: set[str] | None) -> dict[str, float]:
        selection = Selection(None if names is None else frozenset(names), None if types is None else frozenset(types))
        text = metrics.render(selection, openmetrics=openmetrics)
        assert text.endswith(b"# EOF\n") is openmetrics
        return samples(text)

    assert part(None, {"pbd"}).keys() & part(None, {"pcs"}).keys() == set()
    assert 'atess_exporter_devices{type="pbd"}' in part(None, {"pbd"})
    assert all('type="pbd"' in sample for sample in part(None, {"pbd"}))
    assert part(None, {""}).keys() >= {"process_open_fds", 'atess_exporter_api_suspended{cause="unauthorized"}'}
    assert not any("type=" in sample for sample in part(None, {""}))
    whole = samples(metrics.render(openmetrics=openmetrics)).keys()
    assert part(None, {"pbd", "pcs", ""}).keys() == part(None, None).keys() == whole
    assert part({"process_open_fds", "atess_exporter_devices"}, None).keys() == {
        "process_open_fds",
        *(f'atess_exporter_devices{{type="{kind}"}}' for kind in ("pbd", "pcs")),
    }
    assert part({"atess_exporter_api_requests_total"}, {"pcs"}) == {'atess_exporter_api_requests_total{type="pcs"}': 0}
    # prometheus_client goes by the names of samples, not of families
    assert part({"atess_exporter_api_requests", "no_such"}, None) == {}
