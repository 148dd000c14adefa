"""Fault words: numbers of a reading in which each bit that is set is a fault."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from itertools import chain
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

#: The name and the severity of a bit that has no name.
UNKNOWN: Final = "unknown"

#: Combinations of a type's fault words whose faults are cached.
_MAX_CACHED: Final = 256


class Severity(StrEnum):
    """How bad a fault is, in the protocol's words."""

    FAILURE = "failure"
    FAULT = "fault"
    STOP = "stop"
    WARNING = "warning"


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class NamedBit(_Data):
    """A bit that has a name; `text` says what it means for the owner."""

    name: str
    severity: Severity
    text: str


class FaultGroup(_Data):
    """The named bits of the fault words that a family of devices has, by the words' numbers, and how they are known."""

    group: str
    evidence: str
    words: Mapping[int, Mapping[int, NamedBit]]


class FaultWord(_Data):
    """How a field holds a fault word: its number, its bits, and the order of its bytes.

    The bits' numbers are those of the protocol, after the bytes are in order. `no_data` are values that say nothing. `group` is
    the FaultGroup that names the bits; `names` go before it.
    """

    #: How it is known that the field holds it: one of Evidence.
    evidence: str = "P"
    word: int
    bits: int = 16
    bytes: Literal["in_order", "swapped"] = "in_order"
    no_data: tuple[int, ...] = (-1,)
    group: str | None = None
    names: Mapping[int, NamedBit] = {}

    def bits_set(self, value: int | float | None) -> Iterator[int] | None:
        """Return the numbers of the bits that are set in `value`; None where it says nothing: no data, or no such word."""
        if value is None or value in self.no_data or not 0 <= value < 1 << self.bits or value != int(value):
            return None
        number = int(value)
        if self.bytes == "swapped":
            number = int.from_bytes(number.to_bytes(self.bits // 8, "big"), "little")
        return (bit for bit in range(self.bits) if number >> bit & 1)


@dataclass(frozen=True, slots=True, eq=False)
class Fault:
    """A bit of a type's fault words. `code` is `word.bit`; `text` says what it means for the owner."""

    code: str
    name: str
    severity: str
    text: str
    field: str

    @property
    def labels(self) -> Mapping[str, str]:
        """Return its labels beside those of the device."""
        return {"fault": self.name, "severity": self.severity, "code": self.code}


class FaultWords:
    """The fault words of a type, by their fields."""

    def __init__(self, words: Mapping[str, FaultWord] | None = None, groups: Mapping[str, FaultGroup] | None = None) -> None:
        self._words = tuple((words or {}).items())
        self.fields = tuple(words or ())
        self._faults = {
            word.word: {bit: _fault(field, word, bit, groups or {}) for bit in range(word.bits)} for field, word in self._words
        }
        self._decoded = lru_cache(maxsize=_MAX_CACHED)(self._decode)

    def __iter__(self) -> Iterator[Fault]:
        """Iterate over the faults that have a name."""
        return (fault for fault in chain.from_iterable(bits.values() for bits in self._faults.values()) if fault.name != UNKNOWN)

    def active(self, fields: Mapping[str, int | float]) -> tuple[Fault, ...] | None:
        """Return the faults in a reading's fields, in order of their codes; None if no fault word of it says anything."""
        return self._decoded(tuple(map(fields.get, self.fields))) if self.fields else None

    def unreadable(self, fields: Mapping[str, int | float]) -> list[str]:
        """Return those of a reading's fields that should hold a fault word and hold something else."""
        return [
            field
            for field, word in self._words
            if field in fields and fields[field] not in word.no_data and word.bits_set(fields[field]) is None
        ]

    def _decode(self, values: tuple[int | float | None, ...]) -> tuple[Fault, ...] | None:
        set_bits = {word.word: word.bits_set(value) for (_, word), value in zip(self._words, values, strict=True)}
        said = {number: bits for number, bits in sorted(set_bits.items()) if bits is not None}
        return tuple(self._faults[number][bit] for number, bits in said.items() for bit in bits) if said else None


#: Of a type that reports no fault words.
NO_FAULT_WORDS: Final = FaultWords()


def _fault(field: str, word: FaultWord, bit: int, groups: Mapping[str, FaultGroup]) -> Fault:
    of_group = groups[word.group].words.get(word.word, {}) if word.group else {}
    named = word.names.get(bit) or of_group.get(bit)
    code = f"{word.word}.{bit}"
    if named is None:
        return Fault(code, UNKNOWN, UNKNOWN, f"Unknown: bit {bit} of fault word {word.word}, which nobody has described", field)
    return Fault(code, named.name, named.severity, named.text, field)
