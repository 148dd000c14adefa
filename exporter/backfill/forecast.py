"""What a run would ask and write, told before it begins."""

from collections import Counter
from collections.abc import Mapping
from math import ceil, floor, log10
from typing import Final

from exporter.backfill.plan import UPLOAD_INTERVAL, BackfillPlan, local_time
from exporter.backfill.progress import duration
from exporter.catalogue.kinds import Kind
from exporter.config.load import Config
from exporter.config.schema import EVERYTHING

#: Bytes of a sample in the output, without further labels, and in Prometheus' blocks of 54 hours. Measured on histories of the
#: simulator, a week of each type: 67 to 75, and 1.6 to 3.8 with promtool 2.42.
_OUTPUT_BYTES: Final = 70
_BLOCK_BYTES: Final = 4

_UNITS: Final = ("B", "kB", "MB", "GB", "TB")


def forecast(config: Config, plan: BackfillPlan, labels: Mapping[str, str], now: float) -> str:
    """Return what a run would request and write, how long it takes and what Prometheus must keep, as lines for the user."""
    api = config.api
    types = Counter(source.type for source in plan.sources)
    fields = {name: _fields(config, name) for name in types}
    samples = (plan.range.end - plan.range.start) / UPLOAD_INTERVAL * sum(types[name] * fields[name] for name in types)
    labelled = _OUTPUT_BYTES + sum(len(f',{name}="{value}"'.encode()) for name, value in labels.items())
    lines = [f"{plan.range} ({api.timezone}), in {len(plan.windows)} windows of at most {config.history.window / 3600:g}h"]
    paths = Counter((source.type, source.path.path, source.path.evidence.words) for source in plan.sources)
    for (name, path, evidence), count in paths.items():
        lines.append(f"{name}: {count} device{'s' if count > 1 else ''}, {path} ({evidence}), {fields[name]} fields known")
    time = duration(plan.requests / api.requests_per_minute * 60)
    lines += [
        f"some {plan.requests} requests, if each device uploaded every 5 minutes: {time} at {api.requests_per_minute:g} a minute",
        f"about {_rounded(samples):,} samples, if each device has the fields that are known: "
        f"{_size(samples * labelled)} of output, {_size(samples * _BLOCK_BYTES)} as Prometheus' blocks",
        f"to keep the oldest sample, Prometheus needs --storage.tsdb.retention.time={_retention(plan, now)}d, and a day more for "
        "each further day",
    ]
    return "\n".join(lines)


def _fields(config: Config, name: str) -> int:
    """Return how many series a device of that type has, as far as its fields are known."""
    chosen = config.fields.get(name, EVERYTHING).of(dict.fromkeys(config.types[name].known_fields, 0))
    return sum(config.kinds[name][field] is not Kind.IDENTITY for field in chosen)


def _retention(plan: BackfillPlan, now: float) -> int:
    """Return the days that Prometheus must keep samples for, to keep the oldest one until tomorrow."""
    oldest = local_time(plan.range.start).replace(tzinfo=plan.zone).timestamp()
    return ceil((now - oldest) / 86400) + 1


def _rounded(value: float) -> int:
    """Return a number of which two digits count."""
    return round(int(value), 1 - floor(log10(value))) if value >= 1 else 0


def _size(count: float) -> str:
    """Return bytes as text of which two digits count."""
    size = _rounded(count)
    power = min((len(str(size)) - 1) // 3, len(_UNITS) - 1)
    return f"{size / 1000**power:g} {_UNITS[power]}"
