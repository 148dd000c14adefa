"""Local times of rows -> Unix time, also where the clocks change.

When clocks go back, an hour of local times occurs twice: it is ambiguous, and only the order of the rows tells which is which.
When they go forward, an hour does not exist: a device that reports it has not put its clock forward yet.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from itertools import pairwise

from exporter.backfill.plan import local_time

_DAY = 86400


@dataclass(frozen=True, slots=True)
class DatedRows:
    """The Unix time of every row, the positions of rows with an ambiguous local time, and how many rows' times do not exist."""

    instants: list[int]
    ambiguous: frozenset[int]
    nonexistent: int


def date_rows(times: Sequence[int], zone: tzinfo, known: Mapping[int, int] | None = None) -> DatedRows:
    """Return the Unix times of rows whose local `times` are given in the order of the pages, in local_seconds().

    `known` has the Unix time of rows whose time names a zone of its own, by position.
    """
    known = known or {}
    instants = []
    second: dict[int, int] = {}
    nonexistent = 0
    for index, time in enumerate(times):
        if index in known:
            instants.append(known[index])
            continue
        local = local_time(time).replace(tzinfo=zone)
        # in the hour that does not exist this takes the offset before the change
        instant, other = int(local.timestamp()), int(local.replace(fold=1).timestamp())
        instants.append(instant)
        if other > instant:
            second[index] = other
        elif other < instant:
            nonexistent += 1
    for indices in _clock_changes(times, list(second)):
        for index in _after_change(times, indices, descending=_descends(times)):
            instants[index] = second[index]
    return DatedRows(instants, frozenset(second), nonexistent)


def _clock_changes(times: Sequence[int], indices: Sequence[int]) -> Iterator[list[int]]:
    """Yield the ambiguous rows of each clock change, in their order."""
    by_time = sorted(indices, key=lambda index: times[index])
    change: list[int] = []
    for index in by_time:
        if change and times[index] - times[change[-1]] > _DAY:
            yield sorted(change)
            change = []
        change.append(index)
    if change:
        yield sorted(change)


def _descends(times: Sequence[int]) -> bool:
    return sum((before < after) - (before > after) for before, after in pairwise(times)) < 0


def _after_change(times: Sequence[int], indices: Sequence[int], *, descending: bool) -> list[int]:
    """Return the rows of one clock change that are from after it.

    In order of time the local time steps back exactly once, at the change. Where the rows are in no such order, the second of two
    equal local times is the later one.
    """
    ordered = list(reversed(indices)) if descending else list(indices)
    backs = [place for place, (one, two) in enumerate(pairwise(ordered), start=1) if times[two] < times[one]]
    if len(backs) == 1:
        return ordered[backs[0] :]
    seen: Counter[int] = Counter()
    later = []
    for index in ordered:
        if seen[times[index]]:
            later.append(index)
        seen[times[index]] += 1
    return later
