"""The readings' own times: their form, and how often they move."""

import re
from collections.abc import Iterator
from itertools import pairwise
from statistics import median
from typing import Final

from exporter.api.reading import moment
from exporter.catalogue.types import DeviceType
from exporter.doctor.check import Check, Outcome, counted
from exporter.doctor.exchange import Subject
from exporter.doctor.observations import PAGE, WATCH, Observations, local_time, rows_of

_DOCUMENTED: Final = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", re.ASCII)


def check(seen: Observations) -> Iterator[Check]:
    """Yield the checks of times."""
    for known in seen.types:
        if any(seen.good(known.type)):
            yield _form(seen, known)
    if seen.plan.options.watch:
        for known in seen.types:
            if seen.of(Subject.READING, known.type, WATCH):
                yield _moves(seen, known)


def _form(seen: Observations, known: DeviceType) -> Check:
    name = f"time {known.type}"
    forms = {_form_of(exchange.data.get("time")) for exchange, _ in seen.good(known.type)}
    text = " and ".join(sorted(forms))
    if forms == {"as documented, without a zone"}:
        return Check(name, Outcome.OK, text, settles={"time.form": text})
    if all(form.startswith(("as documented", "another form")) for form in forms):
        return Check(name, Outcome.OK, text, settles={"time.form": text})
    remedy = "The exporter cannot tell how old these readings are; a report of this run helps the project to read them."
    return Check(name, Outcome.WARN, text, remedy, settles={"time.form": text})


def _form_of(time: object) -> str:
    if time is None or time == "":
        return "no time"
    found = moment(time) if isinstance(time, str) else None
    if not isinstance(time, str) or found is None:
        return "a time that cannot be read"
    if _DOCUMENTED.fullmatch(time):
        return "as documented, without a zone"
    return f"another form of ISO 8601, {'with' if found.tzinfo else 'without'} a zone"


def time_of(data: object) -> object:
    """Return the time field of a reading, whatever it holds."""
    return data.get("time") if isinstance(data, dict) else None


def spacings(seen: Observations, device_type: str) -> list[float]:
    """Return the seconds between rows of a type's history that follow each other."""
    found: list[float] = []
    for exchange in seen.of(Subject.HISTORY, device_type, PAGE):
        times = sorted({time for row in rows_of(exchange) or [] if (time := local_time(time_of(row)))})
        found += [(after - before).total_seconds() for before, after in pairwise(times)]
    return found


def _moves(seen: Observations, known: DeviceType) -> Check:
    name = f"upload {known.type}"
    watched = [one for one in seen.of(Subject.READING, known.type, WATCH) if one.error is None]
    first = next((one for one, _ in seen.good(known.type) if watched and one.sn == watched[0].sn), None)
    times = sorted({time for one in ([first] if first else []) + watched if (time := local_time(time_of(one.data)))})
    if not times:
        return Check(name, Outcome.SKIP, "no time to watch")
    gaps = [(after - before).total_seconds() for before, after in pairwise(times)]
    lasted = span(watched[-1].at - (first.at if first else watched[0].at))
    if not gaps:
        remedy = "Watch longer, or another device: this one is offline, or uploads less often."
        return Check(name, Outcome.WARN, f"the time did not move in {lasted}", remedy)
    interval = median(gaps)
    text = f"the time moved {counted(len(gaps), 'time')} in {lasted}, by {span(interval)}"
    if len(gaps) > 1 and max(gaps) > 2 * min(gaps):
        text += f" ({span(min(gaps))} to {span(max(gaps))})"
    stale_after = max(900.0, 3 * interval)
    text += f": poll.interval {_duration(interval)} and stale_after {_duration(stale_after)} follow"
    poll = seen.config.poll
    wanted: dict[tuple[str, ...], str] = {}
    remedies = []
    if poll.interval < 0.5 * interval or poll.interval > 2 * interval:
        wanted["poll", "interval"] = _duration(interval)
        why = "asks more often than there is anything new" if poll.interval < interval else "misses readings"
        remedies.append(f"poll.interval: {_duration(interval)}, because {_duration(poll.interval)} {why}")
    if poll.stale_after is not None and poll.stale_after < 2 * interval:
        wanted["poll", "stale_after"] = _duration(stale_after)
        remedies.append(f"poll.stale_after: {_duration(stale_after)}, or values go between two uploads")
    outcome = Outcome.WARN if wanted else Outcome.OK
    remedy = f"Set {'; '.join(remedies)}." if remedies else ""
    return Check(name, outcome, text, remedy, settles={"upload.interval": f"every {span(interval)}"}, config=wanted)


def span(seconds: float) -> str:
    """Return seconds in words."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _duration(seconds: float) -> str:
    """Return seconds as the config has them."""
    return f"{seconds / 60:.0f}m" if seconds % 60 == 0 else f"{seconds:g}s"
