"""Changing the readings inside an answer, wherever the endpoint puts them."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import TypeGuard

from exporter.simulator.answer import JSON, Answer, Reading

Change = Callable[[Reading], Reading]

_SEED = "\0planted"


def distort(answer: Answer, change: Change) -> Answer:
    """Return the answer with `change` applied to each object: the reading, each row of a history page, each element of a list."""
    return replace(answer, data=_inside(answer.data, change))


def _inside(data: JSON, change: Change) -> JSON:
    if isinstance(data, list):
        return [_inside(element, change) for element in data]
    if isinstance(data, dict) and "datas" in data:
        return {**data, "datas": _inside(data["datas"], change)}
    if isinstance(data, dict):
        return change(data)
    return data


def is_number(value: JSON) -> TypeGuard[int | float]:
    """Return whether a value is a JSON number; true and false are not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def each_number(convert: Callable[[int | float], JSON]) -> Change:
    """Return a change of every number."""
    return lambda reading: {name: convert(value) if is_number(value) else value for name, value in reading.items()}


def some_numbers(*values: JSON) -> Change:
    """Return a change that replaces the first few numbers by these values."""

    def change(reading: Reading) -> Reading:
        numbers = [name for name, value in reading.items() if is_number(value)]
        return reading | dict(zip(numbers, values, strict=False))

    return change


def extra(fields: Reading) -> Change:
    """Return a change that adds fields."""
    return lambda reading: reading | fields


def planted(answer: Answer, raw: bytes) -> bytes:
    """Return the answer's JSON with one more field in each object, `planted`, whose value is `raw` as it stands."""
    return distort(answer, extra({"planted": _SEED})).body().replace(json.dumps(_SEED).encode("ascii"), raw)
