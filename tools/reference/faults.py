"""The reference of faults and states, made from the catalogue's words."""

from collections.abc import Iterable, Mapping

from exporter.catalogue.faults import FaultGroup
from exporter.catalogue.types import DeviceType, Evidence
from tools.reference.table import code, table


def faults(groups: Mapping[str, FaultGroup], types: Iterable[DeviceType]) -> str:
    """Return a section for each group of fault words: which types have it, and a table of its bits."""
    parts = []
    for name, group in groups.items():
        holders = [one.type for one in types if any(word.group == name for word in one.faults.values())]
        rows = [
            (code(f"{word}.{bit}"), code(known.name), known.severity, known.text)
            for word, bits in sorted(group.words.items())
            for bit, known in sorted(bits.items())
        ]
        parts.append(
            f"## Faults of {_joined(holders)}\n\n"
            f"The config calls this group `{name}`. It is {Evidence(group.evidence).words}.\n\n"
            + table(("code", "fault", "severity", "what it means"), rows)
        )
    return "\n\n".join(parts)


def states(types: Iterable[DeviceType]) -> str:
    """Return a table for each field whose numbers have words; types with the same words share one."""
    holders: dict[tuple[str, tuple[tuple[int, str, str], ...]], list[str]] = {}
    for device_type in types:
        for name, known in device_type.fields.items():
            words = sorted((value, word, of.words) for of, words in known.values.items() for value, word in words.items())
            if words:
                holders.setdefault((name, tuple(words)), []).append(device_type.type)
    return "\n\n".join(
        f"### {name} of {_joined(names)}\n\n"
        + table(("number", "word", "evidence"), [(str(value), word, known) for value, word, known in words])
        for (name, words), names in sorted(holders.items(), key=lambda item: (item[0][0], item[1]))
    )


def _joined(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
