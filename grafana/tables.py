"""Tables: a row for each device or the like, and a column for each label and query."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, cast

from grafana_foundation_sdk.builders import common, table
from grafana_foundation_sdk.models import common as options
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import table as table_models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from grafana.panels import (
    PLAIN,
    Panel,
    Query,
    Steps,
    Words,
    common_panel,
    device_links,
    lettered,
    target,
    thresholds,
    value_map,
)

_COLOURED: Final = {"type": "color-text"}


@dataclass(frozen=True)
class Column:
    """A column of a table: a query, and how its numbers look. A `hidden` one is there for its labels only."""

    title: str
    expr: str
    unit: str = "none"
    words: Words = field(default_factory=dict)
    steps: Steps = ()
    hidden: bool = False


@dataclass(frozen=True)
class Label:
    """A column of a table that is a label of the series: what its values stand for, and what is shown of the other ones."""

    name: str
    title: str
    words: Words = field(default_factory=dict)
    others: str | None = None


#: Of tables with a row for each device.
DEVICE: Final = (Label("type", "Type"), Label("deviceSn", "Device"))


def rows(
    title: str,
    about: str,
    columns: Sequence[Column],
    labels: Sequence[Label],
    *,
    none: str,
    width: int = 24,
    height: int = 9,
    worst_first: str | None = None,
) -> Panel:
    """Return a table: a row for each device or the like, joined by its `labels`, and a column for each query."""
    panel = common_panel(table.Panel(), title, about, "none", none, PLAIN)
    panel = panel.show_header(True).cell_height(options.TableCellHeight.SM).filterable(True)
    panel = panel.cell_options(options.TableAutoCellOptions())
    values = {"Value" if len(columns) == 1 else f"Value #{ref}": column for ref, column in lettered(columns)}
    titles = {label.name: label.title for label in labels}
    renamed = {name: column.title for name, column in values.items()} | titles
    excluded = ["Time", *(name for name, column in values.items() if column.hidden)]
    order = {name: place for place, name in enumerate(dict.fromkeys([*titles, *renamed]))}
    panel = panel.with_transformation(models.DataTransformerConfig("merge", options={}))
    panel = panel.with_transformation(
        models.DataTransformerConfig(
            "organize", options={"excludeByName": dict.fromkeys(excluded, True), "indexByName": order, "renameByName": renamed}
        )
    )
    if worst_first:
        panel = panel.sort_by([common.TableSortByFieldState().display_name(worst_first).desc(True)])
    for ref, column in lettered(columns):
        panel = panel.with_target(target(ref, Query(column.expr, "")).instant().format(PromQueryFormat.TABLE))
        panel = panel.override_by_name(column.title, _look(column))
    for label in labels:
        if label.words:
            panel = panel.override_by_name(label.title, _words(label))
    if "deviceSn" in titles:
        panel = panel.override_by_name("Device", [device_links("${__data.fields.Type}", "${__data.fields.Device}")])
    model = panel.build()
    # the SDK still writes the footer that Grafana 13 has moved
    cast(table_models.Options, model.options).footer = None
    return Panel(model, width, height)


def _look(column: Column) -> list[models.DynamicConfigValue]:
    look = [models.DynamicConfigValue("unit", column.unit)]
    if column.words:
        look.append(models.DynamicConfigValue("mappings", [value_map(column.words).to_json()]))
    if column.steps:
        levels = models.ThresholdsConfig(models.ThresholdsMode.ABSOLUTE, thresholds(column.steps))
        look.append(models.DynamicConfigValue("thresholds", levels.to_json()))
    if column.words or column.steps:
        look.append(models.DynamicConfigValue("custom.cellOptions", _COLOURED))
    return look


def _words(label: Label) -> list[models.DynamicConfigValue]:
    mappings = [value_map(label.words).to_json()]
    if label.others is not None:
        result = models.ValueMappingResult(text=label.others, color="text", index=len(label.words))
        mappings.append(models.RegexMap(models.DashboardRegexMapOptions(".+", result)).to_json())
    return [models.DynamicConfigValue("mappings", mappings), models.DynamicConfigValue("custom.cellOptions", _COLOURED)]
