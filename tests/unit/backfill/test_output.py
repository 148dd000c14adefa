"""Families, their order, and the files."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from exporter.backfill import output
from exporter.backfill.output import Families, merge_overlaps, write_days, write_file
from exporter.backfill.plan import Source
from exporter.backfill.spill import SampleColumn, Spill
from exporter.catalogue.types import ApiPath, Evidence, HelpTexts, load_catalogue
from exporter.metrics.names import metric_name
from exporter.metrics.series import Series
from tests.helpers.backfilling import read_samples

PATH = ApiPath(path="x", evidence=Evidence.INFERRED)
ONE, TWO = Source("pbd", "A", PATH), Source("bcu", 'B"\\\n', PATH)
DAY = 86400


def series() -> Series:
    helps = HelpTexts(load_catalogue().values())
    return Series(metric_name, helps.of, helps.known)


@pytest.fixture
def spill(tmp_path: Path) -> Iterator[Spill]:
    it = Spill(tmp_path / "spill", {})
    yield it
    it.close()


def families(spill: Spill, *sources: Source) -> Families:
    return Families(spill, sources, series(), lambda samples: None)


def written(spill: Spill, path: Path, *sources: Source) -> str:
    write_file(path, families(spill, *sources))
    return path.read_text()


def test_a_file_is_openmetrics_with_the_helps_of_the_live_page(spill: Spill, tmp_path: Path) -> None:
    spill.finish(ONE, 1, {"epvTotal": ([300], [1.5])}, {})
    spill.finish(ONE, 0, {"pac": ([100, 200], [1, 2]), "epvTotal": ([100, 200], [0.1 + 0.2, 10**20])}, {})
    spill.finish(TWO, 0, {"epvTotal": ([150], [1e20])}, {})
    text = written(spill, tmp_path / "x.om", TWO, ONE)
    live = series()
    row = live.add("pbd", "A")
    live.update(row, {"epvTotal": 0, "pac": 0})
    headers = [line for line in bytes(live.snapshot()).decode().splitlines() if line.startswith("#")]
    labels, other = 'deviceSn="A",type="pbd"', 'deviceSn="B\\"\\\\\\n",type="bcu"'
    assert text.splitlines() == [
        *headers[:2],
        f"atess_epv_total{{{other}}} 1e+20 150",
        f"atess_epv_total{{{labels}}} 0.30000000000000004 100",
        f"atess_epv_total{{{labels}}} 100000000000000000000 200",
        f"atess_epv_total{{{labels}}} 1.5 300",
        *headers[2:],
        f"atess_pac{{{labels}}} 1 100",
        f"atess_pac{{{labels}}} 2 200",
        "# EOF",
    ]


def test_fields_that_are_dropped_live_are_dropped_here(spill: Spill, tmp_path: Path) -> None:
    fields = ["fooBar", "foo_bar", "a b", "deviceUp", "exporterDevices", "setting_x", "epv_today"]
    spill.finish(ONE, 0, {name: ([100], [number]) for number, name in enumerate(fields)}, {})
    spill.finish(TWO, 0, {name: ([100], [7]) for name in ["foo_bar", "epvToday", "a b"]}, {})
    found = families(spill, ONE, TWO)
    assert [field for _, field, _ in found.headers] == ["epvToday", "fooBar"]
    assert sorted((source.sn, name, cause) for source, name, cause in found.dropped) == [
        ("A", "a b", "name"),
        ("A", "deviceUp", "collision"),
        # epvToday is known, so the metric is its own, whoever comes first
        ("A", "epv_today", "collision"),
        ("A", "exporterDevices", "collision"),
        ("A", "foo_bar", "collision"),
        ("A", "setting_x", "collision"),
    ]
    live = series()
    rejected = live.update(live.add("pbd", "A"), dict.fromkeys(fields, 0))
    assert set(rejected) == {(name, cause) for source, name, cause in found.dropped if source is ONE}


def test_a_device_that_sends_new_names_for_ever_ends_somewhere(
    spill: Spill, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "MAX_FAMILIES", 5)
    spill.finish(ONE, 0, {f"fresh{number}": ([100], [1]) for number in range(9)}, {})
    spill.finish(TWO, 0, {"fresh0": ([100], [2]), "late": ([100], [2])}, {})
    found = families(spill, ONE, TWO)
    assert len(found.headers) == 5
    assert [(source.sn[0], name, cause) for source, name, cause in found.dropped] == [
        ("A", "fresh5", output.TOO_MANY),
        ("B", "late", output.TOO_MANY),
    ]


def test_days_are_files_of_their_own(spill: Spill, tmp_path: Path) -> None:
    spill.finish(ONE, 0, {"pac": ([0, DAY - 1, DAY, 3 * DAY], [1, 2, 3, 4]), "ppv": ([DAY], [5])}, {})
    spill.finish(ONE, 1, {"pac": ([3 * DAY + 60], [8])}, {})
    spill.finish(TWO, 0, {"pac": ([1, DAY], [6, 7])}, {})
    write_days(tmp_path / "days", families(spill, ONE, TWO))
    files = sorted((tmp_path / "days").iterdir())
    assert [path.name for path in files] == ["1970-01-01.om", "1970-01-02.om", "1970-01-04.om"]
    assert [line for line in files[1].read_text().splitlines() if not line.startswith("# H")] == [
        "# TYPE atess_pac gauge",
        'atess_pac{deviceSn="A",type="pbd"} 3 86400',
        'atess_pac{deviceSn="B\\"\\\\\\n",type="bcu"} 7 86400',
        "# TYPE atess_ppv gauge",
        'atess_ppv{deviceSn="A",type="pbd"} 5 86400',
        "# EOF",
    ]
    assert read_samples(files[2]) == {("atess_pac", "A"): {3 * DAY: "4", 3 * DAY + 60: "8"}}


@pytest.mark.parametrize(
    ("columns", "wanted"),
    [
        ([], []),
        ([([1, 2], [1, 2]), ([3], [3])], [([1, 2], [1, 2]), ([3], [3])]),
        ([([1, 4], [1, 4]), ([3, 5], [3, 5]), ([6], [6])], [([1, 3, 4, 5], [1, 3, 4, 5]), ([6], [6])]),
        ([([1, 2], [1, 2]), ([2, 3], [20, 30])], [([1, 2, 3], [1, 2, 30])]),
        ([([5], [5]), ([1], [1]), ([3], [3]), ([7], [7])], [([1, 3, 5], [1, 3, 5]), ([7], [7])]),
    ],
)
def test_windows_that_overlap_are_put_in_order(columns: list[SampleColumn], wanted: list[SampleColumn]) -> None:
    assert list(merge_overlaps(columns)) == wanted


def test_labels_stand_behind_those_of_the_live_series(spill: Spill, tmp_path: Path) -> None:
    spill.finish(ONE, 0, {"pac": ([100], [1])}, {})
    labels = {"site": 'a "b"\\\nc', "job": "atess"}
    write_file(tmp_path / "x.om", Families(spill, [ONE], series(), lambda samples: None, labels))
    (line,) = [line for line in (tmp_path / "x.om").read_text().splitlines() if not line.startswith("#")]
    assert line == r'atess_pac{deviceSn="A",type="pbd",job="atess",site="a \"b\"\\\nc"} 1 100'
    ((_, found),) = [(sample.name, sample.labels) for family in parse(tmp_path / "x.om") for sample in family.samples]
    assert found == {"deviceSn": "A", "type": "pbd", **labels}


def parse(path: Path) -> Iterator[Metric]:
    return iter(text_string_to_metric_families(path.read_text()))
