"""The fields of each type: known, unknown, missing, of another kind than expected, or with values that cannot be."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

from exporter.api.reading import numeric
from exporter.catalogue.kinds import Kind
from exporter.catalogue.types import DeviceType, Evidence, FieldInfo
from exporter.doctor import tables
from exporter.doctor.check import Check, Outcome, counted, listed
from exporter.doctor.exchange import Subject
from exporter.doctor.observations import Observations, rows_of

#: Field names that are shown: others may be anything, a serial number among them.
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.ASCII)

_WORDS: Final = {dict: "object", list: "list", str: "text", bool: "boolean", int: "number", float: "number", type(None): "null"}


def plain(name: str) -> bool:
    """Return whether a field's name may be shown."""
    return bool(_NAME.fullmatch(name))


def kind_of(value: Any) -> str:
    """Return the JSON kind of a value, in a word; text that is a number is said to be so."""
    if isinstance(value, str) and numeric(value) is not None:
        return "number as text"
    return _WORDS.get(type(value), "unknown")


def answered_fields(seen: Observations, device_type: str) -> Mapping[str, Counter[str]]:
    """Return the names of all fields in the readings of a type, with how often each had which JSON kind."""
    found: dict[str, Counter[str]] = {}
    for answer in _answers(seen, device_type):
        for name, value in answer.items():
            found.setdefault(name, Counter())[kind_of(value)] += 1
    return found


def check(seen: Observations) -> Iterator[Check]:
    """Yield what each type's fields are, and which values are implausible."""
    for known in seen.types:
        if any(seen.good(known.type)):
            yield _fields(known, answered_fields(seen, known.type), seen)
            yield _values(seen, known)


def _fields(known: DeviceType, answered: Mapping[str, Counter[str]], seen: Observations) -> Check:
    unknown = [name for name in answered if name not in known.known_fields and name != "deviceSn"]
    missing = [name for name, info in known.fields.items() if name not in answered and info.evidence is not Evidence.CONFIGURED]
    spelled = {name.casefold(): name for name in missing}
    otherwise = {name: spelled[name.casefold()] for name in unknown if name.casefold() in spelled}
    unknown = [name for name in unknown if name not in otherwise]
    missing = [name for name in missing if name not in otherwise.values()]
    odd = [name for name in unknown if not plain(name)]
    other = [
        f"{name} is {'/'.join(sorted(kinds))}"
        for name, kinds in answered.items()
        if name in known.fields and plain(name) and _unexpected(name, kinds, known.fields[name], seen.kinds(known.type)[name])
    ]
    expected = len(known.known_fields - {"deviceSn"})
    recognized = len(answered.keys() - {"deviceSn"}) - len(unknown)
    parts = [f"{counted(len(answered), 'field')}; {recognized} of the {expected} known are there"]
    if otherwise:
        parts.append(f"spelled otherwise: {listed([f'{name} for {usual}' for name, usual in otherwise.items()], 20)}")
    if unknown:
        names = [f"{name} ({'/'.join(sorted(answered[name]))})" for name in unknown if plain(name)]
        text = f"unknown: {listed(names, 20)}" if names else "unknown:"
        parts.append(text + (f" and {counted(len(odd), 'name')} that cannot be a metric's" if odd else ""))
    if missing:
        parts.append(f"missing: {listed(missing, 20)}")
    if other:
        parts.append(f"of another kind than expected: {listed(other, 20)}")
    settles = {f"fields.{known.type}": f"{recognized} of the {expected} known, {len(unknown)} unknown"}
    if not (unknown or missing or other or otherwise):
        return Check(f"fields {known.type}", Outcome.OK, parts[0], settles=settles)
    remedy = "Nothing to do for the exporter, which serves what comes; a report of this run helps the project."
    return Check(f"fields {known.type}", Outcome.WARN, "; ".join(parts), remedy, settles=settles)


def _unexpected(name: str, kinds: Counter[str], info: FieldInfo, kind: Kind) -> bool:
    seen = set(kinds) - {"null"}
    if kind is Kind.IDENTITY or info.kind == "identifier":
        return bool(seen - {"text", "number as text"}) and name in ("deviceSn", "time")
    return bool(seen - {"number", "boolean"}) if info.kind != "timestamp" else bool(seen & {"object", "list"})


def _values(seen: Observations, known: DeviceType) -> Check:
    name = f"values {known.type}"
    bounds = tables.load("plausible")
    outside: dict[str, str] = {}
    checked = set()
    for answer in _answers(seen, known.type):
        for field, value in answer.items():
            info = known.fields.get(field)
            number = numeric(value)
            if info is None or number is None or info.unit not in bounds["units"] or number == bounds["no_data"]:
                continue
            checked.add(field)
            low, high = bounds["units"][info.unit]
            if info.unit == "min" and info.kind != "daily_total":
                high = bounds["units"]["h"][1] * 60
            if not low <= number <= high:
                outside[field] = f"{field} {'below' if number < low else 'above'} {low if number < low else high} {info.unit}"
    if not checked:
        return Check(name, Outcome.SKIP, "no field has a unit to judge by")
    if outside:
        remedy = "The exporter passes them on as they are; exclude such fields with `fields` if they disturb you."
        return Check(name, Outcome.WARN, f"implausible: {listed(list(outside.values()), 20)}", remedy)
    return Check(name, Outcome.OK, f"{counted(len(checked), 'field')} with a unit, all plausible")


def _answers(seen: Observations, device_type: str) -> Iterator[Mapping[str, Any]]:
    for exchange, _ in seen.good(device_type):
        yield exchange.data
    for exchange in seen.of(Subject.HISTORY, device_type):
        yield from (row for row in rows_of(exchange) or [] if isinstance(row, dict))
