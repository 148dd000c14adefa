"""Grafana's two themes."""

from dataclasses import dataclass
from typing import Final

_COLOURS: Final = {
    "green": "#73bf69", "yellow": "#f2cc0c", "orange": "#ff9830", "red": "#f2495c", "purple": "#b877d9", "blue": "#5794f2",
    "dark-red": "#c4162a", "light-blue": "#8ab8ff", "light-green": "#96d98d", "light-yellow": "#ffee52",
    "light-orange": "#ffb357", "light-purple": "#ca95e5",
}  # fmt: skip


@dataclass(frozen=True)
class Theme:
    """The colours of Grafana's theme that are not those of values."""

    name: str
    page: str
    panel: str
    text: str
    dim: str
    grid: str

    def colour(self, name: str) -> str:
        """Return the colour that Grafana gives this name."""
        return self.text if name == "text" else _COLOURS[name]


THEMES: Final = (
    Theme("light", "#f4f5f5", "#ffffff", "#24292e", "#6a7078", "#d9dbde"),
    Theme("dark", "#111217", "#181b1f", "#d8d9da", "#8e9297", "#2c3035"),
)
