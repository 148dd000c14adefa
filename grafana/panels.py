"""Panels as all dashboards have them: the SDK's typed builders with this project's habits."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from grafana_foundation_sdk.builders import bargauge, common, prometheus, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models import common as options
from grafana_foundation_sdk.models import dashboard as models

DATASOURCE: Final = options.DataSourceRef("prometheus", "${datasource}")

#: The links of a device's name lead to its own dashboard, with the time and the choices of this one.
DEVICE_LINK: Final = (
    "/d/atess-device?${datasource:queryparam}&${job:queryparam}&${site:queryparam}&${exporter:queryparam}&${ppv:queryparam}&${power:queryparam}&${__url_time_range}"
    "&var-type=%s&var-deviceSn=%s"
)

_Panel = TypeVar("_Panel", stat.Panel, timeseries.Panel, bargauge.Panel, table.Panel, statetimeline.Panel)

#: What numbers or labels stand for, each with a colour.
Words = Mapping[int, tuple[str, str]] | Mapping[str, tuple[str, str]]

Steps = Sequence[tuple[float | None, str]]
PLAIN: Final[Steps] = ((None, "text"),)
GOOD: Final[Steps] = ((None, "green"),)


@dataclass(frozen=True)
class Query:
    """An expression, what its series are called in the legend, and what its numbers stand for in a panel of states."""

    expr: str
    legend: str = "{{type}} {{deviceSn}}"
    words: Words = field(default_factory=dict)


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
    words: Words | None = None,
    text: bool = False,
) -> Panel:
    """Return one number, as it is now. With `text`, the series' name in its place."""
    panel = common_panel(stat.Panel(), title, about, unit, none, steps)
    panel = panel.color_mode(options.BigValueColorMode.VALUE).graph_mode(options.BigValueGraphMode.NONE)
    panel = panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).fields("").values(False))
    panel = panel.justify_mode(options.BigValueJustifyMode.AUTO).orientation(options.VizOrientation.AUTO).wide_layout(True)
    panel = panel.text_mode(options.BigValueTextMode.NAME if text else options.BigValueTextMode.AUTO)
    panel = panel.percent_change_color_mode(options.PercentChangeColorMode.STANDARD).show_percent_change(False)
    if words:
        panel = panel.mappings([value_map(words)])
    for ref, query in lettered(queries):
        panel = panel.with_target(target(ref, query).instant())
    return Panel(panel.build(), width, 4)


def verdict(
    title: str,
    about: str,
    queries: Sequence[Query],
    ranges: Sequence[tuple[float | None, float | None, str, str]],
    none: str,
    *,
    width: int,
) -> Panel:
    """Return each query's last number of the time shown, in words: each of `ranges` is from, to, the words and a colour."""
    panel = common_panel(stat.Panel(), title, about, "none", none, PLAIN)
    panel = panel.color_mode(options.BigValueColorMode.VALUE).graph_mode(options.BigValueGraphMode.NONE)
    panel = panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).fields("").values(False))
    panel = panel.justify_mode(options.BigValueJustifyMode.AUTO).orientation(options.VizOrientation.AUTO).wide_layout(True)
    panel = panel.text_mode(options.BigValueTextMode.VALUE_AND_NAME).show_percent_change(False)
    panel = panel.percent_change_color_mode(options.PercentChangeColorMode.STANDARD)
    panel = panel.mappings(
        [
            models.RangeMap(
                models.DashboardRangeMapOptions(low, high, models.ValueMappingResult(text=text, color=color, index=i))
            )
            for i, (low, high, text, color) in enumerate(ranges)
        ]
    )
    for ref, query in lettered(queries):
        panel = panel.with_target(target(ref, query).range())
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
    logarithmic: bool = False,
) -> Panel:
    """Return lines over time, with gaps where there are no values. `steps` are drawn as dashed lines."""
    panel = common_panel(timeseries.Panel(), title, about, unit, none, steps or GOOD)
    panel = panel.color_scheme(builders.FieldColor().mode(models.FieldColorModeId.PALETTE_CLASSIC))
    panel = panel.line_width(1).fill_opacity(30 if stacked else 0).span_nulls(False).interval("1m")
    panel = panel.show_points(options.VisibilityMode.AUTO).draw_style(options.GraphDrawStyle.LINE)
    stacking = options.StackingMode.NORMAL if stacked else options.StackingMode.NONE
    panel = panel.stacking(common.StackingConfig().mode(stacking).group("A"))
    legend = common.VizLegendOptions().show_legend(True).placement(options.LegendPlacement.BOTTOM)
    panel = panel.legend(legend.display_mode(options.LegendDisplayMode.TABLE).calcs(["lastNotNull", "min", "max"]))
    if logarithmic:
        panel = panel.scale_distribution(common.ScaleDistributionConfig().type(options.ScaleDistribution.LOG).log(10))
    panel = panel.tooltip(_tooltip(options.SortOrder.DESCENDING))
    if steps:
        panel = panel.thresholds_style(common.GraphThresholdsStyleConfig().mode(options.GraphThresholdsStyleMode.DASHED))
    if low is not None:
        panel = panel.min(low)
    if high is not None:
        panel = panel.max(high)
    for ref, query in lettered(queries):
        panel = panel.with_target(target(ref, query).range())
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
    panel = common_panel(bargauge.Panel(), title, about, unit, none, steps)
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
        links = device_links("${__field.labels.type}", "${__field.labels.deviceSn}")
        panel = panel.override_by_field_type("number", [links])
    return Panel(panel.with_target(target("A", query).instant()).build(), width, height)


