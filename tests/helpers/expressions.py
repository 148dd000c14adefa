"""Every PromQL expression of a dashboard, with its variables replaced as Grafana replaces them."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).parents[2] / "grafana" / "dashboards"
NAMES: Final = ("fleet", "device", "exporter")

#: For what a metric or label could be, and a window of 24 hours scraped once a minute.
DEFAULTS: Final[Mapping[str, str]] = {
    "job": ".*",
    "site": ".*",
    "type": ".+",
    "deviceSn": ".+",
    # the simulator's powers are in watts
    "ppv": "1",
    "power": "1",
    "limit": "25",
    "__range": "86400s",
    "__rate_interval": "240s",
}

_VARIABLE: Final = re.compile(r"\$(\w+)|\$\{(\w+)(?::\w+)?\}")
_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*"')
_NAME: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_GROUPING: Final = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")
_SELECTOR: Final = re.compile(r"\{([^}]*)\}")
_DURATION: Final = re.compile(r"\[[^\]]*\]|@ end\(\)")
_PREFIXES: Final = ("atess_", "process_", "python_", "scrape_")


def load(name: str) -> dict[str, Any]:
    found = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def panels(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    """All panels but rows."""
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


@dataclass(frozen=True)
class Expression:
    """An expression and where it is. `instant` ones are asked for at the end of the time shown only."""

    where: str
    text: str
    instant: bool

    def filled(self, **values: str) -> str:
        return fill(self.text, **values)


def of_panel(panel: dict[str, Any]) -> list[Expression]:
    return [
        Expression(f"{panel['title']}, {target['refId']}", target["expr"], bool(target.get("instant")))
        for target in panel.get("targets", [])
    ]


def of_dashboard(dashboard: dict[str, Any]) -> Iterator[Expression]:
    """All: of panels, annotations and variables."""
    for panel in panels(dashboard):
        yield from of_panel(panel)
    for annotation in dashboard["annotations"]["list"]:
        yield Expression(f"annotation {annotation['name']}", annotation["expr"], False)
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            query = variable["query"]["query"]
            match = re.fullmatch(r"label_values\((.*), (\w+)\)", query)
            assert match, f"not understood: {query}"
            yield Expression(f"variable {variable['name']}", f"group by ({match[2]}) ({match[1]})", True)


def fill(text: str, **values: str) -> str:
    """The text with its variables replaced. A variable without a value is a mistake."""
    known = {**DEFAULTS, **values}
    return _VARIABLE.sub(lambda match: known[match[1] or match[2]], text)


def metrics_of(text: str) -> set[str]:
    """The metrics that an expression names, be it as alternatives of `__name__`."""
    named = {name for names in re.findall(r'__name__=~"([^"]+)"', text) for name in names.split("|")}
    bare = _DURATION.sub("", _SELECTOR.sub("", _GROUPING.sub("", _STRING.sub("", text))))
    return named | {name for name in _NAME.findall(bare) if name == "up" or name.startswith(_PREFIXES)}


def labels_of(text: str) -> set[str]:
    """The labels that an expression selects or groups by, but for those that it makes itself."""
    made = set(re.findall(r'label_join\(.+, "(\w+)", "', text))
    bare = _STRING.sub("", text)
    names = {name for group in _GROUPING.findall(bare) for name in _NAME.findall(group)}
    return names.union(name for selector in _SELECTOR.findall(bare) for name in _NAME.findall(selector)) - made
