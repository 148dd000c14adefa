"""The dashboards and the exposition are one truth: what a panel asks for is there, on a simulated day in a real Prometheus."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
import requests

from exporter.api.reading import read
from exporter.metrics.names import metric_name
from exporter.metrics.series import Series
from exporter.simulator import Cloud, SimClock, fleet
from tests.helpers.expressions import NAMES, Expression, labels_of, load, metrics_of, of_dashboard, of_panel, panels
from tests.helpers.openmetrics import Pages
from tests.helpers.simulated_day import END, NOON, START, ZONE, clock_time, loaded, sample, window

#: The device that goes offline at 14:00, and one that is well all day.
_OFFLINE = "TND0D20234"
_WELL = "TND0D20233"

#: Second spellings in an `or`, which the catalogue has for HPS on the sibling platform's word; the simulated HPS has the first.
_SECOND_SPELLINGS = {"atess_e_bat_charge_total", "atess_e_bat_discharge_total"}


@pytest.fixture(scope="module")
def url(simulated_day_url: str) -> str:
    return simulated_day_url


@pytest.fixture(scope="module")
def url_of_large_fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A thousand devices at noon, scraped three times."""
    at = datetime.fromtimestamp(NOON, ZONE)
    cloud = Cloud(fleet(1000, 1), SimClock(at, 0, ZONE))
    series = Series(metric_name, lambda field: field)
    for device in cloud.devices:
        row = series.add(device.type, device.sn)
        series.update(row, read(cloud.reading(device.type, device.sn), device.sn).fields)
        for name in ("atess_device_up", "atess_device_info"):
            series.set(row, name, 1)
        # as bad as can be: every one of them is stale
        for cause, value in (("failing", 1), ("frozen", 0)):
            series.set(row, "atess_device_stale", value, {"cause": cause})
        series.set(row, "atess_device_lost", 0)
        series.set(row, "atess_device_poll_interval_seconds", 300)
        for name in ("atess_device_last_success_timestamp_seconds", "atess_device_data_timestamp_seconds"):
            series.set(row, name, NOON)
    pages = Pages({"job": "atess", "instance": "exporter:9837"})
    for minute in (2, 1, 0):
        pages.add(bytes(series.snapshot()), NOON - 60 * minute)
    with loaded(tmp_path_factory.mktemp("fleet"), pages) as found:
        yield found


def _ask(url: str, expression: Expression, **values: str) -> list[dict[str, Any]]:
    filled = expression.filled(**values)
    return sample(url, filled, END) if expression.instant else window(url, filled, START, END, 600)


