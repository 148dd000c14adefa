"""Many scrapes of one target -> one OpenMetrics file with timestamps, as promtool loads it."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_TYPE: Final = re.compile(rb"# TYPE (\S+) (\S+)")
_SAMPLE: Final = re.compile(rb"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)")


class Pages:
    """Collects pages, and writes each family's samples together: OpenMetrics forbids to return to a family."""

    def __init__(self, labels: Mapping[str, str]) -> None:
        self._labels = ",".join(f'{name}="{value}"' for name, value in labels.items()).encode()
        self._families: dict[bytes, tuple[bytes, list[bytes]]] = {}

    def add(self, page: bytes, time: int) -> None:
        """Take what a scrape at `time` brought."""
        stamp = str(time).encode()
        samples: list[bytes] = []
        for line in page.splitlines():
            if line.startswith(b"#"):
                if match := _TYPE.match(line):
                    samples = self._families.setdefault(match[1], (match[2], []))[1]
            elif match := _SAMPLE.fullmatch(line):
                labels = self._labels + b"," + match[2] if match[2] else self._labels
                samples.append(b"%s{%s} %s %s\n" % (match[1], labels, match[3], stamp))
            else:
                raise AssertionError(f"no sample: {line!r}")

    def write(self, file: Path) -> None:
        with file.open("wb") as out:
            for name, (kind, samples) in self._families.items():
                out.write(b"# TYPE %s %s\n" % (name, kind))
                out.writelines(samples)
            out.write(b"# EOF\n")
