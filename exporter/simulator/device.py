"""A simulated device, and ready-made sets of them."""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

TYPES = ("pbd", "pcs", "hps_central", "hps_string", "bcu", "mbms")

# The families' first letters: PBD and HPS as in the vendor's two examples, the others made up in the same style.
_PREFIX = {"pbd": "UMD", "pcs": "PND", "hps_central": "TND", "hps_string": "TSD", "bcu": "BCD", "mbms": "MBD"}
_FIRST_LOGGER = "DLD0D20001"

#: How many fault words a reading of each type has. That of a PBD, whose documented answer has none, has them only with a fault.
FAULT_WORDS = {"pbd": 6, "pcs": 8, "hps_central": 9, "hps_string": 9}


@dataclass(frozen=True)
class SimDevice:
    """One device behind a data logger.

    From `offline_since` on the device uploads nothing, and the cloud keeps answering its last reading before that. `faults` are
    those that it reports all the time, each as `word.bit`. Of an `odd` device some readings have implausible values.
    """

    type: str
    sn: str
    datalog_sn: str = _FIRST_LOGGER
    offline_since: datetime | None = None
    faults: tuple[str, ...] = ()
    odd: bool = False

    def __post_init__(self) -> None:
        if self.type not in TYPES:
            raise ValueError(f"unknown device type {self.type!r}, expected one of {', '.join(TYPES)}")
        if not self.sn:
            raise ValueError("a device needs a serial number")
        if self.offline_since is not None and self.offline_since.tzinfo is None:
            raise ValueError("offline_since must be an aware datetime")
        words = FAULT_WORDS.get(self.type, 0)
        for code in self.faults:
            if not re.fullmatch(f"[1-{words}]\\.(\\d|1[0-5])" if words else "", code, re.ASCII):
                expected = f"a word from 1 to {words} and a bit from 0 to 15, such as 2.3" if words else "none of this type"
                raise ValueError(f"fault {code!r} of {self.type} {self.sn}: expected {expected}")


def demo_site(clock_start: datetime) -> list[SimDevice]:
    """Return a small site behind two data loggers: eight live devices of all types, and one that is offline for five hours.

    The PCS has two faults (its BMS is not heard, and a fan), and the HPS of string type is odd.

    `UMD0D23202` and `TND0D20233` are the examples on the vendor's pages; the other serials are made up in their style.
    """
    west, east = _FIRST_LOGGER, "DLD0D20002"
    return [
        SimDevice("pbd", "UMD0D23202", west),
        SimDevice("pbd", "UMD0D23203", west),
        SimDevice("pcs", "PND0D21507", west, faults=("2.3", "7.2")),
        SimDevice("bcu", "BCD0D24101", west),
        SimDevice("mbms", "MBD0D24001", west),
        SimDevice("hps_central", "TND0D20233", east),
        SimDevice("hps_string", "TSD0D22019", east, odd=True),
        SimDevice("bcu", "BCD0D24102", east),
        SimDevice("hps_central", "TND0D20234", east, offline_since=clock_start - timedelta(hours=5)),
    ]


def fleet(count: int, seed: int) -> list[SimDevice]:
    """Return `count` devices with unique serials: mostly PBD and HPS, some 20 to a data logger, the same for the same `seed`."""
    return list(_fleet(count, random.Random(seed)))


def _fleet(count: int, chance: random.Random) -> Iterator[SimDevice]:
    # One device of every type first, so that a small fleet too shows them all.
    kinds = (*TYPES, *chance.choices(TYPES, weights=(30, 10, 30, 20, 6, 4), k=count))
    for number, kind in enumerate(kinds[:count]):
        yield SimDevice(kind, f"{_PREFIX[kind]}{number:07d}", f"DLD{number // 20:07d}")
