"""Panels as all dashboards have them: the SDK's typed builders with this project's habits."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar, cast

from grafana_foundation_sdk.builders import bargauge, common, prometheus, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models import common as options
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import table as table_models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

DATASOURCE: Final = options.DataSourceRef("prometheus", "${datasource}")

#: The links of a device's name lead to its own dashboard, with the time and the choices of this one.
DEVICE_LINK: Final = (
    "/d/atess-device?${datasource:queryparam}&${job:queryparam}&${power:queryparam}&${__url_time_range}"
    "&var-type=%s&var-deviceSn=%s"
)

_Panel = TypeVar("_Panel", stat.Panel, timeseries.Panel, bargauge.Panel, table.Panel, statetimeline.Panel)

Steps = Sequence[tuple[float | None, str]]
PLAIN: Final[Steps] = ((None, "text"),)
GOOD: Final[Steps] = ((None, "green"),)


@dataclass(frozen=True)
class Query:
    """An expression, and what its series are called in the legend."""

    expr: str
    legend: str = "{{type}} {{deviceSn}}"


@dataclass(frozen=True)
class Panel:
    """A panel ready to be placed, so many of the grid's 24 columns wide."""

    model: models.Panel
    width: int
    height: int


def number(
    title: str,
    about: str,
    unit: str,
    queries: Sequence[Query],
    *,
    width: int = 4,
    steps: Steps = PLAIN,
    none: str = "No data",
    words: Sequence[tuple[str, str]] = (),
    text: bool = False,
) -> Panel:
    """Return one number, as it is now. With `text`, the series' name in its place."""
    panel = _common(stat.Panel(), title, about, unit, none, steps)
    panel = panel.color_mode(options.BigValueColorMode.VALUE).graph_mode(options.BigValueGraphMode.NONE)
    panel = panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).fields("").values(False))
    panel = panel.justify_mode(options.BigValueJustifyMode.AUTO).orientation(options.VizOrientation.AUTO).wide_layout(True)
    panel = panel.text_mode(options.BigValueTextMode.NAME if text else options.BigValueTextMode.AUTO)
    panel = panel.percent_change_color_mode(options.PercentChangeColorMode.STANDARD).show_percent_change(False)
    if words:
        panel = panel.mappings([_words(words)])
    for ref, query in _lettered(queries):
        panel = panel.with_target(_query(ref, query).instant())
    return Panel(panel.build(), width, 4)


def verdict(
    title: str, about: str, query: Query, ranges: Sequence[tuple[float | None, float | None, str, str]], none: str, *, width: int
) -> Panel:
    """Return the last number of the time shown, in words: each of `ranges` is from, to, the words and a colour."""
    panel = _common(stat.Panel(), title, about, "none", none, PLAIN)
    panel = panel.color_mode(options.BigValueColorMode.VALUE).graph_mode(options.BigValueGraphMode.NONE)
    panel = panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).fields("").values(False))
    panel = panel.justify_mode(options.BigValueJustifyMode.AUTO).orientation(options.VizOrientation.AUTO).wide_layout(True)
    panel = panel.text_mode(options.BigValueTextMode.VALUE).show_percent_change(False)
    panel = panel.percent_change_color_mode(options.PercentChangeColorMode.STANDARD)
    panel = panel.mappings(
        [
            models.RangeMap(
                models.DashboardRangeMapOptions(low, high, models.ValueMappingResult(text=text, color=color, index=i))
            )
            for i, (low, high, text, color) in enumerate(ranges)
        ]
    )
    panel = panel.with_target(_query("A", query).range())
    return Panel(panel.build(), width, 4)


