"""What the web side serves."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from exporter.metrics.exposition import Selection, Snapshot
from exporter.web.overview import Overview


class ExpositionSource(Protocol):
    """Return what is selected of the devices' exposition, and of the exporter's own metrics that follow it."""

    def __call__(self, selection: Selection, *, openmetrics: bool) -> tuple[Snapshot, bytes]: ...


@dataclass(frozen=True, slots=True)
class Site:
    """What the application serves. The functions may be called from any thread.

    `problems` returns what is wrong with this process (empty: healthy). `reload` reloads the config and returns what is wrong
    with it, None if nothing. All routes begin with `route_prefix`, and all links with `link_prefix`; behind a proxy these may
    differ. `web_config_in_force` returns whether the web config is used as its files are now. `simulated`: the data are not from
    real devices.
    """

    version: str
    telemetry_path: str
    exposition: ExpositionSource
    overview: Overview
    problems: Callable[[], list[str]]
    ready: Callable[[], bool]
    reload: Callable[[], str | None]
    route_prefix: str = ""
    link_prefix: str = ""
    web_config_in_force: Callable[[], bool] = lambda: True
    simulated: bool = False
