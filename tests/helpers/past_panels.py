"""The panels that show the past: those that need nothing but readings, which backfill writes."""

import re
from collections.abc import Iterator
from typing import Any, Final

from exporter.catalogue.types import load_catalogue
from exporter.metrics.names import metric_name
from grafana.queries import ANY
from tests.helpers.expressions import Expression, metrics_of, of_panel, panels
from tests.helpers.simulated_day import sample, window

READINGS: Final = {metric_name(field) for known in load_catalogue().values() for field in known.fields}


def about_readings(dashboard: dict[str, Any]) -> Iterator[Expression]:
    """Yield the expressions of panels that need nothing but readings."""
    for panel in panels(dashboard):
        for expression in of_panel(panel):
            # but for the choice of a site, which needs nothing
            if not re.search(r"atess_device_(?!info\{[^}]*site!~)\w+\{", expression.text):
                assert metrics_of(expression.text) <= {*READINGS, *ANY.split("|"), "atess_device_info"}
                yield expression


def ask(url: str, expression: Expression, day: int, **values: str) -> list[dict[str, Any]]:
    """The answer for a day; to an instant one in the hours before midnight, whose uploads are not all odd."""
    filled_in = expression.filled(**values)
    if expression.instant:
        return [found for at in range(day + 79200, day + 86400, 300) for found in sample(url, filled_in, at)]
    return window(url, filled_in, day, day + 86400, 300)
