"""The committed dashboards, drawn from the simulated day.

Not by Grafana but by matplotlib: the panels' places, queries, units, colours and words are those of the dashboards' files, and
the numbers come out of a real Prometheus. Needs matplotlib, which nothing else does.
"""

import re
import tempfile
from collections.abc import Iterator
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import matplotlib.dates
import matplotlib.pyplot as plt
import matplotlib.ticker
from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

from tests.helpers.expressions import Expression, load, of_panel
from tests.helpers.simulated_day import START, ZONE, clock_time, sample, simulated_day, window
from tools.pictures.theme import THEMES, Theme

_NOW: Final = clock_time(17, 30)
_STEP: Final = 300
_PALETTE: Final = ("#73bf69", "#f2cc0c", "#5794f2", "#ff9830", "#b877d9", "#f2495c", "#8ab8ff", "#96d98d", "#ffb357", "#ff7383")
#: A column of the grid is so wide, and a row so high, in inches.
_COLUMN, _ROW = 0.72, 0.34


#: The dashboards, how many rows of their grid are drawn, and what is chosen on them.
_DASHBOARDS: Final[tuple[tuple[str, int, dict[str, str]], ...]] = (
    ("fleet", 59, {}),
    ("device", 68, {"deviceSn": "PND0D21507|TND0D20233"}),
    ("exporter", 59, {}),
)


def draw() -> Iterator[tuple[str, bytes]]:
    """Yield the name of each picture and the picture, a PNG."""
    with tempfile.TemporaryDirectory() as folder, simulated_day(Path(folder)) as url:
        for name, rows, values in _DASHBOARDS:
            for theme in THEMES:
                figure = _draw(url, load(name), rows, values, theme)
                drawn = BytesIO()
                figure.savefig(drawn, dpi=75, facecolor=theme.page)
                plt.close(figure)
                yield f"{name}-dashboard-{theme.name}", drawn.getvalue()


def _draw(url: str, dashboard: dict[str, Any], rows: int, values: dict[str, str], theme: Theme) -> Any:
    panels = [panel for panel in dashboard["panels"] if panel["gridPos"]["y"] + panel["gridPos"]["h"] <= rows]
    while panels[-1]["type"] == "row":
        # its panels are not drawn
        panels.pop()
    height = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels) + 1.2
    figure = plt.figure(figsize=(24 * _COLUMN, height * _ROW))
    figure.text(0.006, 1 - 0.45 / height, dashboard["title"], color=theme.text, fontsize=15, weight="bold", va="center")
    note = "a simulated day, drawn by matplotlib from the dashboard's own queries; all numbers are made up"
    figure.text(0.994, 1 - 0.45 / height, note, color=theme.dim, fontsize=10, ha="right", va="center")
    for panel in panels:
        place = panel["gridPos"]
        left, bottom = place["x"] / 24, 1 - (place["y"] + place["h"] + 1.1) / height
        wide, high = place["w"] / 24, place["h"] / height
        if panel["type"] == "row":
            figure.text(
                left + 0.006, bottom + high / 2, f"⌄ {panel['title']}", color=theme.text, fontsize=11, weight="bold", va="center"
            )
            continue
        edge = 0.003
        frame = (left + edge / 2, bottom + edge, wide - edge, high - edge * 2)
        box = FancyBboxPatch(
            frame[:2], *frame[2:], boxstyle="round,pad=0,rounding_size=0.002", fc=theme.panel, ec=theme.grid, zorder=-1
        )
        figure.add_artist(box)
        title = 0.85 / height
        figure.text(
            left + 0.006, bottom + high - title * 0.62, panel["title"], color=theme.text, fontsize=10, weight="bold", va="center"
        )
        indent = {"stat": 0.0, "table": 0.006}.get(panel["type"], 0.035)
        indent = 0.075 if panel["type"] == "state-timeline" else indent
        under = {"timeseries": 1.9, "state-timeline": 1.5, "bargauge": 0.2}.get(panel["type"], 0) / height
        axes = figure.add_axes(
            (left + indent + 0.004, bottom + under + 0.004, wide - indent - 0.012, high - title - under - 0.012)
        )
        axes.set_facecolor(theme.panel)
        _DRAW[panel["type"]](theme, axes, panel, [_ask(url, expression, values) for expression in of_panel(panel)])
    return figure


