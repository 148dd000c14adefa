"""How figures are taken and shown."""

import gc
import statistics
import time
from collections.abc import Callable, Iterable, Sequence

#: What a row of a table shows beside its name: texts, one for each column.
Row = tuple[str, ...]


def cpu(call: Callable[[], object], times: int) -> float:
    """Seconds of this process' CPU that one of `times` calls takes."""
    begin = time.process_time()
    for _ in range(times):
        call()
    return (time.process_time() - begin) / times


def alternately(rounds: int, *measures: Callable[[], float]) -> list[list[float]]:
    """What each of `measures` gave in every round; one after the other, so that what else the machine does hits all alike."""
    found: list[list[float]] = [[] for _ in measures]
    gc.collect()
    for _ in range(rounds):
        for measure, values in zip(measures, found, strict=True):
            values.append(measure())
    return found


def ratio(these: Sequence[float], those: Sequence[float]) -> float:
    """The median of the rounds' own ratios."""
    return statistics.median(this / that for this, that in zip(these, those, strict=True))


def ms(seconds: Sequence[float]) -> str:
    """The median of `seconds` in milliseconds."""
    return f"{statistics.median(seconds) * 1e3:,.1f} ms"


def us(seconds: Sequence[float]) -> str:
    """The median of `seconds` in microseconds."""
    return f"{statistics.median(seconds) * 1e6:,.1f} us"


def mb(size: float) -> str:
    """`size` bytes in megabytes."""
    return f"{size / 1e6:,.0f} MB"


def table(head: Row, rows: Iterable[Row]) -> str:
    """A table in Markdown."""
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, ("---",) * len(head), *rows))
