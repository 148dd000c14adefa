"""What a soak prints at its end, and whether it held."""

import statistics
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tools.soak.watch import Size

_MOST_GROWTH: Final = 0.02
#: What may be there beyond that at a moment; a leak of one in a few minutes is beyond this.
_MORE_THREADS: Final = 1
_MORE_FILES: Final = 2
_WARM_UP, _WINDOW = 120.0, 120.0
_SHOWN: Final = 40


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must hold; None where the run was too short to tell."""

    what: str
    held: bool | None
    figure: str


def none(what: str, count: int, details: str = "") -> Check:
    """Return the check that something never happened."""
    return Check(what, count == 0, f"{count:,}{details}")


def flat(seconds: float, sizes: Sequence[Size], connections: int) -> Iterator[Check]:
    """Yield the checks that the process did not grow between the two minutes after the warm-up and the last two.

    Memory by its median, threads by the most there were. Files by the first look at them, before there was any request: the
    `connections` to the cloud come and go with the faults that happen to be set, but there can never be more of them.
    """
    early, late = _between(sizes, _WARM_UP, _WARM_UP + _WINDOW), _between(sizes, seconds - _WINDOW, seconds)
    if not early or not late or seconds < _WARM_UP + 2 * _WINDOW:
        yield Check("memory, threads and files flat", None, "run 6 minutes or more to tell")
        return
    begin, end = (statistics.median(size.resident for size in span) for span in (early, late))
    growth = end / begin - 1
    figure = f"{begin / 1024:.1f} -> {end / 1024:.1f} MiB ({growth:+.2%})"
    yield Check("resident memory grows by less than 2 %", growth < _MOST_GROWTH, figure)
    before, after = (max(size.threads for size in span) for span in (early, late))
    yield Check("threads flat", after <= before + _MORE_THREADS, f"at most {before} -> {after}")
    first, before, after = sizes[0].files, *(max(size.files for size in span) for span in (early, late))
    figure = f"{first} at the start, at most {before} -> {after}"
    yield Check("open files flat", after <= first + connections + _MORE_FILES, figure)


def _between(sizes: Sequence[Size], begin: float, end: float) -> list[Size]:
    return [size for size in sizes if begin <= size.moment <= end]


def counts(title: str, counter: Mapping[str, int]) -> str:
    """Return one line with what was counted."""
    inside = ", ".join(f"{name} {count:,}" for name, count in sorted(counter.items()))
    return f"{title}: {inside or 'none'}"


def injected(faults: Counter[str], hits: Counter[str]) -> str:
    """Return every fault: how often it was set, and how many requests met it."""
    inside = "\n".join(f"  {name}: {count} times, met by {hits[name]:,} requests" for name, count in sorted(faults.items()))
    return f"faults injected ({faults.total()} in all, met by {hits.total():,} requests):\n{inside}"


def verdict(checks: list[Check], examples: list[str]) -> tuple[str, bool]:
    """Return the text of all checks and examples, and whether all held."""
    words = {True: "ok    ", False: "FAILED", None: "-     "}
    lines = [f"{words[check.held]} {check.what}: {check.figure}" for check in checks]
    good = all(check.held is not False for check in checks)
    if examples:
        lines += ["", "the first of what was wrong:", *(f"  {example}" for example in examples[:_SHOWN])]
    lines += ["", "the soak held" if good else "the soak FAILED"]
    return "\n".join(lines), good
