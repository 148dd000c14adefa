"""What it costs to take in one reading of 76 fields, against `json.loads` of the answer that it comes in."""

import json
import time
from collections.abc import Callable

from benchmarks.figures import Row, alternately, ratio, us
from benchmarks.verdict import Target
from benchmarks.workload import TYPE, reading, serial
from exporter.metrics.names import metric_name
from exporter.metrics.series import Series

_DEVICES = 1000
_ROUNDS = 15


def measure() -> tuple[list[Row], list[Target]]:
    """Measure. Return the rows of the table, and the targets."""
    series = Series(metric_name, str)
    rows = [series.add(TYPE, serial(device)) for device in range(_DEVICES)]
    step = 0
    fields = [reading(device, step) for device in range(_DEVICES)]
    bodies: list[str] = []

    def update() -> float:
        return _each(lambda device: series.update(rows[device], fields[device]))

    def changed() -> float:
        # every value of every reading is another one
        nonlocal step
        step += 1
        fields[:] = [reading(device, step) for device in range(_DEVICES)]
        bodies[:] = [_body(device, values) for device, values in enumerate(fields)]
        return update()

    def parse() -> float:
        return _each(lambda device: json.loads(bodies[device]))

    changed()
    fresh, parsed, same = alternately(_ROUNDS, changed, parse, update)
    table: list[Row] = [
        ("`json.loads` of the answer", us(parsed), "1"),
        ("update, every value changed", us(fresh), f"{ratio(fresh, parsed):.2f}"),
        ("update, nothing changed", us(same), f"{ratio(same, parsed):.2f}"),
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


def _body(device: int, fields: dict[str, float]) -> str:
    data = {"deviceSn": serial(device), "time": "2026-01-01 00:00:00", **fields}
    return json.dumps({"code": 0, "msg": "success", "data": data})
