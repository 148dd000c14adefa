"""PromQL for what the dashboards show. Fields go by the API's names, and only those that the catalogue has."""

from typing import Final

from exporter.catalogue.types import load_catalogue
from exporter.metrics.names import metric_name

#: What the variables choose: devices, and exporters.
DEVICES: Final = 'job=~"$job", type=~"$type", deviceSn=~"$deviceSn"'
EXPORTERS: Final = 'job=~"$job"'
TYPES: Final = 'job=~"$job", type=~"$type"'

#: A device is named by these. What tells exporters apart is aggregated away: a restarted pod comes under a new `instance`, and
#: for five minutes Prometheus still has the values of the old one.
_DEVICE: Final = "max by (type, deviceSn)"

_KNOWN: Final = frozenset(name for device_type in load_catalogue().values() for name in device_type.fields)


def metric(field: str) -> str:
    """Return the metric of an API field of the catalogue."""
    name = metric_name(field)
    if field not in _KNOWN or name is None:
        raise LookupError(f"no type of the catalogue has a field {field}")
    return name


def reading(*fields: str) -> str:
    """Return one series a device: the field, or, where types spell it differently, the first of `fields` that the device has."""
    return f"{_DEVICE} ({' or '.join(f'{metric(field)}{{{DEVICES}}}' for field in fields)})"


def about(name: str, labels: str = "") -> str:
    """Return one series a device, of a metric about the device itself."""
    return f"{_DEVICE} ({name}{{{DEVICES}{labels}}})"


def age(name: str) -> str:
    """Return seconds since a timestamp of each device."""
    return f"time() - {about(name)}"


#: 0 fresh, 1 the last poll failed, 2 stale as failing, 3 stale as frozen, 4 offline says its data logger; the worst that
#: applies. `cause` keeps the parts apart: `or` drops a series whose labels it has already.
STATE: Final = (
    f"{_DEVICE} ("
    f"1 - atess_device_up{{{DEVICES}}}"
    f' or 2 * atess_device_stale{{{DEVICES}, cause="failing"}}'
    f' or 3 * atess_device_stale{{{DEVICES}, cause="frozen"}}'
    f' or label_replace(4 * atess_device_lost{{{DEVICES}}}, "cause", "lost", "", "")'
    ")"
)

STATE_WORDS: Final = (
    ("fresh", "green"),
    ("last poll failed", "yellow"),
    ("stale: failing", "orange"),
    ("stale: frozen", "purple"),
    ("offline, says its data logger", "dark-red"),
)

#: The first $limit devices that there were in the time shown, the same at every point of it; whatever was stored of them last.
_SHOWN: Final = (
    f"topk($limit, group by (type, deviceSn) (last_over_time(atess_device_poll_interval_seconds{{{DEVICES}}}[$__range] @ end())))"
)


def shown(expression: str) -> str:
    """Return `expression` for no more of the chosen devices than a graph can show."""
    return f"({expression}) and on (type, deviceSn) {_SHOWN}"


def power(*fields: str) -> str:
    """Return active power in watts, if the API's numbers are in the unit that the variable says."""
    return f"$power * {reading(*fields)}"


def per_minute(name: str, by: str, labels: str = TYPES) -> str:
    """Return a counter's rate a minute."""
    return f"60 * sum by ({by}) (rate({name}{{{labels}}}[$__rate_interval]))"


def source(*fields: str) -> str:
    """Return which fields of the API a panel shows, for its description."""
    return f"API {'field' if len(fields) == 1 else 'fields'}: {', '.join(fields)}."
