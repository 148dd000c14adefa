"""What it costs to take in one reading of 76 fields, against `json.loads` of the answer that it comes in.

Six of the fields are fault words, and two faults are active all the time; in a row of its own, two others in every reading.
"""

import json
import time
from collections.abc import Callable

from benchmarks.figures import Row, alternately, ratio, us
from benchmarks.verdict import Target
from benchmarks.workload import TYPE, reading, serial
from exporter.catalogue.faults import FaultWords
from exporter.catalogue.types import load_catalogue, load_fault_groups
from exporter.metrics.names import metric_name
from exporter.metrics.series import Series
from exporter.polling.faults import ActiveFaults

_DEVICES = 1000
_ROUNDS = 15


def measure() -> tuple[list[Row], list[Target]]:
    """Measure. Return the rows of the table, and the targets."""
    series = Series(metric_name, str)
    words = FaultWords(load_catalogue()[TYPE].faults, load_fault_groups())
    rows = [series.add(TYPE, serial(device)) for device in range(_DEVICES)]
    faults = [ActiveFaults() for _ in rows]
    for active in faults:
        active.words = words
    step = 0
    fields: list[dict[str, float]] = [{} for _ in rows]
    bodies: list[str] = []

    def take_in(device: int) -> None:
        series.update(rows[device], fields[device])
        faults[device].show(series, rows[device], fields[device], 0.0)

    def update() -> float:
        return _each(take_in)

    def prepare(faulty: int) -> None:
        # every value of every reading is another one, but for the fault words; `faulty` says which faults are active
        nonlocal step
        step += 1
        fields[:] = [_with_fault_words(reading(device, step), list(words.fields), faulty) for device in range(_DEVICES)]
        bodies[:] = [_body(device, values) for device, values in enumerate(fields)]

    def changed() -> float:
        prepare(0)
        _each(lambda device: faults[device].show(series, rows[device], fields[device], 0.0))
        return update()

    def all_changed() -> float:
        prepare(step)
        return update()

    def parse() -> float:
        return _each(lambda device: json.loads(bodies[device]))

    changed()
    fresh, parsed, same, faulty = alternately(_ROUNDS, changed, parse, update, all_changed)
    table: list[Row] = [
        ("`json.loads` of the answer", us(parsed), "1"),
        ("update, every value changed", us(fresh), f"{ratio(fresh, parsed):.2f}"),
        ("update, nothing changed", us(same), f"{ratio(same, parsed):.2f}"),
        ("update, every value and every fault changed", us(faulty), f"{ratio(faulty, parsed):.2f}"),
    ]
    return table, [
        Target("update of a reading, every value changed / json.loads of its body", ratio(fresh, parsed), 5),
        Target("update of a reading that did not change / json.loads of its body", ratio(same, parsed), 1.5),
    ]


def _each(call: Callable[[int], object]) -> float:
    begin = time.process_time()
    for device in range(_DEVICES):
        call(device)
    return (time.process_time() - begin) / _DEVICES


def _with_fault_words(values: dict[str, float], words: list[str], faulty: int) -> dict[str, float]:
    """Return as many fields, of which the last are fault words with two bits set."""
    kept = dict(list(values.items())[: len(values) - len(words)])
    active = {words[faulty % len(words)]: 1 << faulty % 16, words[(faulty + 1) % len(words)]: 1 << (faulty + 5) % 16}
    return kept | dict.fromkeys(words, 0) | active


def _body(device: int, fields: dict[str, float]) -> str:
    data = {"deviceSn": serial(device), "time": "2026-01-01 00:00:00", **fields}
    return json.dumps({"code": 0, "msg": "success", "data": data})
