"""The Exporter dashboard: how the exporter itself does, and what the cloud answers it."""

from grafana_foundation_sdk.models import dashboard as models

from grafana.frame import Section, datasource, device_type, frame, job
from grafana.panels import Panel, Query, lines, number, states
from grafana.queries import EXPORTERS, TYPES, per_minute

_INSTANCE = "{{job}} {{instance}}"
_REQUESTS = "atess_exporter_api_requests_total"
_FAILURES = "atess_exporter_api_request_failures_total"
_DURATION = "atess_exporter_api_request_duration_seconds"
_LOADED = "atess_exporter_config_last_reload_success_timestamp_seconds"
_NO_EXPORTER = "No exporter is scraped"
_YES_NO = {0: ("no", "green"), 1: ("yes", "red")}
_LATEST = {0: ("not the latest", "red"), 1: ("the latest", "green")}


def exporter_dashboard() -> models.Dashboard:
    variables = [datasource(), job(of_exporters=True), device_type(of_exporters=True)]
    sections = [_now(), _requests(), _budget(), _staleness(), _config(), _process()]
    text = "How the exporter does: its requests to the cloud, what it may send, what is stale, its config and its process."
    return frame("atess-exporter", "ATESS Exporter", text, variables, sections)


def _now() -> Section:
    return "Now", [
        number(
            "Scraped",
            "Whether Prometheus gets the exporter's page.",
            "none",
            [Query(f"min by (job, instance) (up{{{EXPORTERS}}})", _INSTANCE)],
            words={0: ("no", "red"), 1: ("yes", "green")},
            none=_NO_EXPORTER,
        ),
        number(
            "Version",
            "Which version of the exporter runs.",
            "none",
            [Query(f"max by (version) (atess_exporter_build_info{{{EXPORTERS}}})", "{{version}}")],
            text=True,
            none=_NO_EXPORTER,
        ),
        number(
            "Up for",
            "Time since the exporter was started.",
            "s",
            [Query(f"time() - max by (job, instance) (process_start_time_seconds{{{EXPORTERS}}})", _INSTANCE)],
            none=_NO_EXPORTER,
        ),
        number(
            "Devices",
            "Devices configured.",
            "none",
            [Query(f"sum (atess_exporter_devices{{{TYPES}}})", "devices")],
            none=_NO_EXPORTER,
        ),
        number(
            "Config in force",
            "Whether the last attempt to load the config succeeded. If not, the one before it is in force.",
            "none",
            [Query(f"min by (job, instance) (atess_exporter_config_last_reload_successful{{{EXPORTERS}}})", _INSTANCE)],
            words=_LATEST,
            none=_NO_EXPORTER,
        ),
        number(
            "Suspended",
            "Whether only one probe a minute is sent, because the token is refused or nothing reaches the cloud.",
            "none",
            [Query(f"max by (job, instance) (atess_exporter_api_suspended{{{EXPORTERS}}})", _INSTANCE)],
            words=_YES_NO,
            none=_NO_EXPORTER,
        ),
    ]


def _requests() -> Section:
    share = (
        f"sum by (type) (rate({_FAILURES}{{{TYPES}}}[$__rate_interval]))"
        f" / sum by (type) (rate({_REQUESTS}{{{TYPES}}}[$__rate_interval]) > 0)"
    )
    return "Requests to the cloud", [
        _lines("Requests", "Requests sent, by device type.", "reqpm", [(per_minute(_REQUESTS, "type"), "{{type}}")], low=0),
        _lines(
            "Failures by reason",
            "Requests that gave no usable reading. The documentation says what each reason means.",
            "reqpm",
            [(per_minute(_FAILURES, "reason"), "{{reason}}")],
            low=0,
            stacked=True,
        ),
        _lines(
            "Share of failures",
            "Requests that gave no usable reading, of all sent.",
            "percentunit",
            [(share, "{{type}}")],
            low=0,
            high=1,
        ),
        _lines(
            "Latency",
            "How long a request takes, to the last byte or to its failure: half, nine in ten, and 99 in 100 take no longer.",
            "s",
            [(_quantile(part, "le"), name) for part, name in ((0.5, "50 %"), (0.9, "90 %"), (0.99, "99 %"))],
            low=0,
        ),
        _lines(
            "Latency by type",
            "Nine requests in ten take no longer than this.",
            "s",
            [(_quantile(0.9, "le, type"), "{{type}}")],
            low=0,
        ),
        _lines(
            "Mean latency",
            "Time for all requests of a type, by their number.",
            "s",
            [
                (
                    f"sum by (type) (rate({_DURATION}_sum{{{TYPES}}}[$__rate_interval]))"
                    f" / sum by (type) (rate({_DURATION}_count{{{TYPES}}}[$__rate_interval]) > 0)",
                    "{{type}}",
                )
            ],
            low=0,
        ),
    ]


