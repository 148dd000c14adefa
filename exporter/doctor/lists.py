"""The lists of data loggers: which answer, what is in them, and how that compares with the devices of the config."""

from collections.abc import Iterator

from exporter.catalogue.types import ApiPath, DeviceType
from exporter.doctor.check import Check, Outcome, counted, listed
from exporter.doctor.exchange import Subject
from exporter.doctor.observations import Observations
from exporter.doctor.paths import optional_path


def check(seen: Observations) -> Iterator[Check]:
    """Yield a check for the list of each type, and one for what the lists have that the config has not, and the reverse."""
    if not seen.plan.datalog_sns:
        yield Check("lists", Outcome.SKIP, "no data logger given: name one with --datalog-sn to see its lists")
        return
    for known in seen.plan.types:
        if known.paths.list is not None and seen.of(Subject.LIST, known.type):
            yield _list(seen, known, known.paths.list)
    if seen.plan.devices:
        yield from _compared(seen)


def _list(seen: Observations, known: DeviceType, path: ApiPath) -> Check:
    found = [device for device in seen.listed() if device.type == known.type]
    result = optional_path(seen, known, Subject.LIST, path)
    if result.remedy and not result.config:
        return result
    lost = sum(device.lost is True for device in found)
    silent = sum(device.lost is None for device in found)
    text = f"{result.seen}: {counted(len(found), 'device')}"
    text += f", {lost} of them offline" if lost else ""
    text += f", {silent} without a word on being offline" if silent else ""
    # a list without a device proves nothing about the path
    settles = result.settles if found else {}
    return Check(result.name, result.outcome, text, result.remedy, settles=settles, config=result.config)


def _compared(seen: Observations) -> Iterator[Check]:
    listings = {device.key: device for device in seen.listed()}
    if not listings:
        return
    asked = {device.key: device for device in (*seen.config.devices, *seen.plan.devices)}
    # what discovery finds need not be listed; and a list that could not be read lacks devices for another reason
    more = [f"{device.type} {device.sn}" for key, device in listings.items() if key not in asked and not seen.config.discovery]
    read = {one.type for one in seen.of(Subject.LIST) if seen.answers(one)}
    fewer = [f"{device.type} {device.sn}" for key, device in asked.items() if key not in listings and device.type in read]
    if not more and not fewer:
        text = f"the lists have {counted(len(listings), 'device')}, and of the config's {len(asked)} none is missing in them"
        yield Check("listed devices", Outcome.OK, text)
        return
    parts = [f"not in the config: {listed(more)}"] if more else []
    parts += [f"in no list: {listed(fewer)}"] if fewer else []
    remedy = "Add the devices that are missing, or let `discovery` in the config find them; what is in no list may be gone."
    yield Check("listed devices", Outcome.WARN, "; ".join(parts), remedy)