def states(
    title: str,
    about: str,
    queries: Sequence[Query],
    *,
    width: int = 24,
    height: int = 7,
    none: str = "No data",
) -> Panel:
    """Return a bar over time for each series, with the words that its query has for its numbers."""
    panel = common_panel(statetimeline.Panel(), title, about, "none", none, PLAIN)
    panel = panel.show_value(options.VisibilityMode.AUTO).merge_values(True).row_height(0.8)
    panel = panel.align_value(options.TimelineValueAlignment.LEFT).fill_opacity(80).line_width(0).interval("1m")
    panel = panel.color_scheme(builders.FieldColor().mode(models.FieldColorModeId.THRESHOLDS))
    panel = panel.legend(
        common.VizLegendOptions()
        .show_legend(True)
        .placement(options.LegendPlacement.BOTTOM)
        .display_mode(options.LegendDisplayMode.LIST)
        .calcs([])
    ).tooltip(_tooltip(options.SortOrder.NONE))
    for ref, query in lettered(queries):
        panel = panel.with_target(target(ref, query).range())
        if query.words:
            panel = panel.override_by_query(ref, [models.DynamicConfigValue("mappings", [value_map(query.words).to_json()])])
    return Panel(panel.build(), width, height)


def common_panel(panel: _Panel, title: str, about: str, unit: str, none: str, steps: Steps) -> _Panel:
    """Return `panel` with what every panel has."""
    levels = builders.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(thresholds(steps))
    panel = panel.title(title).description(about).datasource(DATASOURCE).unit(unit).no_value(none).thresholds(levels)
    return panel.color_scheme(builders.FieldColor().mode(models.FieldColorModeId.THRESHOLDS))


def target(ref: str, query: Query) -> prometheus.Dataquery:
    """Return a query as the panels have it, called `ref`."""
    return prometheus.Dataquery().ref_id(ref).datasource(DATASOURCE).expr(query.expr).legend_format(query.legend)


_Item = TypeVar("_Item")


def lettered(items: Sequence[_Item]) -> Iterable[tuple[str, _Item]]:
    """Return the items, each with the letter by which Grafana knows it."""
    return ((chr(ord("A") + number), item) for number, item in enumerate(items))


def thresholds(steps: Steps) -> list[models.Threshold]:
    """Return the steps as Grafana has them."""
    return [models.Threshold(value, color) for value, color in steps]


def value_map(words: Words) -> models.ValueMap:
    """Return Grafana's mapping to words."""
    return models.ValueMap(
        {
            str(value): models.ValueMappingResult(text=text, color=color, index=index)
            for index, (value, (text, color)) in enumerate(words.items())
        }
    )


def _tooltip(sort: options.SortOrder) -> common.VizTooltipOptions:
    return common.VizTooltipOptions().mode(options.TooltipDisplayMode.MULTI).sort(sort)


def device_links(device_type: str, sn: str) -> models.DynamicConfigValue:
    """Return links to a device's dashboard and to its page in the exporter; both arguments are Grafana's variables for it."""
    links = (
        ("Show the device", DEVICE_LINK % (device_type, sn)),
        # raw: the address is a URL already
        ("Its page in the exporter", f"${{exporter:raw}}/devices/{device_type}/{sn}"),
    )
    return models.DynamicConfigValue("links", [{"title": title, "url": url, "targetBlank": False} for title, url in links])
