"""`python -m tools.dashboard_picture`: draw the committed dashboards from the simulated day into grafana/pictures.

Not by Grafana but by matplotlib: the panels' places, queries, units, colours and words are those of the dashboards' files, and
the numbers come out of a real Prometheus. Needs matplotlib, which nothing else does.
"""

import re
import sys
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import matplotlib.dates
import matplotlib.pyplot as plt
import matplotlib.ticker
from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

from tests.helpers.expressions import FOLDER, Expression, load, of_panel
from tests.helpers.simulated_day import START, ZONE, clock_time, sample, simulated_day, window

_NOW: Final = clock_time(17, 30)
_STEP: Final = 300
_PAGE, _PANEL, _TEXT, _DIM, _GRID = "#111217", "#181b1f", "#d8d9da", "#8e9297", "#2c3035"
_PALETTE: Final = ("#73bf69", "#f2cc0c", "#5794f2", "#ff9830", "#b877d9", "#f2495c", "#8ab8ff", "#96d98d", "#ffb357", "#ff7383")
_COLOURS: Final = {
    "green": "#73bf69", "yellow": "#f2cc0c", "orange": "#ff9830", "red": "#f2495c", "purple": "#b877d9", "blue": "#5794f2",
    "dark-red": "#c4162a", "light-blue": "#8ab8ff", "light-green": "#96d98d", "light-yellow": "#ffee52",
    "light-orange": "#ffb357", "light-purple": "#ca95e5", "text": _TEXT,
}  # fmt: skip

#: A column of the grid is so wide, and a row so high, in inches.
_COLUMN, _ROW = 0.72, 0.34


def main() -> int:
    """Draw both dashboards."""
    with tempfile.TemporaryDirectory() as folder, simulated_day(Path(folder)) as url:
        for name, rows, values in (("fleet", 59, {}), ("device", 68, {"deviceSn": "PND0D21507|TND0D20233"})):
            figure = _draw(url, load(name), rows, values)
            figure.savefig(FOLDER.parent / "pictures" / f"{name}.png", dpi=75, facecolor=_PAGE)
    return 0


def _draw(url: str, dashboard: dict[str, Any], rows: int, values: dict[str, str]) -> Any:
    panels = [panel for panel in dashboard["panels"] if panel["gridPos"]["y"] + panel["gridPos"]["h"] <= rows]
    height = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels) + 1.2
    figure = plt.figure(figsize=(24 * _COLUMN, height * _ROW))
    figure.text(0.006, 1 - 0.45 / height, dashboard["title"], color=_TEXT, fontsize=15, weight="bold", va="center")
    note = "a simulated day, drawn by matplotlib from the dashboard's own queries; all numbers are made up"
    figure.text(0.994, 1 - 0.45 / height, note, color=_DIM, fontsize=10, ha="right", va="center")
    for panel in panels:
        place = panel["gridPos"]
        left, bottom = place["x"] / 24, 1 - (place["y"] + place["h"] + 1.1) / height
        wide, high = place["w"] / 24, place["h"] / height
        if panel["type"] == "row":
            figure.text(
                left + 0.006, bottom + high / 2, f"⌄ {panel['title']}", color=_TEXT, fontsize=11, weight="bold", va="center"
            )
            continue
        edge = 0.003
        frame = (left + edge / 2, bottom + edge, wide - edge, high - edge * 2)
        box = FancyBboxPatch(frame[:2], *frame[2:], boxstyle="round,pad=0,rounding_size=0.002", fc=_PANEL, ec=_GRID, zorder=-1)
        figure.add_artist(box)
        title = 0.85 / height
        figure.text(
            left + 0.006, bottom + high - title * 0.62, panel["title"], color=_TEXT, fontsize=10, weight="bold", va="center"
        )
        indent = {"stat": 0.0, "table": 0.006}.get(panel["type"], 0.035)
        indent = 0.075 if panel["type"] == "state-timeline" else indent
        under = {"timeseries": 1.9, "state-timeline": 1.5, "bargauge": 0.2}.get(panel["type"], 0) / height
        axes = figure.add_axes(
            (left + indent + 0.004, bottom + under + 0.004, wide - indent - 0.012, high - title - under - 0.012)
        )
        axes.set_facecolor(_PANEL)
        _DRAW[panel["type"]](axes, panel, [_ask(url, expression, values) for expression in of_panel(panel)])
    return figure


def _ask(url: str, expression: Expression, values: dict[str, str]) -> list[dict[str, Any]]:
    text = expression.filled(**values)
    return sample(url, text, _NOW) if expression.instant else window(url, text, START, _NOW, _STEP)


