"""The reference of metrics: those about devices and those about the exporter."""

from collections.abc import Mapping
from typing import Final

from prometheus_client import Metric

from exporter.api.circuit_breaker import Cause
from exporter.api.errors import REASONS
from exporter.metrics.names import DEVICE_FAMILIES
from exporter.metrics.self_metrics import SelfMetrics
from tools.reference.table import code, table

#: Labels beside `deviceSn` and `type`.
MORE_LABELS: Final[Mapping[str, tuple[str, ...]]] = {
    "atess_device_stale": ("cause",),
    "atess_device_fault_active": ("fault", "severity", "code"),
    "atess_device_info": ("datalogSn", "firmwareVersion", "yours from `info`"),
}

#: Of these the values are listed.
_CAUSES: Final = ("reason", "cause")

#: The libraries' own, which depend on the platform that they run on.
_LIBRARIES: Final = ("process_", "python_")


def device_metrics() -> str:
    """Return the table of metrics about devices."""
    rows = []
    for name, text in DEVICE_FAMILIES.items():
        more = ", ".join(label if " " in label else code(label) for label in MORE_LABELS.get(name, ()))
        rows.append((_anchored(name), more, text))
    return table(("metric", "more labels", "meaning"), rows)


def own_metrics() -> str:
    """Return the table of metrics about the exporter itself."""
    metrics = SelfMetrics("", REASONS, list(Cause))
    metrics.count_devices({"pbd": 1})
    metrics.show_shard(0, 1)
    metrics.show_zone(("Asia/Bangkok", "Asia/Bangkok"))
    for of_a_list in (metrics.discovered, metrics.list_up):
        of_a_list.labels("pbd", "DLD0D20001")
    rows = [
        (_anchored(_name(metric)), metric.type, _labels(metric), metric.documentation)
        for metric in metrics.registry.collect()
        if not metric.name.startswith(_LIBRARIES)
    ]
    return table(("metric", "type", "labels", "meaning"), sorted(rows))


def _name(metric: Metric) -> str:
    return f"{metric.name}_total" if metric.type == "counter" else metric.name


def _labels(metric: Metric) -> str:
    names = dict.fromkeys(name for sample in metric.samples for name in sample.labels if name != "le")
    parts = []
    for name in names:
        values = dict.fromkeys(code(sample.labels[name]) for sample in metric.samples)
        parts.append(f"{code(name)}: {', '.join(values)}" if name in _CAUSES else code(name))
    return "; ".join(parts)


def _anchored(name: str) -> str:
    return f'<a id="{name}"></a>{code(name)}'
