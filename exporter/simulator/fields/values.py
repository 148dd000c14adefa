"""How a value becomes the JSON number that the API would answer."""

import struct

from exporter.simulator.plant import Battery, Snapshot


def float32(value: float) -> float:
    """`value` as a 32-bit float that was widened to 64: the long tails of the API's `float` fields (2.3 -> 2.299999952…)."""
    widened: float = struct.unpack("<f", struct.pack("<f", value))[0]
    return widened


def direction(battery: Battery) -> int:
    """-1 charging, 1 discharging, 0 neither: the state flag of the vendor's app."""
    return (battery.amps > 0) - (battery.amps < 0)


def run_model(now: Snapshot) -> int:
    """A running mode: 1 on the grid, 0 without it. Made up."""
    return int(now.watts.imported > 0)


def cell_number(now: Snapshot, count: int) -> int:
    """Which of `count` cells, groups or packs is meant, counted from 1."""
    return 1 + int(now.chance.random() * count)
