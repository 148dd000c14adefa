"""What a backfill reports at its end: what was odd about the rows, and which devices failed."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

import structlog

from exporter.api.reading import NO_NUMBER
from exporter.backfill.plan import Source
from exporter.backfill.spill import Spill
from exporter.backfill.window import NOTHING_DROPPED, USED

_log = structlog.get_logger()

#: Different notes that are reported at most.
_MAX_NOTES: Final = 30


def log_notes(spill: Spill, sources: Sequence[Source]) -> None:
    """Log what was odd about the rows: each note once, with the number of rows and devices."""
    rows: Counter[str] = Counter()
    devices: Counter[str] = Counter()
    first: dict[str, Source] = {}
    for source in sources:
        for note, count in spill.notes(source).items():
            if note != USED:
                rows[note] += count
                devices[note] += 1
                first.setdefault(note, source)
    for note, count in rows.most_common(_MAX_NOTES):
        source = first[note]
        _log.warning(note, times=count, devices=devices[note], first_device_sn=source.sn, type=source.type)


def lost_rows(spill: Spill, sources: Sequence[Source]) -> dict[Source, Counter[str]]:
    """Return the sources whose rows were all dropped, with how many rows were dropped for which cause.

    Rows without a number do not count: the device had measured nothing.
    """
    found = {}
    for source in sources:
        notes = spill.notes(source)
        lost = Counter({note: count for note, count in notes.items() if note not in NOTHING_DROPPED and note != NO_NUMBER})
        if lost and not notes[USED] and not spill.fields(source):
            found[source] = lost
    return found


def describe_loss(lost: Counter[str]) -> str:
    """Return the message for a device of lost_rows()."""
    causes = "; ".join(f"{count} times {cause}" for cause, count in lost.most_common(_MAX_NOTES))
    return f"none of its rows can be used: {causes}"


def describe_failures(failed: Mapping[Source, str], devices: int, lost: int) -> str:
    """Return the message for the user: which of `devices` failed and why, and how many rows are lost with them."""
    kinds: dict[str, list[Source]] = {}
    for source, reason in failed.items():
        kinds.setdefault(f"{source.type}, {reason}", []).append(source)
    rows = f" ({lost} rows cannot be used)" if lost else ""
    lines = [f"{len(failed)} of {devices} devices failed, so nothing was written{rows}:"]
    for reason, sources in kinds.items():
        more = f" and {len(sources) - 5} more" if len(sources) > 5 else ""
        lines.append(f"  {', '.join(source.sn for source in sources[:5])}{more}: {reason}")
    lines.append(
        "What was read is kept. Run it again to retry these, or exclude them (--devices, or the config) to write the others."
    )
    return "\n".join(lines)
