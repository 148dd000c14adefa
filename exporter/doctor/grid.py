"""Which grid energy is taken and which is given: by the balance of a day's energies."""

from collections.abc import Iterator, Sequence
from typing import Final

from exporter.doctor import tables
from exporter.doctor.check import Check, Outcome
from exporter.doctor.observations import Observations, Row, Track
from exporter.doctor.quantities import spelled

#: kWh that must have flown, and the part of it by which the two readings of the names must differ.
_LEAST: Final = 5.0
_APART: Final = 0.2

#: The part of what has flown that may be missing from the balance: losses, and counters that round.
_OFF: Final = 0.1


def check(seen: Observations) -> Iterator[Check]:
    """Yield whether the names of each type's grid energies say which way they flow."""
    for known, tracks in seen.tracks:
        for terms in tables.load("quantities")["balance"]:
            names = {term: spelled(name, tracks) for term, name in terms.items()}
            if names["grid"] is None or names["to_grid"] is None:
                continue
            missing = [terms[term] for term, name in names.items() if name is None]
            name = f"grid direction {known.type}"
            if missing:
                yield Check(name, Outcome.SKIP, f"not settled: no {', '.join(missing)} to balance {names['grid']} with")
                continue
            found = {term: found for term, found in names.items() if found is not None}
            told, words = _direction(found, tracks)
            settles = {f"grid.{known.type}": words} if told else {}
            remedy = "" if told else "Compare both with the site's meter."
            yield Check(name, Outcome.OK if told else Outcome.SKIP, words, remedy, settles=settles)


def _direction(names: dict[str, str], tracks: Sequence[Track]) -> tuple[bool, str]:
    as_named = swapped = flown = apart = 0.0
    for day in _days(names, tracks):
        source, sink = day["pv"] + day["discharge"], day["load"] + day["charge"]
        as_named += abs(source + day["grid"] - sink - day["to_grid"])
        swapped += abs(source + day["to_grid"] - sink - day["grid"])
        apart += 2 * abs(day["grid"] - day["to_grid"])
        flown += max(source + max(day["grid"], day["to_grid"]), sink)
    grid, to_grid = names["grid"], names["to_grid"]
    if flown < _LEAST or apart < _APART * flown:
        return False, f"not settled: {grid} and {to_grid} are too little, or too alike, to tell them apart"
    off = f"the day's energies balance within {min(as_named, swapped) / flown * 100:.0f} %"
    if as_named <= _OFF * flown < swapped:
        return True, f"{grid} is taken from the grid and {to_grid} given to it: {off}"
    if swapped <= _OFF * flown < as_named:
        return True, f"{grid} is given to the grid and {to_grid} taken from it, against their names: {off}"
    return False, f"not settled: the energies balance neither way (they are off by {min(as_named, swapped) / flown * 100:.0f} %)"


def _days(names: dict[str, str], tracks: Sequence[Track]) -> Iterator[dict[str, float]]:
    """Yield what each energy grew by on each day of each device: counters of the day begin at no certain time."""
    for rows in tracks:
        by_day: dict[object, list[Row]] = {}
        for row in rows:
            if all(name in row.numbers for name in names.values()):
                by_day.setdefault(row.time.date(), []).append(row)
        for day in by_day.values():
            # one row alone holds the whole day so far
            first = day[0].numbers if len(day) > 1 else {}
            grown = {term: float(day[-1].numbers[name] - first.get(name, 0)) for term, name in names.items()}
            if min(grown.values()) >= 0:
                yield grown
