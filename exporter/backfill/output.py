"""Columns -> OpenMetrics files: families in order of their names, in each the series one after the other, in order of time."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import IO, Final

from exporter.backfill.plan import Source
from exporter.backfill.spill import SampleColumn, Spill
from exporter.metrics.names import metric_name
from exporter.metrics.series import Series

#: Families that are written; all types that are known have some 300 together. A device that sends new names for ever ends here.
MAX_FAMILIES: Final = 4096

TOO_MANY: Final = "too many fields"

_DAY: Final = 86400
_EPOCH: Final = date(1970, 1, 1).toordinal()
_EOF: Final = b"# EOF\n"

#: Bytes of one family that are gathered before they go into the files of their days.
_GATHERED: Final = 8 * 1024 * 1024


class Families:
    """Which fields of the spill become families, by the very rules of the live series."""

    def __init__(self, spill: Spill, sources: Sequence[Source], series: Series) -> None:
        first: dict[str, Source] = {}
        self.left_out: list[tuple[Source, str, str]] = []
        for source in sources:
            for name in spill.fields(source):
                if name not in first and len(first) >= MAX_FAMILIES:
                    self.left_out.append((source, name, TOO_MANY))
                    break
                first.setdefault(name, source)
        rejected = dict(series.update(series.add("", ""), dict.fromkeys(first, 0)))
        self.left_out += [(first[name], name, cause) for name, cause in rejected.items()]
        fields = {metric_name(name): name for name in first if name not in rejected}
        #: The HELP and TYPE lines of each family, and its field, in order of the families' names.
        self.headers = [(header, fields[name], name) for name, header in _headers(bytes(series.page()))]


def _headers(page: bytes) -> Iterator[tuple[str, bytes]]:
    """The name and the lines of comment of each family on a page."""
    lines = page.splitlines(keepends=True)
    for position, line in enumerate(lines):
        if line.startswith(b"# TYPE "):
            yield line.split(b" ")[2].decode(), lines[position - 1] + line


def write_file(target: Path, families: Families, samples: "Samples") -> None:
    """Write all families into one file."""
    with target.open("wb") as out:
        for header, field, metric in families.headers:
            out.write(header)
            for _, lines in samples(field, metric):
                out.write("".join(lines).encode())
        out.write(_EOF)
        _to_disk(out)


def write_days(target: Path, families: Families, samples: "Samples") -> None:
    """Write a folder with one file for each day (UTC) that has samples, named by its date."""
    target.mkdir()
    for header, field, metric in families.headers:
        days = _Days(target, header)
        for times, lines in samples(field, metric):
            days.add(times, lines)
        days.flush()
    for path in sorted(target.iterdir()):
        with path.open("ab") as out:
            out.write(_EOF)
            _to_disk(out)
    sync_folder(target)


class _Days:
    """One family, parted by days. No more than _GATHERED bytes are held, and no file is open in between."""

    def __init__(self, folder: Path, header: bytes) -> None:
        self._folder = folder
        self._header = header
        self._begun: set[int] = set()
        self._gathered: dict[int, list[bytes]] = {}
        self._size = 0

    def add(self, times: Sequence[int], lines: Sequence[str]) -> None:
        for day, numbered in groupby(enumerate(times), lambda item: item[1] // _DAY):
            text = "".join([lines[number] for number, _ in numbered]).encode()
            self._gathered.setdefault(day, []).append(text)
            self._size += len(text)
        if self._size > _GATHERED:
            self.flush()

    def flush(self) -> None:
        for day, lines in self._gathered.items():
            with (self._folder / f"{date.fromordinal(_EPOCH + day)}.om").open("ab") as out:
                if day not in self._begun:
                    out.write(self._header)
                    self._begun.add(day)
                out.writelines(lines)
        self._gathered.clear()
        self._size = 0


class Samples:
    """The samples of a family as lines, series by series. `progress` is told how many were made."""

    def __init__(self, spill: Spill, sources: Sequence[Source], series: Series, progress: Callable[[int], None]) -> None:
        self._spill = spill
        self._sources = [(source, series.add(source.type, source.sn).labels) for source in sources]
        self._progress = progress

    def __call__(self, field: str, metric: str) -> Iterator[tuple[Sequence[int], Sequence[str]]]:
        """Times and lines, in pieces."""
        for source, labels in self._sources:
            prefix = f"{metric}{{{labels}}} "
            for times, values in in_order(self._spill.columns(source, field)):
                yield times, [f"{prefix}{value!r} {time}\n" for time, value in zip(times, values, strict=True)]
                self._progress(len(times))


def in_order(columns: Iterable[SampleColumn]) -> Iterator[SampleColumn]:
    """The columns of a series in order of time, each time once. Only at a change of clocks do two windows overlap."""
    held: SampleColumn | None = None
    for column in columns:
        if held is None:
            held = column
        elif column[0][0] > held[0][-1]:
            yield held
            held = column
        else:
            # of two samples for one time that of the earlier window counts
            samples = dict(zip(column[0] + held[0], [*column[1], *held[1]], strict=True))
            times = sorted(samples)
            held = times, [samples[time] for time in times]
    if held is not None:
        yield held


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _to_disk(out: IO[bytes]) -> None:
    out.flush()
    os.fsync(out.fileno())
