from argparse import ArgumentTypeError
from contextlib import nullcontext

import pytest

from exporter.commands.arguments import telemetry_path


@pytest.mark.parametrize(
    ("path", "taken"),
    [
        ("/", True),
        ("/devices", True),
        ("/devices.json", True),
        ("/devices/x", True),
        ("/-/x", True),
        ("/metrics", False),
        ("/devices-metrics", False),
        ("/metrics/devices", False),
    ],
)
def test_which_paths_are_taken(path: str, taken: bool) -> None:
    with pytest.raises(ArgumentTypeError, match="own") if taken else nullcontext():
        assert telemetry_path(path) == path