def lines(
    title: str,
    about: str,
    unit: str,
    queries: Sequence[Query],
    *,
    width: int = 12,
    height: int = 8,
    none: str = "No data",
    steps: Steps | None = None,
    stacked: bool = False,
    low: float | None = None,
    high: float | None = None,
    table: bool = True,
) -> Panel:
    """Return lines over time, with gaps where there are no values. `steps` are drawn as dashed lines."""
    panel = _common(timeseries.Panel(), title, about, unit, none, steps or GOOD)
    panel = panel.color_scheme(builders.FieldColor().mode(models.FieldColorModeId.PALETTE_CLASSIC))
    panel = panel.line_width(1).fill_opacity(30 if stacked else 0).span_nulls(False).interval("1m")
    panel = panel.show_points(options.VisibilityMode.AUTO).draw_style(options.GraphDrawStyle.LINE)
    stacking = options.StackingMode.NORMAL if stacked else options.StackingMode.NONE
    panel = panel.stacking(common.StackingConfig().mode(stacking).group("A"))
    legend = common.VizLegendOptions().show_legend(True).placement(options.LegendPlacement.BOTTOM)
    legend = legend.display_mode(options.LegendDisplayMode.TABLE if table else options.LegendDisplayMode.LIST)
    panel = panel.legend(legend.calcs(["lastNotNull", "min", "max"] if table else []))
    panel = panel.tooltip(_tooltip(options.SortOrder.DESCENDING))
    if steps:
        panel = panel.thresholds_style(common.GraphThresholdsStyleConfig().mode(options.GraphThresholdsStyleMode.DASHED))
    if low is not None:
        panel = panel.min(low)
    if high is not None:
        panel = panel.max(high)
    for ref, query in _lettered(queries):
        panel = panel.with_target(_query(ref, query).range())
    return Panel(panel.build(), width, height)


def bars(
    title: str,
    about: str,
    unit: str,
    query: Query,
    *,
    width: int = 6,
    height: int = 8,
    none: str = "No data",
    steps: Steps = GOOD,
    low: float | None = None,
    high: float | None = None,
    linked: bool = True,
) -> Panel:
    """Return a bar for each of a few series, as they are now. If `linked` they are devices, and lead to their dashboards."""
    panel = _common(bargauge.Panel(), title, about, unit, none, steps)
    panel = panel.orientation(options.VizOrientation.HORIZONTAL).display_mode(options.BarGaugeDisplayMode.BASIC)
    panel = panel.value_mode(options.BarGaugeValueMode.TEXT).name_placement(options.BarGaugeNamePlacement.AUTO)
    panel = panel.sizing(options.BarGaugeSizing.AUTO).min_viz_width(8).min_viz_height(16).max_viz_height(300).show_unfilled(True)
    panel = panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).fields("").values(False))
    panel = panel.legend(
        common.VizLegendOptions()
        .show_legend(False)
        .placement(options.LegendPlacement.BOTTOM)
        .display_mode(options.LegendDisplayMode.LIST)
        .calcs([])
    )
    if low is not None:
        panel = panel.min(low)
    if high is not None:
        panel = panel.max(high)
    if linked:
        link = _data_link(DEVICE_LINK % ("${__field.labels.type}", "${__field.labels.deviceSn}"))
        panel = panel.override_by_field_type("number", [models.DynamicConfigValue("links", [link])])
    return Panel(panel.with_target(_query("A", query).instant()).build(), width, height)


def states(
    title: str,
    about: str,
    queries: Sequence[Query],
    words: Sequence[tuple[str, str]] = (),
    *,
    width: int = 24,
    height: int = 7,
    none: str = "No data",
) -> Panel:
    """Return a bar over time for each series, coloured by what its number means."""
    panel = _common(statetimeline.Panel(), title, about, "none", none, PLAIN)
    panel = (
        panel.mappings([_words(words)] if words else [])
        .show_value(options.VisibilityMode.NEVER)
        .merge_values(True)
        .row_height(0.8)
    )
    panel = panel.align_value(options.TimelineValueAlignment.LEFT).fill_opacity(80).line_width(0).interval("1m")
    panel = panel.color_scheme(builders.FieldColor().mode(models.FieldColorModeId.THRESHOLDS))
    panel = panel.legend(
        common.VizLegendOptions()
        .show_legend(True)
        .placement(options.LegendPlacement.BOTTOM)
        .display_mode(options.LegendDisplayMode.LIST)
        .calcs([])
    ).tooltip(_tooltip(options.SortOrder.NONE))
    for ref, query in _lettered(queries):
        panel = panel.with_target(_query(ref, query).range())
    return Panel(panel.build(), width, height)


@dataclass(frozen=True)
class Column:
    """A column of a table: a query, and how its numbers look. A `hidden` one is there for its labels only."""

    title: str
    expr: str
    unit: str = "none"
    words: Sequence[tuple[str, str]] = ()
    steps: Steps = ()
    hidden: bool = False


