"""Whether the token is taken: for all devices, for some, or not at all."""

from collections.abc import Iterator

from exporter.api.circuit_breaker import Cause
from exporter.api.errors import NotFound, Unauthorized
from exporter.catalogue.remedies import remedy_for_suspension
from exporter.doctor.check import Check, Outcome, counted, listed
from exporter.doctor.exchange import Subject
from exporter.doctor.observations import LATEST, Observations


def check(seen: Observations) -> Iterator[Check]:
    """Yield what the answers say about the token, and about an account without any of the devices."""
    answered = [exchange for exchange in seen.exchanges if exchange.status is not None]
    if not answered:
        yield Check("token", Outcome.SKIP, "nothing was answered, so nothing is known about the token")
        return
    refused = [exchange for exchange in answered if isinstance(exchange.error, Unauthorized)]
    if len(refused) == len(answered):
        asked = {(one.type, one.sn) for one in refused if one.subject is Subject.READING}
        text = f"refused ({refused[-1].answer}) for everything that was asked"
        if asked and len(asked) < len(seen.devices):
            text += f", {len(asked)} of {len(seen.devices)} devices"
        remedy = remedy_for_suspension(Cause.UNAUTHORIZED, token=seen.config.token.origin)
        yield Check("token", Outcome.FAIL, text, remedy)
        return
    names = list(dict.fromkeys(f"{one.type} {one.sn}" for one in refused if one.subject is Subject.READING))
    taken = list(
        dict.fromkeys(f"{one.type} {one.sn}" for one in answered if one.subject is Subject.READING and one.error is None)
    )
    if names:
        remedy = f"Ask the vendor to give this account access to {listed(names)}, or remove what is not yours from the config."
        text = (
            f"taken, but refused for {counted(len(names), 'device')} of {len(names) + len(taken)} that answered: {listed(names)}"
        )
        yield Check("token", Outcome.WARN, text, remedy)
    elif refused:
        subjects = sorted({f"{one.subject} of {one.type}" for one in refused})
        yield Check("token", Outcome.WARN, f"taken, but not for {listed(subjects)}", "Ask the vendor for access, or do without.")
    elif any(exchange.error is None for exchange in answered):
        yield Check("token", Outcome.OK, "taken")
    else:
        yield Check("token", Outcome.OK, f"not refused ({answered[-1].answer})")
    yield from _account(seen)


def _account(seen: Observations) -> Iterator[Check]:
    """Yield a failure if the account seems to have none of the devices."""
    if all(exchange.status == 404 for exchange in seen.exchanges):
        text = "every path that was asked is unknown there (HTTP 404)"
        yield Check("account", Outcome.FAIL, text, "Check api.base_url: what answers there has none of the API's paths.")
        return
    readings = seen.of(Subject.READING, None, LATEST)
    lists = [exchange for exchange in seen.of(Subject.LIST) if exchange.error is None]
    if not seen.devices and not seen.stopped:
        text = "the lists of these data loggers have no device" if lists else "no list of a data logger could be read"
        remedy = "Check the data loggers' serial numbers, and in the vendor's app that this account has devices behind them."
        yield Check("account", Outcome.FAIL, text, remedy)
    elif (
        readings
        and all(isinstance(exchange.error, NotFound) for exchange in readings)
        and not any(any(seen.good(known.type)) for known in seen.types)
    ):
        remedy = "Check serial numbers and types, and in the vendor's app that the devices belong to the account of this token."
        yield Check("account", Outcome.FAIL, f"none of {counted(len(readings), 'device')} is known to the cloud", remedy)
