"""`python -m grafana.generate`: write the dashboards beside this file. The committed ones must be what this writes."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from grafana.device import device_dashboard
from grafana.exporter import exporter_dashboard
from grafana.fleet import fleet

FOLDER: Final = Path(__file__).parent / "dashboards"

DASHBOARDS: Final[Mapping[str, Callable[[], Dashboard]]] = {
    "fleet.json": fleet,
    "device.json": device_dashboard,
    "exporter.json": exporter_dashboard,
}


def render(dashboard: Dashboard) -> str:
    """Return the dashboard as the text of its file. `id` is null: Grafana gives each its own, and finds it again by `uid`."""
    return json.dumps({"id": None, **dashboard.to_json()}, cls=JSONEncoder, indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    for name, make in DASHBOARDS.items():
        (FOLDER / name).write_text(render(make()), encoding="utf-8")


if __name__ == "__main__":
    main()
