"""History as a user fills it in: the command, promtool, and a Prometheus that is asked for every sample.

A month of five devices of three types, a reading every half hour so that it is done soon: `ATESS_BACKFILL_INTERVAL=300` in the
environment makes it the five minutes of a real site.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
import requests

from exporter.simulator import SimDevice
from tests.helpers.backfilling import START, Bench, Samples, bench, read_samples
from tests.helpers.processes import TOKEN, prometheus_server

INTERVAL: Final = int(os.environ.get("ATESS_BACKFILL_INTERVAL", "1800"))
END: Final = START + timedelta(days=31)
DEVICES: Final = (
    SimDevice("pbd", "UMD0D23202"),
    SimDevice("pbd", "UMD0D23203"),
    SimDevice("hps_central", "TND0D20233"),
    SimDevice("hps_central", "TND0D20234"),
    SimDevice("bcu", "BCD0D24101"),
)
#: A gauge that moves, a lifetime counter whose name ends in _total, a voltage, and a status.
COMPARED: Final = ("atess_capacity", "atess_epv_total", "atess_vbat", "atess_status", "atess_ppv1")


def command(site: Bench, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command as a process of its own."""
    whole = [
        *(sys.executable, "-m", "exporter", "backfill", "--config.file", str(site.write_config())),
        *("--from", str(START.date()), "--to", str(END.date()), "--output", str(site.output)),
    ]
    env = {**os.environ, "ATESS_API_TOKEN": TOKEN}
    return subprocess.run([*whole, *arguments], capture_output=True, text=True, env=env, check=False, timeout=600)


def promtool(output: Path, blocks: Path, longest: str) -> None:
    """Make blocks of that length at most."""
    program = shutil.which("promtool")
    assert program
    load = [program, "tsdb", "create-blocks-from", "openmetrics", f"--max-block-duration={longest}", str(output), str(blocks)]
    subprocess.run(load, check=True, capture_output=True)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with bench(tmp_path_factory.mktemp("site"), *DEVICES, interval=INTERVAL) as it:
        yield it


@pytest.fixture(scope="module")
def truth(site: Bench) -> Samples:
    return site.truth(START, END)


@pytest.fixture(scope="module")
def prometheus(site: Bench, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prometheus on the blocks that promtool made of the command's output."""
    done = command(site)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    forecast = command(site, "--dry-run", "--output", str(site.folder / "another.om")).stdout
    retention = re.findall(r"--storage\.tsdb\.retention\.time=\d+d", forecast)
    folder = tmp_path_factory.mktemp("prometheus")
    blocks = folder / "data"
    promtool(site.output, blocks, "768h")
    (folder / "prometheus.yml").write_text("{}")
    arguments = (retention[0], "--query.max-samples=200000000")
    with prometheus_server(folder / "prometheus.yml", blocks, *arguments) as url:
        yield f"{url}/api/v1"


def ask(url: str, path: str, **query: Any) -> list[dict[str, Any]]:
    answer = requests.post(f"{url}/{path}", data=query, timeout=120)
    assert answer.ok, answer.text
    return list(answer.json()["data"]["result"])


def test_every_sample_of_some_fields_is_what_the_cloud_holds(prometheus: str, truth: Samples) -> None:
    types = {device.sn: device.type for device in DEVICES}
    begin, end = (int(moment.timestamp()) for moment in (START - timedelta(days=2), END + timedelta(days=2)))
    for metric in COMPARED:
        # a matrix selector gives the samples as they are, with their own times
        result = ask(prometheus, "query", query=f"{metric}[{end - begin}s]", time=end)
        found = {entry["metric"]["deviceSn"]: {float(at): float(value) for at, value in entry["values"]} for entry in result}
        wanted = {
            sn: {float(at): float(value) for at, value in series.items()}
            for (name, sn), series in truth.items()
            if name == metric
        }
        assert found == wanted
        assert all(entry["metric"].pop("type") == types[entry["metric"]["deviceSn"]] for entry in result)
        assert {name for entry in result for name in entry["metric"]} == {"__name__", "deviceSn"}
    assert {sn for name, sn in truth if name in COMPARED} == set(types)


def test_a_range_query_shows_it(prometheus: str, truth: Samples) -> None:
    series = truth["atess_epv_total", "UMD0D23202"]
    times = sorted(series)
    begin, end = times[0], times[0] + 1000 * INTERVAL
    (result,) = ask(
        prometheus, "query_range", query='atess_epv_total{deviceSn="UMD0D23202"}', start=begin, end=end, step=INTERVAL
    )
    assert [(at, float(value)) for at, value in result["values"]] == [(at, float(series[at])) for at in times[:1001]]


def test_the_number_of_samples_of_every_series_is_right(prometheus: str, truth: Samples) -> None:
    begin, end = min(min(times) for times in truth.values()), max(max(times) for times in truth.values())
    found = {}
    for metric in {name for name, _ in truth}:
        for entry in ask(prometheus, "query", query=f"count_over_time({metric}[{end - begin + 2}s])", time=end + 1):
            found[metric, entry["metric"]["deviceSn"]] = int(entry["value"][1])
    assert found == {key: len(series) for key, series in truth.items()}
    names = requests.get(f"{prometheus}/label/__name__/values", timeout=30).json()["data"]
    assert set(names) == {name for name, _ in truth}


def test_a_dry_run_foretells_the_sizes(site: Bench, prometheus: str, truth: Samples, tmp_path: Path) -> None:
    forecast = command(site, "--dry-run", "--output", str(tmp_path / "another.om")).stdout
    (samples, output, blocks) = re.findall(r"about ([\d,]+) samples.+: (\d+) MB of output, ([\d.]+) MB as", forecast)[0]
    # it counts on a reading every five minutes
    share = 300 / INTERVAL
    assert sum(map(len, truth.values())) == pytest.approx(share * int(samples.replace(",", "")), rel=0.15)
    assert site.output.stat().st_size == pytest.approx(share * int(output) * 1e6, rel=0.15)
    promtool(site.output, tmp_path, "54h")
    size = sum(file.stat().st_size for file in tmp_path.rglob("*") if file.is_file())
    assert 0.25 < size / (share * float(blocks) * 1e6) < 2


def test_a_file_a_day_holds_the_same(site: Bench, prometheus: str, truth: Samples) -> None:
    site.output.rename(site.folder / "whole.om")
    done = command(site, "--split-by", "day", "--devices", "bcu:BCD0D24101")
    assert done.returncode == 0, done.stderr
    files = sorted(site.output.iterdir())
    # midnight in Bangkok is 17:00 UTC of the day before
    assert [path.name for path in files] == [f"{START.date() + timedelta(days=n)}.om" for n in range(-1, 31)]
    joined: dict[tuple[str, str], dict[int, str]] = {}
    for file in files:
        for key, series in read_samples(file).items():
            assert {str(datetime.fromtimestamp(at, UTC).date()) for at in series} == {file.stem}
            joined.setdefault(key, {}).update(series)
    assert joined == {key: series for key, series in truth.items() if key[1] == "BCD0D24101"}
