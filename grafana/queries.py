"""PromQL for what the dashboards show. Fields go by the API's names, and only those that the catalogue has."""

from typing import Final

from exporter.catalogue.types import load_catalogue
from exporter.metrics.names import metric_name

#: What the variables choose: devices, and exporters.
DEVICES: Final = 'job=~"$job", type=~"$type", deviceSn=~"$deviceSn"'
EXPORTERS: Final = 'job=~"$job"'
TYPES: Final = 'job=~"$job", type=~"$type"'

#: Leaves out the devices that are known not to be at the chosen site. Of devices with nothing but history no site is known.
_ELSEWHERE: Final = f'unless on (type, deviceSn) atess_device_info{{{DEVICES}, site!~"$site"}}'

#: What every device has at some time: live ones the first, history a reading.
ANY: Final = "atess_device_poll_interval_seconds|atess_capacity|atess_status"

_KNOWN: Final = frozenset(name for device_type in load_catalogue().values() for name in device_type.fields)


def metric(field: str) -> str:
    """Return the metric of an API field of the catalogue."""
    name = metric_name(field)
    if field not in _KNOWN or name is None:
        raise LookupError(f"no type of the catalogue has a field {field}")
    return name


def each(expression: str, by: str = "") -> str:
    """Return the series of the chosen sites, one a device (and what else `by` has, as `, label`).

    What tells exporters apart is aggregated away: a restarted pod comes under a new `instance`, and for five minutes Prometheus
    still has the values of the old one. So is what tells history from live series.
    """
    return f"max by (type, deviceSn{by}) (({expression}) {_ELSEWHERE})"


def bounds(field: str) -> tuple[float | None, float | None]:
    """Return the least and the most that a field can be; None for no such bound.

    Answers have been seen with a temperature of 6523.6 (a wrapped -30.0), a capacity of 48130, a cell voltage of 65.5 (a wrapped
    -0.010), and -1 where there are no data.
    """
    known = [device_type.fields[field] for device_type in load_catalogue().values() if field in device_type.fields]
    if any(info.unit == "°C" for info in known):
        # above it as the alerts have it: a maxTemp of 157 occurs, too
        return -100, 150
    if field == "capacity":
        return 0, 100
    if any(info.group == "cells" for info in known):
        return 0, 60 if any(info.unit == "V" for info in known) else None
    return (0, None) if any(info.kind in ("daily_total", "lifetime_total") for info in known) else (None, None)


def reading(*fields: str, labels: str = "") -> str:
    """Return one series a device: the field, or, where types spell it differently, the first of `fields` that the device has.

    Numbers that the field cannot be are missing. `labels` are further conditions.
    """
    return each(" or ".join(possible(field, labels) for field in fields))


def possible(field: str, labels: str = "") -> str:
    """Return a field's series without the numbers that it cannot be."""
    low, high = bounds(field)
    selector = f"{metric(field)}{{{DEVICES}{', ' * bool(labels)}{labels}}}"
    return selector + (f" >= {low}" if low is not None else "") + (f" <= {high}" if high is not None else "")


def impossible(*fields: str) -> str:
    """Return the numbers that these fields cannot be, one series a device and field."""
    parts = []
    for low, high in dict.fromkeys(map(bounds, fields)):
        names = "|".join(metric(field) for field in fields if bounds(field) == (low, high))
        selector = f'{{__name__=~"{names}", {DEVICES}}}'
        parts += [f"{selector} < {low}"] * (low is not None) + [f"{selector} > {high}"] * (high is not None)
    named = f'label_join({" or ".join(parts)}, "field", "", "__name__")'
    return each(named, ", field")


def about(name: str, labels: str = "") -> str:
    """Return one series a device, of a metric about the device itself."""
    return each(f"{name}{{{DEVICES}{labels}}}")


#: One series for each device that there is, or was.
PRESENT: Final = each(f'{{__name__=~"{ANY}", {DEVICES}}}')


def age(name: str) -> str:
    """Return seconds since a timestamp of each device."""
    return f"time() - {about(name)}"


#: 0 fresh, 1 the last poll failed, 2 stale as failing, 3 stale as frozen, 4 offline says its data logger, 5 in no data logger's
#: list any more; the worst that applies. `cause` keeps the parts apart: `or` drops a series whose labels it has already.
STATE: Final = each(
    f"1 - atess_device_up{{{DEVICES}}}"
    f' or 2 * atess_device_stale{{{DEVICES}, cause="failing"}}'
    f' or 3 * atess_device_stale{{{DEVICES}, cause="frozen"}}'
    f' or label_replace(4 * atess_device_lost{{{DEVICES}}}, "cause", "lost", "", "")'
    f' or label_replace(5 * atess_device_gone{{{DEVICES}}}, "cause", "gone", "", "")'
)

#: What is said of each device, in labels of whatever names.
INFO: Final = f'max without (job, instance) (atess_device_info{{{DEVICES}, site=~"$site"}})'

STATE_WORDS: Final = {
    0: ("fresh", "green"),
    1: ("last poll failed", "yellow"),
    2: ("stale: failing", "orange"),
    3: ("stale: frozen", "purple"),
    4: ("offline, says its data logger", "dark-red"),
    5: ("gone: in no list", "super-light-red"),
}

_ANY: Final = f'group by (type, deviceSn) ({{__name__=~"{ANY}", {DEVICES}}}'

#: The first $limit devices that there were in the time shown, the same at every point of it. Of a long time only every fifth
#: minute is looked at: all samples of 10,000 devices would be more than Prometheus reads for one query.
_SHOWN: Final = f"topk($limit, {_ANY} @ end()) or max_over_time({_ANY})[$__range:5m] @ end()))"


def shown(expression: str) -> str:
    """Return `expression` for no more of the chosen devices than a graph can show."""
    return f"({expression}) and on (type, deviceSn) {_SHOWN}"


def per_minute(name: str, by: str, labels: str = TYPES) -> str:
    """Return a counter's rate a minute."""
    return f"60 * sum by ({by}) (rate({name}{{{labels}}}[$__rate_interval]))"


def source(*fields: str, bounded: bool = True) -> str:
    """Return which fields of the API a panel shows, for its description, and that numbers are missing where it is `bounded`."""
    text = f"API {'field' if len(fields) == 1 else 'fields'}: {', '.join(fields)}."
    doubted = bounded and any(bounds(field) != (None, None) for field in fields)
    return f"{text} Numbers that cannot be are left out." if doubted else text