@pytest.mark.parametrize("name", NAMES)
def test_every_query_of_every_panel_returns_data_with_either_power_unit(
    url: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = []
    report = []
    for panel in panels(load(name)):
        counts = []
        for expression in of_panel(panel):
            counts.append(len(_ask(url, expression)))
            if not counts[-1]:
                empty.append(expression.where)
            if "$power" in expression.text or "$ppv" in expression.text:
                assert len(_ask(url, expression, power="1000", ppv="1000")) == counts[-1], expression.where
        report.append(f"{panel['title']:40} {sum(counts):3} series from {len(counts)} queries {counts}")
    with capsys.disabled():
        # asked for: how much each panel has to show
        print(f"\n{name}.json on the simulated day\n  " + "\n  ".join(report))  # noqa: T201
    assert empty == []


@pytest.mark.parametrize("name", NAMES)
def test_every_query_uses_only_metrics_and_labels_that_there_are(url: str, name: str) -> None:
    known: dict[str, set[str]] = {}
    for expression in of_dashboard(load(name)):
        used = metrics_of(expression.text)
        assert used, f"{expression.where}: no metric in {expression.text}"
        for metric in used:
            if metric not in known:
                known[metric] = _labels(url, metric)
            if metric not in _SECOND_SPELLINGS:
                assert known[metric], f"{expression.where}: there is no {metric}"
        labels = set().union(*(known[metric] for metric in used))
        assert labels_of(expression.text) <= labels, f"{expression.where}: {labels_of(expression.text) - labels}"


def _labels(url: str, metric: str) -> set[str]:
    answer = requests.get(f"{url}/api/v1/labels", params={"match[]": metric}, timeout=30)
    return set(answer.json()["data"])


@pytest.mark.parametrize("name", NAMES)
def test_variables_and_annotations_find_what_there_is(url: str, name: str) -> None:
    found = {}
    for expression in of_dashboard(load(name)):
        if expression.where.startswith("variable"):
            found[expression.where] = {value for entry in _ask(url, expression) for value in entry["metric"].values()}
        elif expression.where.startswith("annotation"):
            # as Grafana does: a step of a minute, and only what is above 0
            series = window(url, expression.filled(), START, END, 60)
            times = [time for entry in series for time, value in entry["values"] if float(value) > 0]
            if "New faults" in expression.where:
                # when the day begins, all faults are new
                times = [time for time in times if time > START + 1800]
            found[expression.where] = {str((min(times) - START) // 60), str((max(times) - START) // 60)} if times else set()
    assert found["variable job"] == {"atess"}
    assert found["variable type"] == {"pbd", "pcs", "hps_central", "hps_string", "bcu", "mbms"}
    assert found.get("variable deviceSn", {_OFFLINE}) >= {_OFFLINE}
    assert found.get("variable site", {"Mae Hong Son"}) == {"Mae Hong Son"}
    # in minutes of the day: the restart at 6:02:40, the reloads at 9:00 and 16:10, the bad one from 16:00 to 16:09
    assert found["annotation Restarts"] == {"363", "367"}
    assert found["annotation Config reloads"] == {"540", "974"}
    assert found["annotation Config refused"] == {"960", "969"}
    if name != "exporter":
        # at the first poll of the day's only fault that comes, and not again when the exporter was restarted
        begin, end = sorted(map(int, found["annotation New faults"]))
        assert 570 <= begin <= 575
        assert end == begin + 4


def test_a_stale_device_leaves_a_gap_and_no_zeros(url: str) -> None:
    sections = _sections(load("device"))
    assert sections.pop("State")
    checked = 0
    for panel in (panel for section in sections.values() for panel in section):
        for expression in of_panel(panel):
            # an hour after it went stale, for the increase over an hour
            text = expression.filled(deviceSn=_OFFLINE)
            assert window(url, text, clock_time(15, 30), END, 300) == [], expression.where
            checked += len(window(url, text, START, clock_time(14), 300))
    assert checked > 50


def _sections(dashboard: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    sections: dict[str, list[dict[str, Any]]] = {}
    for panel in dashboard["panels"]:
        if panel["type"] == "row":
            section = sections.setdefault(panel["title"], [])
        else:
            section.append(panel)
    return sections


def test_the_power_units_multiply_and_the_check_judges_each_power(url: str) -> None:
    (now,) = of_panel(_panel("fleet", "PV power by type"))
    in_watts, in_kilowatts = (window(url, now.filled(ppv=unit), NOON, NOON, 60) for unit in ("1", "1000"))
    assert len(in_watts) == 4
    for one, other in zip(in_watts, in_kilowatts, strict=True):
        assert float(other["values"][0][1]) == pytest.approx(1000 * float(one["values"][0][1]))
    # the simulator's powers are in watts; battery and load are seen best when there is no sun
    ppv, *others = of_panel(_panel("fleet", "Does the power unit fit?"))
    assert _words_of_day(url, ppv, ppv="1", power="1000") == {"yes"}
    assert _words_of_day(url, ppv, ppv="1000", power="1") == {"no: choose W"}
    assert _words_of_day(url, ppv, ppv="0.001") == {"no: choose kW"}
    assert len(others) == 4
    for other_power in others:
        assert _words_of_day(url, other_power, power="1", ppv="1000") == {"yes"}, other_power.where
        assert _words_of_day(url, other_power, power="1000", ppv="1") == {"no: choose W"}, other_power.where
    for of_each in of_panel(_panel("device", "Does the power unit fit?")):
        values = [float(value) for entry in _ask(url, of_each) for _, value in entry["values"]]
        assert values, of_each.where
        assert sum(0.03 < abs(value) < 30 for value in values) > 0.95 * len(values), of_each.where


def _words_of_day(url: str, expression: Expression, **units: str) -> set[str]:
    """The verdicts of all hours of the day."""
    ranges = _panel("fleet", "Does the power unit fit?")["fieldConfig"]["defaults"]["mappings"]
    values = [float(value) for entry in _ask(url, expression, **units) for _, value in entry["values"]]
    return {
        mapping["options"]["result"]["text"]
        for value in values
        for mapping in ranges
        if (mapping["options"]["from"] or float("-inf")) <= value <= (mapping["options"]["to"] or float("inf"))
    }


def _panel(name: str, title: str) -> dict[str, Any]:
    (found,) = (panel for panel in panels(load(name)) if panel["title"] == title)
    return found


def _at(url: str, panel: dict[str, Any], at: int, **values: str) -> list[dict[str, Any]]:
    (expression,) = of_panel(panel)
    return sample(url, expression.filled(**values), at)


def test_faults_are_shown_with_their_texts(url: str) -> None:
    panel = _panel("device", "Active faults")
    found = _at(url, panel, clock_time(9, 45), deviceSn=_WELL)
    texts = next(
        change["value"][0]["options"]
        for override in panel["fieldConfig"]["overrides"]
        if override["matcher"]["options"] == "What it means"
        for change in override["properties"]
        if change["id"] == "mappings"
    )
    assert {entry["metric"]["code"]: texts[entry["metric"]["meaning"]]["text"].partition(":")[0] for entry in found} == {
        "2.3": "BMS communication",
        "2.5": "BMS",
        "3.0": "No utility",
    }
    assert _at(url, panel, clock_time(10, 30), deviceSn=_WELL) == []
    now = {entry["metric"]["fault"]: entry["value"][1] for entry in _at(url, _panel("fleet", "Faults now"), clock_time(9, 45))}
    assert now == {"bms_communication": "2", "bms": "1", "ac_no_utility": "1", "fan_inv_fault": "1"}


@pytest.mark.parametrize("name", ["fleet", "device"])
def test_numbers_that_cannot_be_spoil_no_panel(url: str, name: str) -> None:
    bounds = {"percent": (0, 100), "celsius": (-100, 150)}
    checked = 0
    for panel in panels(load(name)):
        low, high = bounds.get(panel["fieldConfig"]["defaults"]["unit"], (0, 0))
        if high:
            for expression in of_panel(panel):
                for entry in window(url, expression.filled(), START, END, 300):
                    checked += len(entry["values"])
                    assert all(low <= float(value) <= high for _, value in entry["values"]), expression.where
    assert checked > 1000
    # but they are there, and one panel says so
    assert len(sample(url, "max_over_time(atess_capacity[1d]) > 48000 and max_over_time(atess_temp1[1d]) > 6000", END)) == 1
    (doubted,) = of_panel(_panel("device", "Numbers that cannot be"))
    named = {entry["metric"]["field"] for entry in window(url, doubted.filled(), START, END, 300)}
    assert named == {"atess_capacity", "atess_temp1", "atess_max_temp"}


@pytest.mark.parametrize("name", ["fleet", "device"])
def test_devices_of_another_site_are_left_out(url: str, name: str) -> None:
    for panel in panels(load(name)):
        for expression in of_panel(panel):
            assert _ask(url, expression, site="Elsewhere") == [], expression.where
            assert len(_ask(url, expression, site="Mae Hong Son")) == len(_ask(url, expression)), expression.where


@pytest.mark.parametrize("name", ["fleet", "device"])
def test_one_device_and_none_are_no_mistake(url: str, name: str) -> None:
    for panel in panels(load(name)):
        for expression in of_panel(panel):
            assert _ask(url, expression, deviceSn="NOSUCH") == [], expression.where
            one = _ask(url, expression, deviceSn=_WELL)
            assert len(one) <= 3, expression.where


@pytest.mark.parametrize("name", ["fleet", "device"])
def test_a_thousand_devices_do_not_choke_the_browser(url_of_large_fleet: str, name: str) -> None:
    for panel in panels(load(name)):
        expressions = of_panel(panel)
        counts = [
            len(sample(url_of_large_fleet, panel_expression.filled(__range="600s"), NOON)) for panel_expression in expressions
        ]
        assert max(counts) <= 25, f"{panel['title']}: {counts}"
    assert len(sample(url_of_large_fleet, "atess_device_up", NOON)) == 1000
