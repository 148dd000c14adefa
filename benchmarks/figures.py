"""How figures are taken and shown."""

import gc
import statistics
import time
from collections.abc import Callable, Iterable, Sequence

#: What a row of a table shows beside its name: texts, one for each column.
Row = tuple[str, ...]


def cpu(call: Callable[[], object], times: int) -> float:
    """Return seconds of this process' CPU that one of `times` calls takes."""
    begin = time.process_time()
    for _ in range(times):
        call()
    return (time.process_time() - begin) / times


def alternately(rounds: int, *measures: Callable[[], float]) -> list[list[float]]:
    """Run `measures` in turn, round by round, so that other load hits all alike. Return what each gave in every round."""
    found: list[list[float]] = [[] for _ in measures]
    gc.collect()
    for _ in range(rounds):
        for measure, values in zip(measures, found, strict=True):
            values.append(measure())
    return found


def ratio(these: Sequence[float], those: Sequence[float]) -> float:
    """Return the median of the rounds' own ratios."""
    return statistics.median(this / that for this, that in zip(these, those, strict=True))


def ms(seconds: Sequence[float]) -> str:
    """Return the median of `seconds` in milliseconds."""
    return f"{statistics.median(seconds) * 1e3:,.1f} ms"


def us(seconds: Sequence[float]) -> str:
    """Return the median of `seconds` in microseconds."""
    return f"{statistics.median(seconds) * 1e6:,.1f} us"


def mb(size: float) -> str:
    """Return `size` bytes in megabytes."""
    return f"{size / 1e6:,.0f} MB"


def table(head: Row, rows: Iterable[Row]) -> str:
    """Return a table in Markdown."""
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, ("---",) * len(head), *rows))