def _stat(axes: Axes, panel: dict[str, Any], answers: list[list[dict[str, Any]]]) -> None:
    axes.axis("off")
    found = [float(one["value"][1] if "value" in one else one["values"][-1][1]) for answer in answers for one in answer]
    defaults = panel["fieldConfig"]["defaults"]
    names = [_name(target, answer[0]) for target, answer in zip(panel["targets"], answers, strict=True) if answer]
    for place, value in enumerate(found or [None]):
        text, colour = (defaults["noValue"], _TEXT) if value is None else _look(value, defaults)
        x = (place + 0.5) / max(len(found), 1)
        axes.text(x, 0.5, text, color=colour, fontsize=22, weight="bold", ha="center", va="center", transform=axes.transAxes)
        if len(found) > 1:
            axes.text(x, 0.85, names[place], color=_DIM, fontsize=9, ha="center", va="center", transform=axes.transAxes)


def _lines(axes: Axes, panel: dict[str, Any], answers: list[list[dict[str, Any]]]) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    stacked = defaults["custom"]["stacking"]["mode"] == "normal"
    series = [
        (_name(target, found), found["values"])
        for target, answer in zip(panel["targets"], answers, strict=True)
        for found in answer
    ]
    below = dict.fromkeys(range(START, _NOW + 1, _STEP), 0.0)
    for number, (name, points) in enumerate(series):
        colour = _PALETTE[number % len(_PALETTE)]
        there = {int(time): float(value) for time, value in points}
        times = [datetime.fromtimestamp(time, ZONE) for time in below]
        heights = [there.get(time, float("nan")) + (below[time] if stacked else 0) for time in below]
        axes.plot(times, heights, color=colour, lw=1.3, label=name)  # type: ignore[arg-type]
        if stacked:
            axes.fill_between(times, list(below.values()), heights, color=colour, alpha=0.3, lw=0)  # type: ignore[arg-type]
            below = {time: there.get(time, 0) + height for time, height in below.items()}
    for step in defaults["thresholds"]["steps"][1:] if "thresholdsStyle" in defaults["custom"] else []:
        axes.axhline(step["value"], color=_COLOURS[step["color"]], ls="--", lw=1)
    low, high = axes.get_ylim()
    axes.set_ylim(defaults.get("min", low), defaults.get("max", high))
    axes.yaxis.set_major_formatter(lambda value, _: _number(value, defaults["unit"]))
    axes.yaxis.set_major_locator(matplotlib.ticker.MaxNLocator(5))
    _time_axis(axes)
    columns = max(2, panel["gridPos"]["w"] // 3)
    axes.legend(
        loc="upper left", bbox_to_anchor=(0, -0.12), ncols=columns, frameon=False, labelcolor=_TEXT, fontsize=8,
        handlelength=1, columnspacing=1.2,
    )  # fmt: skip
    if len(series) > 3 * columns:
        # more names than there is room for
        handles, labels = axes.get_legend_handles_labels()
        axes.legend(
            handles[: columns - 1], [*labels[: columns - 2], f"and {len(labels) - columns + 2} more"], loc="upper left",
            bbox_to_anchor=(0, -0.12), ncols=columns, frameon=False, labelcolor=_TEXT, fontsize=8, handlelength=1,
        )  # fmt: skip


def _bars(axes: Axes, panel: dict[str, Any], answers: list[list[dict[str, Any]]]) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    found = [(_name(panel["targets"][0], series), float(series["value"][1])) for series in answers[0]][::-1]
    most = defaults.get("max") or max((value for _, value in found), default=1)
    for place, (name, value) in enumerate(found):
        text, colour = _look(value, defaults)
        axes.barh(place, most, color=_GRID, height=0.62)
        axes.barh(place, value, color=colour, height=0.62, alpha=0.85)
        axes.text(-0.02 * most, place, name.replace(" ", "\n"), color=_TEXT, fontsize=7.5, ha="right", va="center")
        axes.text(most * 0.98, place, text, color=_TEXT, fontsize=9, weight="bold", ha="right", va="center")
    axes.axis("off")
    axes.set_xlim(-0.12 * most, most)


def _table(axes: Axes, panel: dict[str, Any], answers: list[list[dict[str, Any]]]) -> None:
    axes.axis("off")
    organize = panel["transformations"][1]["options"]["renameByName"]
    lines: dict[tuple[str, ...], dict[str, tuple[str, str]]] = {}
    shown = [(label, title) for label, title in organize.items() if not label.startswith("Value")]
    columns = []
    for target, answer in zip(panel["targets"], answers, strict=True):
        value = "Value" if len(answers) == 1 else f"Value #{target['refId']}"
        title = organize[value]
        hidden = value in panel["transformations"][1]["options"]["excludeByName"]
        columns += [] if hidden else [title]
        look = _override(panel, title)
        for series in answer:
            key = tuple(series["metric"].get(label, "") for label, _ in shown)
            cells = lines.setdefault(key, {})
            if not hidden:
                cells[title] = _look(float(series["value"][1]), look)
    heads = [title for _, title in shown] + columns
    order = sorted(lines.items(), key=lambda line: line[0])
    # a column of texts takes the place of three
    wide = [3 if head == "What it means" else 1 for head in heads]
    looks = {head: _override(panel, head) for head in heads}
    for column, head in enumerate(heads):
        x = sum(wide[:column]) / sum(wide)
        axes.text(x, 0.94, head, color=_COLOURS["blue"], fontsize=9, weight="bold", transform=axes.transAxes)
        for row, (key, cells) in enumerate(order):
            text, colour = _word(key[column], looks[head]) if column < len(key) else cells.get(head, ("", _TEXT))
            axes.text(x, 0.94 - 0.13 * (row + 1), text, color=colour, fontsize=9, transform=axes.transAxes)
    if not order:
        axes.text(
            0.5, 0.5, panel["fieldConfig"]["defaults"]["noValue"], color=_DIM, fontsize=12, ha="center", transform=axes.transAxes
        )


def _states(axes: Axes, panel: dict[str, Any], answers: list[list[dict[str, Any]]]) -> None:
    looks = {change["matcher"]["options"]: change["properties"][0]["value"] for change in panel["fieldConfig"]["overrides"]}
    series = [
        (_name(target, found), found["values"], panel["fieldConfig"]["defaults"] | {"mappings": looks.get(target["refId"], [])})
        for target, answer in zip(panel["targets"], answers, strict=True)
        for found in answer
    ]
    seen: dict[str, str] = {}
    for row, (name, points, look) in enumerate(reversed(series)):
        for time, value in points:
            text, colour = _look(float(value), look)
            seen[text] = colour
            axes.barh(row, _STEP / 86400, left=time / 86400, height=0.75, color=colour)
        axes.text(
            -0.008,
            row,
            name.replace(" ", "\n"),
            color=_TEXT,
            fontsize=8,
            ha="right",
            va="center",
            transform=axes.get_yaxis_transform(),
        )
    axes.set_yticks([])
    _time_axis(axes)
    for place, (text, colour) in enumerate(seen.items()):
        axes.text(4 / panel["gridPos"]["w"] * place, -0.36, f"■ {text}", color=colour, fontsize=8.5, transform=axes.transAxes)


_DRAW: Final = {"stat": _stat, "timeseries": _lines, "bargauge": _bars, "table": _table, "state-timeline": _states}


def _time_axis(axes: Axes) -> None:
    axes.set_xlim(datetime.fromtimestamp(START, ZONE), datetime.fromtimestamp(_NOW, ZONE))  # type: ignore[arg-type]
    axes.xaxis.set_major_formatter(matplotlib.dates.DateFormatter("%H:%M", ZONE))  # type: ignore[no-untyped-call]
    axes.grid(color=_GRID, lw=0.7)
    axes.tick_params(colors=_DIM, labelsize=8, length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _name(target: dict[str, Any], series: dict[str, Any]) -> str:
    return re.sub(r"\{\{(\w+)\}\}", lambda match: series["metric"].get(match[1], ""), target["legendFormat"])


def _override(panel: dict[str, Any], name: str) -> dict[str, Any]:
    found = {"unit": "none", "thresholds": panel["fieldConfig"]["defaults"]["thresholds"]}
    for override in panel["fieldConfig"]["overrides"]:
        if override["matcher"]["options"] == name:
            found |= {change["id"]: change["value"] for change in override["properties"]}
    return found


def _look(value: float, defaults: dict[str, Any]) -> tuple[str, str]:
    """Return a value's text and colour, as Grafana finds them: words before numbers, and the last threshold that it reaches."""
    for mapping in defaults.get("mappings", []):
        options = mapping["options"]
        if mapping["type"] == "range":
            low, high = options.get("from"), options.get("to")
            if (low is None or value >= low) and (high is None or value <= high):
                return options["result"]["text"], _COLOURS[options["result"]["color"]]
        elif word := options.get(f"{value:.0f}"):
            return word["text"], _COLOURS[word["color"]]
    reached = [step["color"] for step in defaults["thresholds"]["steps"] if step["value"] is None or value >= step["value"]]
    return _number(value, defaults["unit"]), _COLOURS[reached[-1]]


def _word(value: str, look: dict[str, Any]) -> tuple[str, str]:
    """Return what a label's value stands for, and its colour."""
    for mapping in look.get("mappings", []):
        found = mapping["options"].get(value) if mapping["type"] == "value" else mapping["options"]["result"]
        if found:
            return found["text"], _COLOURS[found["color"]]
    return value, _TEXT


def _number(value: float, unit: str) -> str:
    match unit:
        case "watt" | "kwatth":
            scale = value / 1000 if abs(value) >= 1000 else value
            big, small = ("kW", "W") if unit == "watt" else ("MWh", "kWh")
            return f"{scale:.4g} {big if abs(value) >= 1000 else small}"
        case "s":
            return (
                f"{value:.0f} s" if abs(value) < 90 else f"{value / 60:.0f} min" if abs(value) < 5400 else f"{value / 3600:.1f} h"
            )
        case "percent":
            return f"{value:.0f} %"
        case _:
            return f"{value:.4g} { {'volt': 'V', 'celsius': '°C', 'amp': 'A'}.get(unit, '') }".strip()


if __name__ == "__main__":
    sys.exit(main())
