"""A month that was filled in, on the dashboards: in a Prometheus that never scraped an exporter."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import pytest

from exporter.simulator import demo_site
from tests.helpers.backfilling import BANGKOK, START, bench
from tests.helpers.expressions import load, of_dashboard
from tests.helpers.past_panels import about_readings, ask
from tests.helpers.processes import prometheus_server

#: One of every type, with faults and with numbers that cannot be.
DEVICES: Final = list({device.type: device for device in reversed(demo_site(datetime(2024, 5, 1, tzinfo=BANGKOK)))}.values())
#: Seconds. A real site's are five minutes, and take six times as long.
INTERVAL: Final = 1800

END: Final = START + timedelta(days=30)

#: A day in it, from midnight to midnight, as Grafana asks for it.
DAY: Final = int(datetime(2024, 5, 15, tzinfo=BANGKOK).timestamp())


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
