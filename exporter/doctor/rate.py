"""What was asked, how fast, and whether the cloud found it too much."""

from collections.abc import Iterator

from exporter.doctor.check import Check, Outcome, counted
from exporter.doctor.observations import Observations


def check(seen: Observations) -> Iterator[Check]:
    """Yield one check."""
    if not seen.wire.requests:
        yield Check("rate", Outcome.SKIP, "nothing was asked")
        return
    rate = f"{seen.config.requests_per_minute:g} a minute"
    text = f"{counted(seen.wire.requests, 'GET request')} at no more than {rate}"
    if seen.wire.throttled:
        remedy = "Lower api.requests_per_minute, for example by half, and ask the vendor for your account's limit."
        settles = {"rate.throttled": f"throttled at {rate}"}
        text += f"; the cloud asked for fewer {counted(seen.wire.throttled, 'time')}"
        yield Check("rate", Outcome.WARN, text, remedy, settles=settles)
    else:
        # settles nothing: where the limit is, only the cloud's refusal tells
        yield Check("rate", Outcome.OK, f"{text}; nothing was throttled")
