"""The exporter's own metrics, in a prometheus_client registry."""

import platform
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass
from functools import partial

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Metric,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.registry import Collector

from exporter.metrics.exposition import EVERYTHING, Selection

#: Seconds. The API's latency is not documented, so these span from a cached answer to the longest sensible timeout.
_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0, 60.0)

#: Why a field of a reading is dropped.
FIELD_CAUSES = ("name", "collision")


class SelfMetrics:
    """Counts what the exporter does. `reasons` (of failures) and `suspensions` are the label values that can occur."""

    def __init__(self, version: str, reasons: Iterable[str], suspensions: Iterable[str]) -> None:
        # the _created series of each counter would cost users series and tell them nothing
        disable_created_metrics()
        self.registry = CollectorRegistry()
        self._reasons = tuple(reasons)
        self._suspensions = tuple(suspensions)
        self._types: set[str] = set()
        self._zones: tuple[str, str] | None = None
        counter = partial(Counter, registry=self.registry)
        gauge = partial(Gauge, registry=self.registry)
        self.requests = counter("atess_exporter_api_requests", "Requests sent to the Enerclo API.", ["type"])
        self.failures = counter(
            "atess_exporter_api_request_failures",
            "Requests to the Enerclo API that gave no usable reading, by reason.",
            ["type", "reason"],
        )
        self.duration = Histogram(
            "atess_exporter_api_request_duration_seconds",
            "Time from sending a request to the Enerclo API to having its whole answer, or its failure.",
            ["type"],
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.fields_dropped = counter(
            "atess_exporter_fields_left_out",
            "Numeric fields of readings that were dropped, because they cannot become series: cause name, it cannot be a "
            "metric's name; cause collision, the metric of that name belongs to another field or to the exporter.",
            ["type", "cause"],
        )
        self.fields_unknown = gauge(
            "atess_exporter_fields_unknown",
            "Fields that devices of the type sent since the start and that neither the catalogue nor the config describes, 1000 "
            "at most; those that are numbers are shown all the same.",
            ["type"],
        )
        self.times_unreadable = counter(
            "atess_exporter_times_unreadable",
            "Readings whose own time is there but is no date and time that can be read.",
            ["type"],
        )
        self._timezone_offset = gauge(
            "atess_exporter_timezone_offset_seconds",
            "Seconds by which the own times of most devices are ahead (below 0: behind) where they are read in timezone, that of "
            "the config; fits is a zone in which they are not. 0 while timezone fits. Absent without timezone, before times "
            "have moved, and while no zone fits most devices.",
            ["timezone", "fits"],
        )
        self.devices = gauge("atess_exporter_devices", "Devices configured on this shard.", ["type"])
        self.discovered = gauge(
            "atess_exporter_discovered_devices",
            "Devices of the type in the list of the data logger, when discovery last read it.",
            ["type", "datalogSn"],
        )
        self.list_up = gauge(
            "atess_exporter_device_list_up",
            "1 if the data logger's list of devices of the type could be read when discovery last asked for it, else 0.",
            ["type", "datalogSn"],
        )
        self.lag = gauge("atess_exporter_poll_lag_seconds", "How late the most overdue poll is.")
        self.suspended = gauge(
            "atess_exporter_api_suspended",
            "1 while the circuit breaker is open and only one probe a minute is sent: cause unauthorized, the token is refused; "
            "cause unreachable, no device's request reaches the cloud.",
            ["cause"],
        )
        self.budget = gauge(
            "atess_exporter_api_budget_requests_per_minute",
            "Requests a minute that the exporter may send now; less than configured after the cloud asked for less.",
        )
        self.demand = gauge(
            "atess_exporter_api_demand_requests_per_minute",
            "Requests a minute that the configured intervals ask for, before pacing.",
        )
        self.reload_successful = gauge(
            "atess_exporter_config_last_reload_successful",
            "1 if the last attempt to load the config succeeded, else 0.",
        )
        self.reload_time = gauge(
            "atess_exporter_config_last_reload_success_timestamp_seconds",
            "Unix time of the last attempt to load the config that succeeded.",
        )
        self.web_reload_successful = gauge(
            "atess_exporter_web_config_last_reload_successful",
            "1 if the web config's files were loaded as they are now, or there are none; 0 if they were refused and the previous "
            "ones stay in use.",
        )
        build = gauge(
            "atess_exporter_build_info",
            "Always 1; the labels say what is running.",
            ["version", "python_version"],
        )
        build.labels(version, platform.python_version()).set(1)
        self._shard = gauge(
            "atess_exporter_shard_info",
            "Always 1; the labels say which part of the fleet this exporter polls: shard is from 0, below total_shards.",
            ["shard", "total_shards"],
        )
        self._total_shards = gauge(
            "atess_exporter_total_shards",
            "How many exporters this one shares the fleet with, itself included.",
        )
        self.show_suspension(None)
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)

    def count_devices(self, devices: Mapping[str, int]) -> None:
        """Set the number of devices of each type.

        All series of these types exist from now on, so that the rate of what has not happened yet is 0.
        """
        self._types |= devices.keys()
        for device_type in self._types:
            self.devices.labels(device_type).set(devices.get(device_type, 0))
            self.requests.labels(device_type)
            self.duration.labels(device_type)
            for reason in self._reasons:
                self.failures.labels(device_type, reason)
            for cause in FIELD_CAUSES:
                self.fields_dropped.labels(device_type, cause)
            self.fields_unknown.labels(device_type)
            self.times_unreadable.labels(device_type)

    def show_suspension(self, cause: str | None) -> None:
        """Set the cause of the account's suspension; None or a word that is not a cause means not suspended."""
        for known in self._suspensions:
            self.suspended.labels(known).set(known == cause)

    def show_zone(self, zones: tuple[str, str] | None, offset: int = 0) -> None:
        """Set how far the readings' times are off (seconds) in the first of `zones`; the second fits. None: that is not known."""
        if zones is not None:
            self._timezone_offset.labels(*zones).set(offset)
        if self._zones is not None and self._zones != zones:
            self._timezone_offset.remove(*self._zones)
        self._zones = zones

    def show_shard(self, index: int, total: int) -> None:
        """Set the number of this shard, and of all."""
        self._shard.labels(str(index), str(total)).set(1)
        self._total_shards.set(total)

    def watch(self, lag: Callable[[], float], budget: Callable[[], float]) -> None:
        """Read the lag (seconds) and the budget (requests a minute) from these functions at every scrape."""
        self.lag.set_function(lag)
        self.budget.set_function(budget)

    def render(self, selection: Selection = EVERYTHING, *, openmetrics: bool) -> bytes:
        """Return what is selected, in OpenMetrics or in the text format 0.0.4. OpenMetrics ends with `# EOF`."""
        registry = self.registry if selection == EVERYTHING else _Selected(self.registry, selection)
        if openmetrics:
            return generate_openmetrics(registry)  # type: ignore[no-any-return]
        return generate_latest(registry)


@dataclass(frozen=True)
class _Selected(Collector):
    """What is selected of a registry. Its own restricted_registry() goes by names alone, and knows none of the process's."""

    registry: CollectorRegistry
    selection: Selection

    def collect(self) -> Iterator[Metric]:
        for metric in self.registry.collect():
            samples = [entry for entry in metric.samples if self.selection.has(entry.name, entry.labels.get("type", ""))]
            if samples:
                part = copy(metric)
                part.samples = samples
                yield part
