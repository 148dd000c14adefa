"""A month that was filled in, on the dashboards: in a Prometheus that never scraped an exporter."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from exporter.catalogue.types import load_catalogue
from exporter.metrics.names import metric_name
from exporter.simulator import demo_site
from grafana.queries import ANY
from tests.helpers.backfilling import BANGKOK, START, bench
from tests.helpers.expressions import Expression, load, metrics_of, of_dashboard, of_panel, panels
from tests.helpers.processes import prometheus_server
from tests.helpers.simulated_day import sample, window

#: One of every type, with faults and with numbers that cannot be.
DEVICES: Final = list({device.type: device for device in reversed(demo_site(datetime(2024, 5, 1, tzinfo=BANGKOK)))}.values())
#: Seconds. A real site's are five minutes, and take six times as long.
INTERVAL: Final = 1800

END: Final = START + timedelta(days=30)

#: A day in it, from midnight to midnight, as Grafana asks for it.
DAY: Final = int(datetime(2024, 5, 15, tzinfo=BANGKOK).timestamp())

READINGS: Final = {metric_name(field) for known in load_catalogue().values() for field in known.fields}


@contextmanager
def filled(output: Path, folder: Path) -> Iterator[str]:
    """Give the URL of a Prometheus on the blocks that promtool makes of a backfill's output."""
    promtool = shutil.which("promtool")
    assert promtool, "no promtool: run the tests by make test"
    load_blocks = [promtool, "tsdb", "create-blocks-from", "openmetrics", "--max-block-duration=768h", "--quiet"]
    subprocess.run([*load_blocks, str(output), str(folder / "data")], check=True, capture_output=True)
    (folder / "prometheus.yml").write_text("{}")
    with prometheus_server(folder / "prometheus.yml", folder / "data", "--storage.tsdb.retention.time=100y") as url:
        yield url


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("month")
    with bench(folder, *DEVICES, interval=INTERVAL) as site:
        outcome = site.run(START, END)
        assert outcome.code == 0, outcome.error
    with filled(site.output, folder) as found:
        yield found


@pytest.fixture(scope="module")
def url_of_labelled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("labelled")
    with bench(folder, *DEVICES, interval=INTERVAL) as site:
        outcome = site.run(START, START + timedelta(days=1), labels={"job": "atess", "instance": "exporter:9837"})
        assert outcome.code == 0, outcome.error
    with filled(site.output, folder) as found:
        yield found


def about_readings(dashboard: dict[str, Any]) -> Iterator[Expression]:
    """Yield the expressions of panels that need nothing but readings."""
    for panel in panels(dashboard):
        for expression in of_panel(panel):
            # but for the choice of a site, which needs nothing
            if not re.search(r"atess_device_(?!info\{[^}]*site!~)\w+\{", expression.text):
                assert metrics_of(expression.text) <= {*READINGS, *ANY.split("|"), "atess_device_info"}
                yield expression


def ask(url: str, expression: Expression, day: int, **values: str) -> list[dict[str, Any]]:
    """The answer for a day; to an instant one in the hours before midnight, whose uploads are not all odd."""
    filled_in = expression.filled(**values)
    if expression.instant:
        return [found for at in range(day + 79200, day + 86400, 300) for found in sample(url, filled_in, at)]
    return window(url, filled_in, day, day + 86400, 300)


@pytest.mark.parametrize(("name", "queries"), [("fleet", 25), ("device", 90)])
def test_every_panel_about_readings_shows_a_day_of_the_month(url: str, name: str, queries: int) -> None:
    found = {expression.where: len(ask(url, expression, DAY)) for expression in about_readings(load(name))}
    assert [where for where, series in found.items() if not series] == []
    assert len(found) >= queries


def test_devices_and_types_can_be_chosen(url: str) -> None:
    variables = {
        expression.where: {value for entry in ask(url, expression, DAY) for value in entry["metric"].values()}
        for expression in of_dashboard(load("device"))
        if expression.where.startswith("variable")
    }
    assert variables["variable type"] == {device.type for device in DEVICES}
    assert variables["variable deviceSn"] == {device.sn for device in DEVICES}


@pytest.mark.parametrize("job", [".*", "atess"])
def test_history_with_the_label_of_the_live_job_is_that_jobs(url_of_labelled: str, job: str) -> None:
    day = int(START.replace(tzinfo=BANGKOK).timestamp())
    for name in ("fleet", "device"):
        found = {
            expression.where: len(ask(url_of_labelled, expression, day, job=job)) for expression in about_readings(load(name))
        }
        assert [where for where, series in found.items() if not series] == []
        assert not any(ask(url_of_labelled, expression, day, job="other") for expression in about_readings(load(name)))