def _ask(url: str, expression: Expression, values: dict[str, str]) -> list[dict[str, Any]]:
    text = expression.filled(**values)
    return sample(url, text, _NOW) if expression.instant else window(url, text, START, _NOW, _STEP)


def _stat(theme: Theme, axes: Axes, panel: dict[str, Any], answers: list[list[dict[str, Any]]]) -> None:
    axes.axis("off")
    found = [float(one["value"][1] if "value" in one else one["values"][-1][1]) for answer in answers for one in answer]
    defaults = panel["fieldConfig"]["defaults"]
    names = [_name(target, answer[0]) for target, answer in zip(panel["targets"], answers, strict=True) if answer]
    for place, value in enumerate(found or [None]):
        text, colour = (defaults["noValue"], theme.text) if value is None else _look(theme, value, defaults)
        if panel["options"]["textMode"] == "name":
            text = names[place]
        x = (place + 0.5) / max(len(found), 1)
        axes.text(x, 0.5, text, color=colour, fontsize=22, weight="bold", ha="center", va="center", transform=axes.transAxes)
        if len(found) > 1:
            axes.text(x, 0.85, names[place], color=theme.dim, fontsize=9, ha="center", va="center", transform=axes.transAxes)


def _lines(theme: Theme, axes: Axes, panel: dict[str, Any], answers: list[list[dict[str, Any]]]) -> None:
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
        axes.axhline(step["value"], color=theme.colour(step["color"]), ls="--", lw=1)
    low, high = axes.get_ylim()
    axes.set_ylim(defaults.get("min", low), defaults.get("max", high))
    axes.yaxis.set_major_formatter(lambda value, _: _number(value, defaults["unit"]))
    axes.yaxis.set_major_locator(matplotlib.ticker.MaxNLocator(5))
    _time_axis(theme, axes)
    columns = max(2, panel["gridPos"]["w"] // 3)
    handles, labels = axes.get_legend_handles_labels()
    if len(labels) > (room := 2 * columns):
        labels[room - 1 :] = [f"and {len(labels) - room + 1} more"]
    axes.legend(
        handles[:room], labels, loc="upper left", bbox_to_anchor=(0, -0.12), ncols=columns, frameon=False, labelcolor=theme.text,
        fontsize=8, handlelength=1, columnspacing=1.2,
    )  # fmt: skip


def _bars(theme: Theme, axes: Axes, panel: dict[str, Any], answers: list[list[dict[str, Any]]]) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    found = [(_name(panel["targets"][0], series), float(series["value"][1])) for series in answers[0]][::-1]
    most = defaults.get("max") or max((value for _, value in found), default=1)
    for place, (name, value) in enumerate(found):
        text, colour = _look(theme, value, defaults)
        axes.barh(place, most, color=theme.grid, height=0.62)
        axes.barh(place, value, color=colour, height=0.62, alpha=0.85)
        axes.text(-0.02 * most, place, name.replace(" ", "\n"), color=theme.text, fontsize=7.5, ha="right", va="center")
        axes.text(most * 0.98, place, text, color=theme.text, fontsize=9, weight="bold", ha="right", va="center")
    axes.axis("off")
    axes.set_xlim(-0.12 * most, most)


def _table(theme: Theme, axes: Axes, panel: dict[str, Any], answers: list[list[dict[str, Any]]]) -> None:
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
                cells[title] = _look(theme, float(series["value"][1]), look)
    heads = [title for _, title in shown] + columns
    order = sorted(lines.items(), key=lambda line: line[0])
    # a column of texts takes the place of three
    wide = [3 if head == "What it means" else 1 for head in heads]
    looks = {head: _override(panel, head) for head in heads}
    for column, head in enumerate(heads):
        x = sum(wide[:column]) / sum(wide)
        axes.text(x, 0.94, head, color=theme.colour("blue"), fontsize=9, weight="bold", transform=axes.transAxes)
        for row, (key, cells) in enumerate(order):
            text, colour = _word(theme, key[column], looks[head]) if column < len(key) else cells.get(head, ("", theme.text))
            axes.text(x, 0.94 - 0.13 * (row + 1), text, color=colour, fontsize=9, transform=axes.transAxes)
    if not order:
        nothing = panel["fieldConfig"]["defaults"]["noValue"]
        axes.text(0.5, 0.5, nothing, color=theme.dim, fontsize=12, ha="center", transform=axes.transAxes)


def _states(theme: Theme, axes: Axes, panel: dict[str, Any], answers: list[list[dict[str, Any]]]) -> None:
    looks = {change["matcher"]["options"]: change["properties"][0]["value"] for change in panel["fieldConfig"]["overrides"]}
    series = [
        (_name(target, found), found["values"], panel["fieldConfig"]["defaults"] | {"mappings": looks.get(target["refId"], [])})
        for target, answer in zip(panel["targets"], answers, strict=True)
        for found in answer
    ]
    seen: dict[str, str] = {}
    for row, (name, points, look) in enumerate(reversed(series)):
        for time, value in points:
            text, colour = _look(theme, float(value), look)
            seen[text] = colour
            axes.barh(row, _STEP / 86400, left=time / 86400, height=0.75, color=colour)
        axes.text(
            -0.008,
            row,
            name.replace(" ", "\n"),
            color=theme.text,
            fontsize=8,
            ha="right",
            va="center",
            transform=axes.get_yaxis_transform(),
        )
    axes.set_yticks([])
    _time_axis(theme, axes)
    for place, (text, colour) in enumerate(seen.items()):
        axes.text(4 / panel["gridPos"]["w"] * place, -0.36, f"■ {text}", color=colour, fontsize=8.5, transform=axes.transAxes)


_DRAW: Final = {"stat": _stat, "timeseries": _lines, "bargauge": _bars, "table": _table, "state-timeline": _states}


def _time_axis(theme: Theme, axes: Axes) -> None:
    axes.set_xlim(datetime.fromtimestamp(START, ZONE), datetime.fromtimestamp(_NOW, ZONE))  # type: ignore[arg-type]
    axes.xaxis.set_major_formatter(matplotlib.dates.DateFormatter("%H:%M", ZONE))  # type: ignore[no-untyped-call]
    axes.grid(color=theme.grid, lw=0.7)
    axes.tick_params(colors=theme.dim, labelsize=8, length=0)
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


def _look(theme: Theme, value: float, defaults: dict[str, Any]) -> tuple[str, str]:
    """Return a value's text and colour, as Grafana finds them: words before numbers, and the last threshold that it reaches."""
    for mapping in defaults.get("mappings", []):
        options = mapping["options"]
        if mapping["type"] == "range":
            low, high = options.get("from"), options.get("to")
            if (low is None or value >= low) and (high is None or value <= high):
                return options["result"]["text"], theme.colour(options["result"]["color"])
        elif word := options.get(f"{value:.0f}"):
            return word["text"], theme.colour(word["color"])
    reached = [step["color"] for step in defaults["thresholds"]["steps"] if step["value"] is None or value >= step["value"]]
    return _number(value, defaults["unit"]), theme.colour(reached[-1])


def _word(theme: Theme, value: str, look: dict[str, Any]) -> tuple[str, str]:
    """Return what a label's value stands for, and its colour."""
    for mapping in look.get("mappings", []):
        found = mapping["options"].get(value) if mapping["type"] == "value" else mapping["options"]["result"]
        if found:
            return found["text"], theme.colour(found["color"])
    return value, theme.text


def _number(value: float, unit: str) -> str:
    match unit:
        case "watt" | "kwatth":
            scale = value / 1000 if abs(value) >= 1000 else value
            big, small = ("kW", "W") if unit == "watt" else ("MWh", "kWh")
            return f"{scale:.4g} {big if abs(value) >= 1000 else small}"
        case "s" if abs(value) < 10:
            return f"{value:.2g} s"
        case "s" if abs(value) < 90:
            return f"{value:.0f} s"
        case "s":
            return f"{value / 60:.0f} min" if abs(value) < 5400 else f"{value / 3600:.1f} h"
        case "percent":
            return f"{value:.0f} %"
        case _:
            return f"{value:.4g} { {'volt': 'V', 'celsius': '°C', 'amp': 'A'}.get(unit, '') }".strip()
