"""Reading a page of metrics twice a second without parsing 80,000 lines each time.

Most lines are the same as half a second before. What is new and what is gone is found by comparing sets of lines; only that
is parsed. What cannot be seen line by line, that every family stands in one piece under its header, is counted on every page.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from tools.soak.history import Key
from tools.soak.rules import ABOUT, FAULT

_SAMPLE: Final = re.compile(
    rb'(atess_[a-z0-9_]+)\{deviceSn="([^"\\\n]*)",type="([a-z_]+)"((?:,[a-zA-Z_]\w*="(?:[^"\\\n]|\\[\\"n])*")*)\} (-?\d\S*)'
)
_CODE: Final = re.compile(r'code="([0-9.]+)"')
_HEADER: Final = re.compile(rb"# (?:HELP atess_[a-z0-9_]+ [^\n]+|TYPE atess_[a-z0-9_]+ gauge)")
_OWN_HELP: Final = re.compile(rb"# HELP (\w+) .+")
_OWN_TYPE: Final = re.compile(rb"# TYPE (\w+) (?:gauge|counter|histogram|info|unknown)")
_OWN_SAMPLE: Final = re.compile(rb'(\w+)(\{(?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\[\\"n])*",?)*\})? (\S+)')
_OWN_BEGIN: Final = b"# HELP atess_exporter_"
_SUFFIXES: Final = (b"", b"_total", b"_bucket", b"_sum", b"_count", b"_info")
_END: Final = b"# EOF\n"


class PageError(Exception):
    """The page is not what a scraper may expect."""


@dataclass(slots=True, eq=False)
class Shown:
    """What pages say of one device: `samples` by metric, `about` by metric and further labels; `changed` since the last page."""

    samples: dict[str, float]
    about: dict[str, float]
    changed: bool = True


class Page:
    """The last page that was taken, device by device. `own` has the exporter's own samples, by name and labels."""

    def __init__(self, devices: Iterable[Key]) -> None:
        self.devices = {key: Shown({}, {}) for key in devices}
        self.own: dict[str, float] = {}
        self.samples = 0
        self.strange = 0
        self.twice = 0
        self._lines: frozenset[bytes] = frozenset()

    def take(self, body: bytes, *, openmetrics: bool) -> None:
        """Take over the next exposition. Raises PageError if it is malformed; `devices` are then still those of the last."""
        border = body.find(_OWN_BEGIN)
        if border < 0 or (border and body[border - 1 : border] != b"\n"):
            raise PageError("the exporter's own metrics are missing")
        own = _own(body[border:], openmetrics=openmetrics)
        about_devices = body[:border]
        families = _count_families(about_devices)
        lines = about_devices.split(b"\n")
        lines.pop()
        fresh = frozenset(lines)
        if len(fresh) != len(lines):
            self.twice += len(lines) - len(fresh)
        for shown in self.devices.values():
            shown.changed = False
        # what is gone first: a changed value is one line gone and one new
        for line in self._lines - fresh:
            self._remove(line)
        for line in fresh - self._lines:
            self._add(line)
        self._lines = fresh
        self.samples = len(lines) - 2 * families + len(own)
        self.own = own

    def _remove(self, line: bytes) -> None:
        parsed = _parse(line)
        if parsed is None:
            return
        key, name, about, _ = parsed
        shown = self.devices.get(key)
        if shown is not None:
            (shown.about if about else shown.samples).pop(name, None)
            shown.changed = True

    def _add(self, line: bytes) -> None:
        if line.startswith(b"#"):
            self.strange += _HEADER.fullmatch(line) is None
            return
        parsed = _parse(line)
        shown = self.devices.get(parsed[0]) if parsed else None
        if parsed is None or shown is None:
            self.strange += 1
            return
        _, name, about, value = parsed
        samples = shown.about if about else shown.samples
        self.twice += name in samples
        samples[name] = value
        shown.changed = True


def _parse(line: bytes) -> tuple[Key, str, bool, float] | None:
    """Return a sample's device, name, whether it is about the device instead of a value of it, and value, or None."""
    match = _SAMPLE.fullmatch(line)
    if match is None:
        return None
    name, sn, kind, labels, value = (part.decode() for part in match.groups())
    about = name in ABOUT
    if name == FAULT:
        # its other labels say the same in words
        code = _CODE.search(labels)
        name, labels = f"{name} {code[1] if code else None}", ""
    if (labels and not about) or "_" in value:
        return None
    try:
        return (kind, sn), name + labels, about, float(value)
    except ValueError:
        return None


def _count_families(text: bytes) -> int:
    """Return the number of families. Raises PageError unless each is in one piece: HELP, TYPE, and all its samples."""
    if text and not (text.startswith(b"# HELP ") and text.endswith(b"\n")):
        raise PageError("the page does not begin with a family")
    seen = set()
    for family in text.removeprefix(b"# HELP ").split(b"\n# HELP ") if text else ():
        name = family[: family.find(b" ")]
        header_end = family.find(b"\n")
        lines = family.count(b"\n", header_end) + (not family.endswith(b"\n"))
        if not family.startswith(b"\n# TYPE %s gauge\n" % name, header_end):
            raise PageError(f"no TYPE under the HELP of {name!r}")
        if name in seen:
            raise PageError(f"{name!r} is on the page twice")
        seen.add(name)
        samples = family.count(b"\n%s{" % name, header_end)
        if samples != lines - 2 or not samples:
            raise PageError(f"{name!r} has {samples} samples in {lines - 2} lines")
    return len(seen)


def _own(text: bytes, *, openmetrics: bool) -> dict[str, float]:
    """Return the exporter's own samples, each line parsed."""
    if openmetrics != text.endswith(_END) or not text.endswith(b"\n"):
        raise PageError("the page has a wrong end")
    found: dict[str, float] = {}
    family = b""
    for line in text.removesuffix(_END).splitlines():
        if match := _OWN_HELP.fullmatch(line):
            family = match[1]
        elif match := _OWN_TYPE.fullmatch(line):
            if match[1] != family:
                raise PageError(f"no HELP above {line!r}")
        elif match := _OWN_SAMPLE.fullmatch(line):
            name = (match[1] + (match[2] or b"")).decode()
            if match[1] not in [family + suffix for suffix in _SUFFIXES] or name in found:
                raise PageError(f"out of place: {line!r}")
            found[name] = float(match[3])
        else:
            raise PageError(f"no metric: {line!r}")
    return found