def _budget() -> Section:
    return "Budget and schedule", [
        _lines(
            "Budget and demand",
            "What may be sent, less than configured after the cloud asked for less; what the configured intervals ask for; and "
            "what is sent. If the demand is above 95 % of the budget, the intervals are stretched.",
            "reqpm",
            [
                (f"sum (atess_exporter_api_budget_requests_per_minute{{{EXPORTERS}}})", "budget"),
                (f"sum (atess_exporter_api_demand_requests_per_minute{{{EXPORTERS}}})", "demand"),
                (f"60 * sum (rate({_REQUESTS}{{{EXPORTERS}}}[$__rate_interval]))", "sent"),
            ],
            low=0,
        ),
        _lines(
            "Lag",
            "How late the most overdue poll is. Growing means that answers come too slowly for the schedule.",
            "s",
            [(f"max by (job, instance) (atess_exporter_poll_lag_seconds{{{EXPORTERS}}})", _INSTANCE)],
            low=0,
        ),
        _lines(
            "Intervals in force",
            "Shortest and longest interval between two polls of a device, after pacing.",
            "s",
            [
                (f"min by (type) (atess_device_poll_interval_seconds{{{TYPES}}})", "{{type}} shortest"),
                (f"max by (type) (atess_device_poll_interval_seconds{{{TYPES}}})", "{{type}} longest"),
            ],
            low=0,
        ),
    ]


def _staleness() -> Section:
    return "Staleness", [
        _lines(
            "Devices whose values are stale",
            "failing: no usable reading for too long; frozen: the cloud answers with the same old reading.",
            "none",
            [(f"sum by (cause) (max by (type, deviceSn, cause) (atess_device_stale{{{TYPES}}}))", "{{cause}}")],
            low=0,
        ),
        _lines(
            "Oldest usable reading",
            "Time since the last usable reading of the device that has waited the longest.",
            "s",
            [
                (
                    f"time() - min by (type) (max by (type, deviceSn) (atess_device_last_success_timestamp_seconds{{{TYPES}}}))",
                    "{{type}}",
                )
            ],
            low=0,
        ),
        _lines(
            "Fields dropped",
            "Numeric fields of readings that have no series, because of their name or because another field has it.",
            "cpm",
            [(per_minute("atess_exporter_fields_left_out_total", "type, cause"), "{{type}} {{cause}}")],
            low=0,
        ),
    ]


def _config() -> Section:
    return "Suspension, config and shards", [
        states(
            "Suspended",
            "When only one probe a minute was sent, and why.",
            [Query(f"max by (instance, cause) (atess_exporter_api_suspended{{{EXPORTERS}}})", "{{instance}} {{cause}}", _YES_NO)],
            width=12,
            none=_NO_EXPORTER,
        ),
        states(
            "Config in force",
            "Whether the last attempt to load the config had succeeded.",
            [Query(f"min by (job, instance) (atess_exporter_config_last_reload_successful{{{EXPORTERS}}})", _INSTANCE, _LATEST)],
            width=12,
            none=_NO_EXPORTER,
        ),
        _lines(
            "Age of the config",
            "Time since the config was last loaded.",
            "s",
            [
                (
                    f"time() - max by (job, instance) ({_LOADED}{{{EXPORTERS}}})",
                    _INSTANCE,
                )
            ],
            low=0,
        ),
        _lines(
            "Shards",
            "How many shards of the fleet are scraped. Where there should be more, nobody polls the devices of those missing.",
            "none",
            [
                (f"count by (job) (count by (job, shard) (atess_exporter_shard_info{{{EXPORTERS}}}))", "{{job}} scraped"),
                (f"max by (job) (atess_exporter_total_shards{{{EXPORTERS}}})", "{{job}} in all"),
            ],
            low=0,
        ),
    ]


def _process() -> Section:
    return "Process", [
        _lines(
            "CPU",
            "Share of one core.",
            "percentunit",
            [(f"sum by (job, instance) (rate(process_cpu_seconds_total{{{EXPORTERS}}}[$__rate_interval]))", _INSTANCE)],
            low=0,
        ),
        _lines(
            "Memory",
            "Resident memory.",
            "bytes",
            [(f"max by (job, instance) (process_resident_memory_bytes{{{EXPORTERS}}})", _INSTANCE)],
            low=0,
        ),
        _lines(
            "Open files",
            "Open file descriptors, and how many there may be.",
            "none",
            [
                (f"max by (job, instance) (process_open_fds{{{EXPORTERS}}})", f"{_INSTANCE} open"),
                (f"max by (job, instance) (process_max_fds{{{EXPORTERS}}})", f"{_INSTANCE} limit"),
            ],
            low=0,
        ),
        _lines(
            "Scrapes",
            "How long Prometheus takes to get the exporter's page.",
            "s",
            [(f"max by (job, instance) (scrape_duration_seconds{{{EXPORTERS}}})", _INSTANCE)],
            low=0,
        ),
    ]


def _lines(
    title: str,
    text: str,
    unit: str,
    queries: list[tuple[str, str]],
    *,
    low: float,
    high: float | None = None,
    stacked: bool = False,
) -> Panel:
    asked = [Query(expr, legend) for expr, legend in queries]
    return lines(title, text, unit, asked, width=8, none=_NO_EXPORTER, low=low, high=high, stacked=stacked)


def _quantile(share: float, by: str) -> str:
    return f"histogram_quantile ({share}, sum by ({by}) (rate({_DURATION}_bucket{{{TYPES}}}[$__rate_interval])))"
