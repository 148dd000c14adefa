"""The data beside this module: what is plausible, and which fields belong together."""

from functools import cache
from importlib import resources
from typing import Any

import yaml


@cache
def load(name: str) -> Any:
    """Return what data/<name>.yaml holds."""
    return yaml.safe_load((resources.files("exporter.doctor") / "data" / f"{name}.yaml").read_text(encoding="utf-8"))