def rows(
    title: str,
    about: str,
    columns: Sequence[Column],
    labels: Sequence[tuple[str, str]],
    *,
    none: str,
    width: int = 24,
    height: int = 9,
    worst_first: str | None = None,
) -> Panel:
    """Return a table: a row for each device or the like, joined by its `labels` (label, title), and a column for each query."""
    panel = _common(table.Panel(), title, about, "none", none, PLAIN)
    panel = panel.show_header(True).cell_height(options.TableCellHeight.SM).filterable(True)
    panel = panel.cell_options(options.TableAutoCellOptions())
    renamed = {f"Value #{ref}": column.title for ref, column in _lettered(columns)}
    if len(columns) == 1:
        renamed = {"Value": columns[0].title}
    renamed |= dict(labels)
    excluded = ["Time", *(f"Value #{ref}" for ref, column in _lettered(columns) if column.hidden)]
    order = {name: place for place, name in enumerate(dict.fromkeys([*dict(labels), *renamed]))}
    panel = panel.with_transformation(models.DataTransformerConfig("merge", options={}))
    panel = panel.with_transformation(
        models.DataTransformerConfig(
            "organize", options={"excludeByName": dict.fromkeys(excluded, True), "indexByName": order, "renameByName": renamed}
        )
    )
    if worst_first:
        panel = panel.sort_by([common.TableSortByFieldState().display_name(worst_first).desc(True)])
    for ref, column in _lettered(columns):
        panel = panel.with_target(_query(ref, Query(column.expr, "")).instant().format(PromQueryFormat.TABLE))
        panel = panel.override_by_name(column.title, _look(column))
    if ("deviceSn", "Device") in labels:
        link = _data_link(DEVICE_LINK % ("${__data.fields.Type}", "${__data.fields.Device}"))
        panel = panel.override_by_name("Device", [models.DynamicConfigValue("links", [link])])
    model = panel.build()
    # the SDK still writes the footer that Grafana 13 has moved
    cast(table_models.Options, model.options).footer = None
    return Panel(model, width, height)


def _common(panel: _Panel, title: str, about: str, unit: str, none: str, steps: Steps) -> _Panel:
    thresholds = builders.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(_steps(steps))
    panel = panel.title(title).description(about).datasource(DATASOURCE).unit(unit).no_value(none).thresholds(thresholds)
    return panel.color_scheme(builders.FieldColor().mode(models.FieldColorModeId.THRESHOLDS))


def _query(ref: str, query: Query) -> prometheus.Dataquery:
    return prometheus.Dataquery().ref_id(ref).datasource(DATASOURCE).expr(query.expr).legend_format(query.legend)


_Item = TypeVar("_Item")


def _lettered(items: Sequence[_Item]) -> Iterable[tuple[str, _Item]]:
    return ((chr(ord("A") + number), item) for number, item in enumerate(items))


def _steps(steps: Steps) -> list[models.Threshold]:
    return [models.Threshold(value, color) for value, color in steps]


def _words(words: Sequence[tuple[str, str]]) -> models.ValueMap:
    return models.ValueMap(
        {str(value): models.ValueMappingResult(text=text, color=color, index=value) for value, (text, color) in enumerate(words)}
    )


def _look(column: Column) -> list[models.DynamicConfigValue]:
    look = [models.DynamicConfigValue("unit", column.unit)]
    if column.words:
        look.append(models.DynamicConfigValue("mappings", [_words(column.words).to_json()]))
    if column.steps:
        thresholds = models.ThresholdsConfig(models.ThresholdsMode.ABSOLUTE, _steps(column.steps))
        look.append(models.DynamicConfigValue("thresholds", thresholds.to_json()))
    if column.words or column.steps:
        look.append(models.DynamicConfigValue("custom.cellOptions", {"type": "color-text"}))
    return look


def _tooltip(sort: options.SortOrder) -> common.VizTooltipOptions:
    return common.VizTooltipOptions().mode(options.TooltipDisplayMode.MULTI).sort(sort)


def _data_link(url: str) -> dict[str, object]:
    return {"title": "Show the device", "url": url, "targetBlank": False}
