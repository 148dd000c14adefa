"""Name resolution, connection, TLS, proxy, and whether the two clocks agree."""

from collections.abc import Iterator
from datetime import UTC, datetime
from statistics import median
from typing import Final

from exporter.api.errors import ConnectionFailed, TimedOut
from exporter.catalogue.remedies import remedy_for
from exporter.doctor.check import Check, Outcome, counted
from exporter.doctor.observations import Observations

#: Days before the end of a certificate from which on it is worth a warning.
_SOON: Final = 14

#: Seconds between the two clocks that need no word, and those that need a remedy.
_FINE, _WRONG = 30.0, 300.0


def check(seen: Observations) -> Iterator[Check]:
    """Yield the checks of the way to the cloud."""
    yield _connection(seen)
    if any(exchange.status is not None for exchange in seen.exchanges):
        yield from _certificate(seen)
        yield _clock(seen)


def _connection(seen: Observations) -> Check:
    through = f", through the proxy that {seen.proxy} names" if seen.proxy else ", without a proxy"
    if seen.resolution and seen.proxy:
        remedy = f"Correct the proxy's address in {seen.proxy}."
        return Check("connection", Outcome.FAIL, "the proxy cannot be used", remedy, seen.resolution)
    if seen.resolution:
        remedy = "Check the host in api.base_url and this machine's DNS: its name does not resolve."
        return Check("connection", Outcome.FAIL, "the name of the cloud's host does not resolve", remedy, seen.resolution)
    answered = [exchange for exchange in seen.exchanges if exchange.status is not None and exchange.status != 407]
    failed = [exchange for exchange in seen.exchanges if isinstance(exchange.error, ConnectionFailed | TimedOut)]
    if not answered and not failed:
        return Check("connection", Outcome.SKIP, "nothing was asked")
    if not answered:
        said = str(failed[-1].error)
        seconds = f"{seen.config.api.timeout:g} s"
        timed_out = isinstance(failed[-1].error, TimedOut)
        return Check(
            "connection",
            Outcome.FAIL,
            f"no answer within {seconds}{through}" if timed_out else f"no connection{through}",
            remedy_for(ConnectionFailed.reason, said),
            "" if timed_out else said,
        )
    slowest = max(exchange.seconds for exchange in answered)
    way = "connected" if seen.proxy else "the name of the host resolves, connected"
    text = f"{way}{through}; {counted(len(answered), 'answer')}, the slowest in {slowest:.2g} s"
    if failed:
        text += f", and {counted(len(failed), 'request')} without an answer"
        return Check("connection", Outcome.WARN, text, "Watch it for a while: the connection breaks now and then.")
    return Check("connection", Outcome.OK, text)


def _certificate(seen: Observations) -> Iterator[Check]:
    if not seen.config.api.base_url.startswith("https:"):
        remedy = "Use https in api.base_url: the token goes over the network in the clear."
        yield Check("tls", Outcome.WARN, "no TLS: api.base_url is http", remedy)
    elif found := seen.wire.certificate:
        days = int((found.expires - seen.now) // 86400)
        date = datetime.fromtimestamp(found.expires, UTC).date().isoformat()
        text = f"{found.version}, chain verified; the certificate expires on {date}, in {days} days"
        outcome = Outcome.OK if days >= _SOON else Outcome.WARN
        remedy = "" if days >= _SOON else "Tell the vendor: without a new certificate every request will fail from then on."
        yield Check("tls", outcome, text, remedy, f"issued by {found.issuer}")
    else:
        yield Check("tls", Outcome.OK, "chain verified")


def skew(seen: Observations) -> float | None:
    """Return by how many seconds the cloud's clock is ahead of this machine's; None if no answer says."""
    # a Date has whole seconds, cut off
    return median(seen.wire.skews) + 0.5 if seen.wire.skews else None


def clocks_agree(seen: Observations) -> bool:
    """Return whether the cloud's clock says the same as this machine's, or says nothing."""
    return abs(skew(seen) or 0.0) < _WRONG


def _clock(seen: Observations) -> Check:
    ahead = skew(seen)
    if ahead is None:
        return Check("clock", Outcome.SKIP, "the cloud's answers have no Date to compare this machine's clock with")
    words = f"this machine's clock is {_span(abs(ahead))} {'behind' if ahead > 0 else 'ahead of'} the cloud's"
    if abs(ahead) < _FINE:
        return Check("clock", Outcome.OK, f"within {_FINE:g} s of the cloud's")
    remedy = "Set this machine's clock, for example with `timedatectl set-ntp true`, and run doctor again."
    return Check("clock", Outcome.FAIL if abs(ahead) >= _WRONG else Outcome.WARN, words, remedy)


def _span(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
