"""What the numbers of states and the names of faults stand for, out of the catalogue: the only place that has these words."""

from collections.abc import Iterator, Mapping
from itertools import cycle
from typing import Final

from exporter.catalogue.faults import Severity
from exporter.catalogue.types import Evidence, FieldInfo, load_catalogue, load_fault_groups
from grafana.panels import Words

#: By their severity; what has none is a bit that nobody has described.
SEVERITIES: Final[Mapping[str, tuple[str, str]]] = {
    Severity.FAILURE: (Severity.FAILURE, "dark-red"),
    Severity.STOP: (Severity.STOP, "red"),
    Severity.FAULT: (Severity.FAULT, "orange"),
    Severity.WARNING: (Severity.WARNING, "yellow"),
}

#: The colours of states by their numbers, which mean much the same for all types.
_COLOURS: Final[Mapping[str, Mapping[int, str]]] = {
    "status": {
        -1: "text",
        0: "blue",
        1: "light-blue",
        2: "green",
        3: "red",
        4: "dark-red",
        5: "orange",
        6: "yellow",
        7: "light-orange",
        8: "light-green",
    },
    "bmsStatus": {0: "blue", 1: "red", 2: "orange", 3: "yellow", 4: "green", 5: "purple"},
}
_OTHER_COLOURS: Final = (
    "blue",
    "green",
    "yellow",
    "purple",
    "orange",
    "light-blue",
    "light-green",
    "light-yellow",
    "light-purple",
)


def state_words(field: str) -> Iterator[tuple[str, Words]]:
    """Yield a matcher of the types whose `field` has the same words, and those words; last all others, if any type has none."""
    by_words: dict[str, tuple[list[str], FieldInfo]] = {}
    for device_type in load_catalogue().values():
        if known := device_type.fields.get(field):
            by_words.setdefault(str(known.values), ([], known))[0].append(device_type.type)
    wordless = by_words.pop("{}", None)
    for types, known in by_words.values():
        yield f'type=~"{"|".join(types)}"', _coloured(field, known)
    if wordless:
        yield f'type!~"{"|".join(name for types, _ in by_words.values() for name in types)}"', {}


def state_evidence(field: str) -> str:
    """Return how the words of `field` are known, for a description."""
    words: dict[Evidence, dict[str, None]] = {}
    for device_type in load_catalogue().values():
        if known := device_type.fields.get(field):
            for evidence, of in known.values.items():
                words.setdefault(evidence, {}).update(dict.fromkeys(of.values()))
    parts = [f"{', '.join(known)}: {evidence.words}" for evidence, known in words.items()]
    return f"How the words are known: {'; '.join(parts)}. A number that is shown as it is has none."


def fault_texts() -> Mapping[str, tuple[str, str]]:
    """Return what each fault means, by its severity and its name, with a space between them."""
    bits = (bit for group in load_fault_groups().values() for word in group.words.values() for bit in word.values())
    return {f"{bit.severity} {bit.name}": (bit.text, "text") for bit in bits}


def _coloured(field: str, known: FieldInfo) -> Words:
    words = {number: word for of in known.values.values() for number, word in of.items()}
    colours = dict(zip(sorted(words), cycle(_OTHER_COLOURS), strict=False)) | dict(_COLOURS.get(field, {}))
    return {number: (words[number], colours[number]) for number in sorted(words)}
