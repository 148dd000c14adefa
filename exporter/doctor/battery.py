"""Whether a positive battery power charges or discharges: its sign against the state of charge."""

from collections.abc import Iterator, Sequence
from typing import Final

from exporter.doctor import tables
from exporter.doctor.check import Check, Outcome
from exporter.doctor.observations import Observations, Track
from exporter.doctor.quantities import spelled, steps

#: Per cent by which the state of charge must rise, and fall, to tell: a field that is no battery's may agree in one direction.
_LEAST: Final = 3.0

#: The part of all movement that must agree: whole per cents lag behind.
_AGREED: Final = 0.8


def check(seen: Observations) -> Iterator[Check]:
    """Yield what the sign of each type's battery power means."""
    names = tables.load("quantities")["battery"]
    for known, tracks in seen.tracks:
        fields = [field for name in names["signed"] if (field := spelled(name, tracks))]
        charge = spelled(names["charge"], tracks)
        if not fields or charge is None:
            continue
        verdicts = {field: _sign(field, charge, tracks) for field in fields}
        settled = {field: words for field, (told, words) in verdicts.items() if told}
        text = "; ".join(f"{field} {words}" for field, (_, words) in verdicts.items())
        settles = {f"battery.{known.type}": "; ".join(f"{field} {words}" for field, words in settled.items())} if settled else {}
        remedy = "" if settled else "Run doctor again when the battery has been charged and discharged, or with --watch."
        yield Check(f"battery sign {known.type}", Outcome.OK if settled else Outcome.SKIP, text, remedy, settles=settles)


def _sign(field: str, charge: str, tracks: Sequence[Track]) -> tuple[bool, str]:
    """Return whether the sign is settled, and what it means or why it is not."""
    moved = {True: {1: 0.0, -1: 0.0, 0: 0.0}, False: {1: 0.0, -1: 0.0, 0: 0.0}}
    for rows in tracks:
        amount = 0.0
        for before, after, seconds in steps(rows):
            ends = [row.numbers.get(field) for row in (before, after)]
            levels = [row.numbers.get(charge) for row in (before, after)]
            if None in ends or None in levels:
                amount = 0.0
                continue
            amount += sum(float(end or 0) for end in ends) * seconds
            change = float(levels[1] or 0) - float(levels[0] or 0)
            if change:
                # what flowed since the last whole per cent
                moved[change > 0][(amount > 0) - (amount < 0)] += abs(change)
                amount = 0.0
    up, down = sum(moved[True].values()), sum(moved[False].values())
    if up < _LEAST or down < _LEAST:
        way = "moved too little" if up + down < _LEAST else f"only {'rose' if up >= _LEAST else 'fell'}"
        return False, f"is not settled (the state of charge {way})"
    charging, discharging = (moved[True][1] / up, moved[False][-1] / down), (moved[True][-1] / up, moved[False][1] / down)
    percent = f"{up:.0f} % up and {down:.0f} % down"
    if min(charging) >= _AGREED:
        return True, f"is positive while charging ({percent})"
    if min(discharging) >= _AGREED:
        return True, f"is positive while discharging ({percent})"
    if all(share >= _AGREED for share in (moved[True][1] / up, moved[False][1] / down)):
        return False, f"has no sign: it is positive both ways ({percent})"
    return False, f"is not settled (its sign does not follow the state of charge, {percent})"
