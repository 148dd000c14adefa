"""Columns -> OpenMetrics files: families sorted by name, in each one series after the other, each in order of time."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from itertools import groupby
from pathlib import Path
from types import MappingProxyType
from typing import IO, Final

from exporter.backfill.plan import Source
from exporter.backfill.spill import SampleColumn, Spill
from exporter.metrics.exposition import escape_label
from exporter.metrics.names import metric_name
from exporter.metrics.series import Series

#: Families that are written at most. All known types together have some 300; a device that keeps sending new names stops here.
MAX_FAMILIES: Final = 4096

TOO_MANY: Final = "too many fields"

NO_LABELS: Final[Mapping[str, str]] = MappingProxyType({})

_DAY: Final = 86400
_EPOCH: Final = date(1970, 1, 1).toordinal()
_EOF: Final = b"# EOF\n"


class Families:
    """The families of a spill, by the same rules as those of live series.

    `headers` has HELP and TYPE, field and metric of each family, sorted by metric. `dropped` has the fields without a family: the
    first device that sent one, its name, and the cause. `labels` are those of all samples beside their own. `progress` is called
    with how many samples were rendered since its last call.
    """

    def __init__(
        self,
        spill: Spill,
        sources: Sequence[Source],
        series: Series,
        progress: Callable[[int], None],
        labels: Mapping[str, str] = NO_LABELS,
    ) -> None:
        self._spill = spill
        self._progress = progress
        first: dict[str, Source] = {}
        self.dropped: list[tuple[Source, str, str]] = []
        for source in sources:
            for name in spill.fields(source):
                if name not in first and len(first) >= MAX_FAMILIES:
                    self.dropped.append((source, name, TOO_MANY))
                    break
                first.setdefault(name, source)
        without_series = dict(series.update(series.add("", ""), dict.fromkeys(first, 0)))
        self.dropped += [(first[name], name, cause) for name, cause in without_series.items()]
        fields = {metric_name(name): name for name in first if name not in without_series}
        self.headers = [(header, fields[name], name) for name, header in _headers(bytes(series.snapshot()))]
        added = "".join(f',{name}="{escape_label(value)}"' for name, value in sorted(labels.items()))
        self._sources = [(source, series.add(source.type, source.sn).labels + added) for source in sources]

    def render(self, field: str, metric: str) -> Iterator[tuple[Sequence[int], Sequence[str]]]:
        """Yield Unix times and rendered samples of a family, series by series and column by column."""
        for source, labels in self._sources:
            prefix = f"{metric}{{{labels}}} "
            for times, values in merge_overlaps(self._spill.columns(source, field)):
                yield times, [f"{prefix}{value!r} {time}\n" for time, value in zip(times, values, strict=True)]
                self._progress(len(times))


def _headers(exposition: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the metric name and the HELP and TYPE lines of each family of an exposition."""
    lines = exposition.splitlines(keepends=True)
    for position, line in enumerate(lines):
        if line.startswith(b"# TYPE "):
            yield line.split(b" ")[2].decode(), lines[position - 1] + line


def write_file(target: Path, families: Families) -> None:
    """Write all families into one file, and wait until it is on disk."""
    with target.open("wb") as out:
        for header, field, metric in families.headers:
            out.write(header)
            for _, lines in families.render(field, metric):
                out.write("".join(lines).encode())
        out.write(_EOF)
        _to_disk(out)


def write_days(target: Path, families: Families) -> None:
    """Write a folder with a file for each UTC day that has samples, named by its date, and wait until it is on disk."""
    target.mkdir()
    for header, field, metric in families.headers:
        begun: set[int] = set()
        for times, lines in families.render(field, metric):
            for day, samples in groupby(zip(times, lines, strict=True), lambda sample: sample[0] // _DAY):
                # opened anew for every day of every column, because a range may have more days than files can be open
                with (target / f"{date.fromordinal(_EPOCH + day)}.om").open("ab") as out:
                    if day not in begun:
                        out.write(header)
                        begun.add(day)
                    out.write("".join(line for _, line in samples).encode())
    for path in sorted(target.iterdir()):
        with path.open("ab") as out:
            out.write(_EOF)
            _to_disk(out)
    sync_folder(target)


def merge_overlaps(columns: Iterable[SampleColumn]) -> Iterator[SampleColumn]:
    """Yield the columns of a series in order of time, each time once. Windows overlap only where the clocks change."""
    pending: SampleColumn | None = None
    for column in columns:
        if pending is None:
            pending = column
        elif column[0][0] > pending[0][-1]:
            yield pending
            pending = column
        else:
            # of two samples with the same time, keep that of the earlier window
            samples = dict(zip(column[0] + pending[0], [*column[1], *pending[1]], strict=True))
            times = sorted(samples)
            pending = times, [samples[time] for time in times]
    if pending is not None:
        yield pending


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _to_disk(out: IO[bytes]) -> None:
    out.flush()
    os.fsync(out.fileno())
