"""The reference of fields and settings, made from the catalogue."""

from collections.abc import Iterable, Mapping
from typing import Final

from exporter.catalogue.kinds import IDENTITY_FIELDS
from exporter.catalogue.types import DeviceType, FieldInfo, setting_key
from exporter.documentation import field_anchor
from exporter.metrics.names import metric_name
from tools.reference.table import code, table

_HEADER: Final = ("field", "metric", "meaning", "unit", "kind", "evidence")


def page(device_type: DeviceType) -> str:
    """Return the page of one type's fields."""
    known = _fields(device_type)
    made = "Made from the catalogue by `make docs-reference`."
    if not known:
        return (
            f"# Fields of {device_type.type}\n\nThis page is for the device type {device_type.title}. {made}\n\n"
            "No field of this type is known. The exporter shows every numeric field that the cloud sends.\n"
        )
    return (
        f"# Fields of {device_type.type}\n\nThis page has the {len(known)} known fields of the device type {device_type.title}. "
        f"[Fields](index.md) says what the columns mean. {made}\n\n"
        f"<!-- fields -->\n\n{table(_HEADER, _rows(known))}\n\n<!-- end fields -->\n"
    )


def index(types: Iterable[DeviceType]) -> str:
    """Return one table of the fields of all types, in alphabetical order."""
    by_name: dict[str, dict[str, FieldInfo]] = {}
    for device_type in types:
        for name, known in _fields(device_type).items():
            by_name.setdefault(name, {})[device_type.type] = known
    rows = []
    anchors = set[str]()
    for name, of_types in sorted(by_name.items(), key=_alphabetical):
        links = ", ".join(f"[{one}]({one}.md#{field_anchor(name)})" for one in of_types)
        facts = (
            _of_types({one: known.words for one, known in of_types.items()}),
            _of_types({one: known.unit or "" for one, known in of_types.items()}),
            _of_types({one: known.evidence.words for one, known in of_types.items()}),
        )
        # two names that differ in nothing but their case share an anchor
        anchor = "" if field_anchor(name) in anchors else _anchor(name)
        anchors.add(field_anchor(name))
        rows.append((f"{anchor}{code(name)}", _metric(name, name), links, *facts))
    return table(("field", "metric", "types", "meaning", "unit", "evidence"), rows)


def settings(types: Iterable[DeviceType]) -> str:
    """Return a table of the known settings of each type that has some."""
    parts = []
    for device_type in types:
        if known := device_type.settings:
            keys = {name: setting_key(name, field) for name, field in known.items()}
            parts.append(f"## Settings of {device_type.type}\n\n{table(_HEADER, _rows(known, keys, f'{device_type.type}-'))}")
    return "\n\n".join(parts)


def _fields(device_type: DeviceType) -> Mapping[str, FieldInfo]:
    """Return the known fields of a type, those that are known as fault words included."""
    return {name: known for name in device_type.known_fields if (known := device_type.describe(name))}


def _rows(fields: Mapping[str, FieldInfo], keys: Mapping[str, str] | None = None, anchors: str = "") -> Iterable[tuple[str, ...]]:
    for name, known in sorted(fields.items(), key=_alphabetical):
        metric = _metric(name, keys[name] if keys else name)
        yield (f"{_anchor(name, anchors)}{code(name)}", metric, known.words, known.unit or "", _kind(known), known.evidence.words)


def _alphabetical(item: tuple[str, object]) -> tuple[str, str]:
    return (item[0].casefold(), item[0])


def _anchor(name: str, before: str = "") -> str:
    return f'<a id="{before}{field_anchor(name)}"></a>'


def _metric(name: str, key: str) -> str:
    return "none" if name in IDENTITY_FIELDS else code(metric_name(key) or "")


def _kind(known: FieldInfo) -> str:
    return known.kind.replace("_", " ")


def _of_types(facts: Mapping[str, str]) -> str:
    """Return the fact that all types share, or each with its types."""
    types: dict[str, list[str]] = {}
    for device_type, fact in facts.items():
        types.setdefault(fact, []).append(device_type)
    if len(types) == 1:
        return next(iter(types))
    return "; ".join(f"{', '.join(names)}: {fact or 'none'}" for fact, names in types.items())
