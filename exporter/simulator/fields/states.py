"""What a reading says of the device's state, in the numbers that the vendor's device protocol has for it.

A fault changes the state and nothing else: the device goes on as if it were well.
"""

from exporter.simulator.answer import Reading
from exporter.simulator.plant import Battery, Measurement

#: The bits of these words are faults, those of the words behind them mostly warnings.
_STOPPING_WORDS = "123456"

#: What the sibling platform's example readings show: a wrapped -30.0, a capacity, a temperature and no data.
_WRAPPED: dict[str, float] = {"temp1": 6523.6, "maxTemp": 157}
_CAPACITY: dict[str, float] = {"capacity": 48130}


def running_state(now: Measurement) -> int:
    """Return the state of an HPS or PCS: 2 with the grid, 3 faulty, 5 without it, 6 by the sun alone, 0 idle."""
    watts = now.watts
    if _faulty(now):
        return 3
    if watts.imported or watts.exported:
        return 2
    if watts.pv and not watts.charge and not watts.discharge:
        return 6
    return 5 if watts.output else 0


def pbd_running_state(now: Measurement) -> int:
    """Return the state of a PBD: 2 running, 3 faulty, 6 by the sun alone, 0 idle."""
    watts = now.watts
    if _faulty(now):
        return 3
    if not watts.charge and not watts.discharge:
        return 6 if watts.pv else 0
    return 2


def bms_state(battery: Battery) -> int:
    """Return the state of a battery: 4 filling, 5 giving, 2 full, 3 empty, 0 idle."""
    if battery.amps:
        return 5 if battery.amps > 0 else 4
    return 2 if battery.soc > 0.94 else 3 if battery.soc < 0.16 else 0


def fault_words(now: Measurement, count: int) -> Reading:
    """Return as many fault words, each with its two bytes swapped: D0 is bit 8."""
    words = [0] * count
    for code in now.faults:
        word, _, bit = code.partition(".")
        words[int(word) - 1] |= 1 << (int(bit) + 8) % 16
    return {f"sysFaultWord{number}": word for number, word in enumerate(words, 1)}


def implausible(reading: Reading, number: int) -> Reading:
    """Return the reading of an upload as an odd device has it: three of four have values that cannot be."""
    no_data: dict[str, float] = {name: -1 for name in reading if name == "status" or name.startswith("sysFaultWord")}
    odd = ({}, _WRAPPED, _CAPACITY, no_data)[number % 4]
    return reading | {name: value for name, value in odd.items() if name in reading}


def _faulty(now: Measurement) -> bool:
    return any(code[0] in _STOPPING_WORDS for code in now.faults)
