"""What a soak prints at its end, and whether it held."""

import statistics
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tests.soak.watch import Size

_MOST_GROWTH: Final = 0.02
#: A thread or file more may be under way at a moment; a leak of one in a few minutes is beyond this.
_MORE: Final = 2
_WARM_UP, _WINDOW = 120.0, 120.0
_SHOWN: Final = 40


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must hold; None where the run was too short to tell."""

    what: str
    held: bool | None
    figure: str


def none(what: str, count: int, details: str = "") -> Check:
    """Something that must not have happened at all."""
    return Check(what, count == 0, f"{count:,}{details}")


def flat(seconds: float, sizes: Callable[[float, float], Sequence[Size]]) -> Iterator[Check]:
    """The process must not grow from the two minutes after the warm-up to the last two. `sizes` gives those of a span.

    Memory by its median. Threads and files by the most there were: how many connections are open depends on the faults that
    happen to be set, and after an outage on how lately it ended.
    """
    early, late = sizes(_WARM_UP, _WARM_UP + _WINDOW), sizes(seconds - _WINDOW, seconds)
    if not early or not late or seconds < _WARM_UP + 2 * _WINDOW:
        yield Check("memory, threads and files flat", None, "run 6 minutes or more to tell")
        return
    begin, end = (statistics.median(size.resident for size in span) for span in (early, late))
    growth = end / begin - 1
    figure = f"{begin / 1024:.1f} -> {end / 1024:.1f} MiB ({growth:+.2%})"
    yield Check("resident memory grows by less than 2 %", growth < _MOST_GROWTH, figure)
    for what, begin, end in (
        ("threads", max(size.threads for size in early), max(size.threads for size in late)),
        ("open files", max(size.files for size in early), max(size.files for size in late)),
    ):
        yield Check(f"{what} flat", end <= begin + _MORE, f"at most {begin} -> {end}")


def counts(title: str, counter: Mapping[str, int]) -> str:
    """A line or more with what was counted."""
    inside = ", ".join(f"{name} {count:,}" for name, count in sorted(counter.items()))
    return f"{title}: {inside or 'none'}"


def injected(faults: Counter[str], hits: Counter[str]) -> str:
    """Every fault: how often it was set, and how many requests met it."""
    inside = "\n".join(f"  {name}: {count} times, met by {hits[name]:,} requests" for name, count in sorted(faults.items()))
    return f"faults injected ({faults.total()} in all, met by {hits.total():,} requests):\n{inside}"


def verdict(checks: list[Check], examples: list[str]) -> tuple[str, bool]:
    """All checks and what they say together."""
    words = {True: "ok    ", False: "FAILED", None: "-     "}
    lines = [f"{words[check.held]} {check.what}: {check.figure}" for check in checks]
    good = all(check.held is not False for check in checks)
    if examples:
        lines += ["", "the first of what was wrong:", *(f"  {example}" for example in examples[:_SHOWN])]
    lines += ["", "the soak held" if good else "the soak FAILED"]
    return "\n".join(lines), good
