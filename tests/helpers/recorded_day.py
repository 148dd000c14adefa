"""The simulated day as input for promtool's rule tests: there Prometheus' own rule engine lives through it, `for` and all."""

from collections.abc import Iterable
from typing import Any, Final

from tests.helpers.simulated_day import END, START, clock_time, sample

#: From before dawn until after the evening's last event.
BEGIN: Final = clock_time(5)
FINISH: Final = clock_time(20, 40)

_STEPS: Final = (FINISH - BEGIN) // 60


def minute(hour: int, minutes: int = 0) -> str:
    """A local time of the simulated day as the replay's."""
    return f"{(clock_time(hour, minutes) - BEGIN) // 60}m"


def input_series(url: str, metrics: Iterable[str]) -> list[dict[str, str]]:
    """All samples of `metrics` from BEGIN to FINISH as promtool writes them; where a series ends, it is marked as stale.

    The replay begins at 0, so Unix times among the values are moved there too.
    """
    selector = f'{{__name__=~"{"|".join(sorted(metrics))}"}}[{END - START + 60}s]'
    series = []
    for found in sample(url, selector, END):
        name = found["metric"].pop("__name__")
        labels = ", ".join(f'{label}="{value}"' for label, value in sorted(found["metric"].items()))
        series.append({"series": f"{name}{{{labels}}}", "values": _notation(name, found["values"])})
    return series


def _notation(name: str, samples: list[Any]) -> str:
    moved = BEGIN if name.endswith("_timestamp_seconds") else 0
    at = {round((time - BEGIN) / 60): float(value) - moved for time, value in samples}
    words: list[str] = []
    for step in range(_STEPS + 1):
        if step in at:
            words.append(f"{at[step]:.12g}")
        else:
            words.append("stale" if step - 1 in at else "_")
    return " ".join(words)
