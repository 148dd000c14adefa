"""What a backfill says in the end: of the rows that it read, and of devices that failed."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

import structlog

from exporter.api.reading import NO_NUMBER
from exporter.backfill.plan import Source
from exporter.backfill.spill import Spill
from exporter.backfill.window import ABOUT_PAGES, USED

_log = structlog.get_logger()

#: Different things that are said of the rows, at the most.
_NOTES: Final = 30


def tell_notes(spill: Spill, sources: Sequence[Source]) -> None:
    """Say what was odd about the rows: each thing once, with how many rows and devices it was."""
    rows: Counter[str] = Counter()
    devices: Counter[str] = Counter()
    first: dict[str, Source] = {}
    for source in sources:
        for note, count in spill.notes(source).items():
            if note != USED:
                rows[note] += count
                devices[note] += 1
                first.setdefault(note, source)
    for note, count in rows.most_common(_NOTES):
        source = first[note]
        _log.warning(note, times=count, devices=devices[note], first_device_sn=source.sn, type=source.type)


def lost_rows(spill: Spill, sources: Sequence[Source]) -> dict[Source, Counter[str]]:
    """Return the sources of which rows came and none could be used, with how many rows were lost for which cause.

    Rows without a number in them are no loss: the device had nothing to say.
    """
    found = {}
    for source in sources:
        notes = spill.notes(source)
        lost = Counter({note: count for note, count in notes.items() if note not in ABOUT_PAGES and note != NO_NUMBER})
        if lost and not notes[USED] and not spill.fields(source):
            found[source] = lost
    return found


def describe_loss(lost: Counter[str]) -> str:
    """Return the message for one of lost_rows()."""
    causes = "; ".join(f"{count} times {cause}" for cause, count in lost.most_common(_NOTES))
    return f"not one of its rows can be used: {causes}"


def failures(failed: Mapping[Source, str], devices: int, lost: int) -> str:
    """Return the message for the user where some of `devices` failed, each for its reason, and `lost` rows of them with that."""
    kinds: dict[str, list[Source]] = {}
    for source, reason in failed.items():
        kinds.setdefault(f"{source.type}, {reason}", []).append(source)
    rows = f" ({lost} rows came that cannot be used)" if lost else ""
    lines = [f"{len(failed)} of {devices} devices failed, so nothing was written{rows}:"]
    for reason, sources in kinds.items():
        more = f" and {len(sources) - 5} more" if len(sources) > 5 else ""
        lines.append(f"  {', '.join(source.sn for source in sources[:5])}{more}: {reason}")
    lines.append(
        "What was read is kept. Start it again to try these once more, or leave them out (--devices, or the config) to have "
        "the others written."
    )
    return "\n".join(lines)
