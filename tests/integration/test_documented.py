"""What the exporter serves and what the documentation says it serves: the same names, both ways."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families as parse

from tests.helpers.processes import Exporter, eventually, exporter, simulated_cloud

REFERENCE = Path("docs/reference")
LOGGER, BROKEN, GONE = "DLD0D20001", "UMD0D23202", "UMD0D23203"

#: Served while a device is in no list any more, and while a time zone does not fit: there is neither here.
SOMETIMES = {"atess_device_gone", "atess_exporter_timezone_offset_seconds"}

#: What the libraries have, by platform.
LIBRARIES = ("process_", "python_")


def codes_in_first_cells(page: str) -> list[str]:
    """The names in code in the first cell of each row of a page's tables."""
    rows = re.findall(r"^\| ((?:[^|\\]|\\.)*) \|", (REFERENCE / page).read_text(encoding="utf-8"), re.MULTILINE)
    return [name for cell in rows for name in re.findall(r"`([^`]+)`", cell)]


@pytest.fixture(scope="module")
def running_exporter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exporter]:
    """An exporter with all that it can show: a faulty device, one that is gone, times that move, discovery and settings."""
    arguments = ("--site", "--fault", f"pbd:{BROKEN}=1.13", "--timezone", "Asia/Bangkok", "--upload-interval", "1")
    with simulated_cloud(*arguments) as cloud:
        config = {
            "api": {"base_url": cloud.url, "requests_per_minute": 6000, "timezone": "Asia/Bangkok"},
            "poll": {"interval": "2s"},
            "devices": {"pbd": [{"deviceSn": BROKEN, "info": {"site": "north"}}]},
            "discovery": {"datalog_sns": [LOGGER], "interval": "2s"},
            "settings": {"interval": "2s"},
        }
        with exporter(tmp_path_factory.mktemp("exporter"), config) as running:
            wanted = ("atess_device_fault_active{", "atess_device_lost{", "atess_setting_", "atess_exporter_timezone_offset_")
            eventually(lambda: all(f"\n{name}".encode() in running.page() for name in wanted))
            cloud.remove("pbd", GONE)
            eventually(lambda: b"\natess_device_gone{" in running.page())
            yield running


@pytest.fixture(scope="module")
def labels(running_exporter: Exporter) -> dict[str, set[str]]:
    """The labels of each metric that is served."""
    found: dict[str, set[str]] = {}
    for family in parse(running_exporter.page().decode()):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        if not name.startswith(LIBRARIES):
            found.setdefault(name, set()).update(*(sample.labels for sample in family.samples))
    return found


def test_every_metric_is_documented_and_every_documented_metric_is_served(labels: dict[str, set[str]]) -> None:
    about = {name for name in codes_in_first_cells("metrics.md") if name.startswith("atess_")}
    fields = set(re.findall(r"`(atess_\w+)`", (REFERENCE / "fields" / "index.md").read_text(encoding="utf-8")))
    settings = {name for name in labels if name.startswith("atess_setting_")}
    assert labels.keys() - fields - settings - SOMETIMES == about - SOMETIMES


def test_every_label_is_documented(labels: dict[str, set[str]]) -> None:
    rows = re.findall(r"^\| <a id=\"(\w+)\"></a>(.*)\|$", (REFERENCE / "metrics.md").read_text(encoding="utf-8"), re.MULTILINE)
    for name, cells in rows:
        common = set() if name.startswith("atess_exporter_") else {"deviceSn", "type"}
        # `site` stands for the labels that are the user's own, `le` is of every histogram
        for label in labels.get(name, set()) - common - {"site", "le"}:
            assert f"`{label}`" in cells, f"{name}: {label}"


def keys_of(document: object) -> Iterator[str]:
    """All keys of a document, but for those that are names: of labels, of fields and of states."""
    if isinstance(document, dict):
        for key, value in document.items():
            yield key
            if key not in ("info", "counts", "powers"):
                yield from keys_of(value)
    elif isinstance(document, list):
        for one in document:
            yield from keys_of(one)


def test_every_key_of_the_documents_is_documented_and_every_documented_key_is_there(running_exporter: Exporter) -> None:
    def get(path: str) -> Any:
        return requests.get(f"{running_exporter.url}{path}", timeout=10).json()

    served = set(keys_of([get("/devices.json"), get(f"/devices/pbd/{BROKEN}.json")]))
    page = (REFERENCE / "json.md").read_text(encoding="utf-8")
    assert served == set(keys_in_tables(page)) | {"value", "word"}


def keys_in_tables(page: str) -> Iterable[str]:
    """The names in code in the first cell of each row of the tables of keys."""
    for table in re.findall(r"^\| key \|.*\n((?:\|.*\n)+)", page, re.MULTILINE):
        for row in table.splitlines():
            yield from re.findall(r"`(\w+)`", row.split(" | ")[0])
