"""Numbers over time: fields in whichever spelling, growth of counters, and how well ratios agree."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Final

from exporter.doctor.observations import Row, Track

#: Seconds between two rows beyond which nothing is concluded from what lies between.
_GAP: Final = 1900.0


def spelled(name: str, tracks: Sequence[Track]) -> str | None:
    """Return a field's name as these tracks spell it; None if none has it."""
    return next((found for track in tracks if (found := track.names.get(name.casefold()))), None)


def steps(rows: Sequence[Row]) -> Iterator[tuple[Row, Row, float]]:
    """Yield rows of one day that follow each other closely, with the seconds between."""
    for before, after in pairwise(rows):
        seconds = (after.time - before.time).total_seconds()
        if before.time.date() == after.time.date() and 0 < seconds <= _GAP:
            yield before, after, seconds


def values(names: Sequence[str], row: Row) -> list[float] | None:
    """Return the values of all these fields; None if one is missing."""
    found = [row.numbers.get(name) for name in names]
    return [float(value) for value in found if value is not None] if None not in found else None


def growth(name: str, before: Row, after: Row) -> float | None:
    """Return by how much a counter grew; None if it is missing or ran back."""
    pair = before.numbers.get(name), after.numbers.get(name)
    if pair[0] is None or pair[1] is None or pair[1] < pair[0]:
        return None
    return float(pair[1] - pair[0])


@dataclass(frozen=True, slots=True)
class Scale:
    """Which of several factors the ratios of two quantities show: `word` is that one's, empty if they show none.

    `said` tells why, with the numbers.
    """

    word: str
    said: str


def scale(ratios: Sequence[float], factors: Mapping[str, float], what: str, *, enough: int = 3, wide: float = 8.0) -> Scale:
    """Return the factor that the ratios show.

    There must be `enough` of them, they must agree within a factor of 4, and their middle must be within a factor `wide` of one
    of the `factors` and of no other.
    """
    if not ratios:
        return Scale("", f"no reading has enough of it to compare with {what}")
    ordered = sorted(ratios)
    low, high = ordered[len(ordered) // 10], ordered[(len(ordered) * 9 - 1) // 10]
    said = f"{_range(low, high)} times {what} in {len(ordered)} comparison{'s' if len(ordered) > 1 else ''}"
    if len(ordered) < enough:
        return Scale("", f"{said}, too few to tell")
    if low <= 0 or high / low > 4:
        return Scale("", f"{said}, which do not agree")
    near = [word for word, factor in factors.items() if abs(math.log(median(ordered) / factor)) <= math.log(wide)]
    return Scale(near[0], said) if len(near) == 1 else Scale("", f"{said}, which is neither {' nor '.join(factors)}")


def _range(low: float, high: float) -> str:
    one, two = (f"{end:.0f}" if end >= 100 else f"{end:.2g}" for end in (low, high))
    return one if one == two else f"{one} to {two}"
