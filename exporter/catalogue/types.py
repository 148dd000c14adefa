"""Devices, their types, and the catalogue of types that ships with the exporter: one YAML file a type in data/."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any, Final

import yaml
from pydantic import BaseModel, ConfigDict

from exporter.catalogue.faults import FaultGroup, FaultWord
from exporter.catalogue.serials import serial_key
from exporter.documentation import field_url

UNDOCUMENTED: Final = "Not documented by the vendor"

#: Precedes the API's name of a setting, so that its metric is `atess_setting_…`.
SETTING_PREFIX: Final = "setting_"

#: Follows the name of a setting that is a time of day.
SECONDS_SUFFIX: Final = "_seconds"


class Evidence(StrEnum):
    """How a fact about the API is known. The values are those in the catalogue files."""

    DOCUMENTED = "D"
    USED = "U"
    SIBLING = "S"
    PROTOCOL = "P"
    INFERRED = "I"
    CONFIGURED = "C"

    @property
    def words(self) -> str:
        """Return the evidence in words, for users."""
        return _EVIDENCE_WORDS[self]


_EVIDENCE_WORDS: Final = {
    Evidence.DOCUMENTED: "documented by the vendor",
    Evidence.USED: "seen in public client code",
    Evidence.SIBLING: "documented for the sibling platform",
    Evidence.PROTOCOL: "from the vendor's device protocol",
    Evidence.INFERRED: "inferred, never seen",
    Evidence.CONFIGURED: "set in the config",
}

#: Where fields stand on a device's page, in this order; None is for those that nobody described or put anywhere.
GROUPS: Final[Mapping[str | None, str]] = {
    "pv": "PV",
    "battery": "Battery",
    "cells": "Cells",
    "grid": "Grid",
    "load": "Load",
    "output": "Output and bus",
    "day": "Energy and time of the day",
    "lifetime": "Lifetime",
    "temperatures": "Temperatures",
    "limits": "Limits",
    "status": "Status",
    None: "Others",
}

#: The fields that say what a device is doing, of whatever type.
STATE_FIELD: Final = "status"
MODE_FIELD: Final = "runModel"
BATTERY_FIELD: Final = "bmsStatus"
CHARGE_FIELD: Final = "capacity"

_BASIS_WORDS: Final = {
    "D": "",
    "app": " (as the vendor's app shows it)",
    "S": " (as on the sibling platform)",
    "P": " (as in the vendor's device protocol)",
    "I": " (inferred, never seen)",
    "name": " (judging by its name)",
    # the meaning says who disagrees
    "disputed": "",
    "C": " (says the config)",
}


#: The marks that stand for an evidence or a basis on pages, and their legend; a field that nobody described has UNKNOWN_MARK.
UNKNOWN_MARK: Final = "?"
MARKS: Final[Mapping[str, tuple[str, str]]] = {
    **{evidence.value: (evidence.value, evidence.words) for evidence in Evidence},
    "app": ("A", "as the vendor's app shows it"),
    "name": ("N", "judging by its name"),
    "disputed": ("≠", "the sources contradict each other"),
    UNKNOWN_MARK: (UNKNOWN_MARK, "not described by anybody"),
}


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ApiPath(_Data):
    """A path under the API's base URL. `candidates` are further guesses, for one that is inferred and not found."""

    path: str
    evidence: Evidence
    candidates: tuple[str, ...] = ()


class FieldInfo(_Data):
    """What is known about one field. `basis` is how its `meaning` is known, `unit_basis` how its unit is where that differs.

    `values` has the words for the numbers of a status, by how they are known. `group` is where the field stands on the device's
    page.
    """

    kind: str
    evidence: Evidence
    group: str | None = None
    unit: str | None = None
    unit_basis: str | None = None
    meaning: str | None = None
    basis: str | None = None
    values: Mapping[Evidence, Mapping[int, str]] = {}

    @property
    def words(self) -> str:
        """Return what the field means and how that is known, without the unit."""
        text = f"{self.meaning}{_BASIS_WORDS.get(self.basis or '', '')}" if self.meaning else UNDOCUMENTED
        for evidence, known in self.values.items():
            text += f" ({', '.join(f'{value} {word}' for value, word in sorted(known.items()))}; {evidence.words})"
        return text

    def word(self, value: int | float) -> tuple[str, Evidence] | None:
        """Return what `value` stands for and how that is known; None if it has no word."""
        return next(((known[int(value)], of) for of, known in self.values.items() if value == int(value) in known), None)


class Paths(_Data):
    """The paths of a type's data."""

    realtime: ApiPath
    history: ApiPath | None = None
    list: ApiPath | None = None
    settings: ApiPath | None = None


class DeviceType(_Data):
    """A type of device: its paths, fields and settings."""

    type: str
    title: str
    paths: Paths
    fields: Mapping[str, FieldInfo] = {}
    settings: Mapping[str, FieldInfo] = {}
    #: The fields with the powers that matter most.
    powers: Sequence[str] = ()
    #: The fields that hold a fault word, whether or not they are among `fields`.
    faults: Mapping[str, FaultWord] = {}

    @property
    def known_fields(self) -> frozenset[str]:
        """Return the fields that are described, be it as a fault word."""
        return frozenset({*self.fields, *self.faults})

    def describe(self, field: str) -> FieldInfo | None:
        """Return what is known of a field, None if nobody described it."""
        known = self.fields.get(field)
        if known is None and (word := self.faults.get(field)):
            meaning = f"Fault word {word.word}, a bit for each fault"
            return FieldInfo(
                kind="status", evidence=Evidence(word.evidence), group="status", meaning=meaning, basis=word.evidence
            )
        return known


@dataclass(frozen=True, slots=True)
class Device:
    """One device to poll: `interval` as configured, in seconds; `info` has labels for atess_device_info."""

    type: str
    sn: str
    path: str
    evidence: Evidence
    interval: float
    info: Mapping[str, str] = field(default_factory=dict, hash=False)
    #: Whether its data logger's list says that it is offline; None if no list says.
    lost: bool | None = None
    #: The serial number as that list spells it, for requests; None if no list has the device.
    listed_sn: str | None = None
    #: The Unix time since which a device that was discovered is in no list any more; None if it is in one, or the config has it.
    gone_since: float | None = None

    @property
    def query(self) -> dict[str, str]:
        """Return the query parameters that identify the device in a request."""
        return {"deviceSn": self.listed_sn or self.sn}

    @property
    def key(self) -> tuple[str, str]:
        """Return what identifies the device, whatever the spelling of its serial number."""
        return (self.type, serial_key(self.sn))


@cache
def load_catalogue() -> Mapping[str, DeviceType]:
    """Return the device types that ship with the exporter, by name."""
    (states,) = _documents("words", "states")
    types = {}
    for document in _documents("data", without="evidence.yaml"):
        for known in document["fields"].values():
            if "words" in known:
                known["values"] = states[known.pop("words")]
        found = DeviceType.model_validate(document)
        types[found.type] = found
    return MappingProxyType(types)


@cache
def load_fault_groups() -> Mapping[str, FaultGroup]:
    """Return the named bits of fault words that ship with the exporter, by group."""
    groups = (FaultGroup.model_validate(document) for document in _documents("words", "faults_"))
    return MappingProxyType({found.group: found for found in groups})


def _documents(folder: str, prefix: str = "", without: str = "") -> Iterator[Any]:
    """Yield the YAML documents in a folder of the catalogue, in order of their names, but for one."""
    # a safe loader either way: the C one where PyYAML was built with libyaml
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    for file in sorted((resources.files("exporter.catalogue") / folder).iterdir(), key=lambda entry: entry.name):
        if file.name.startswith(prefix) and file.name.endswith(".yaml") and file.name != without:
            yield yaml.load(file.read_text(encoding="utf-8"), Loader=loader)  # noqa: S506


def field_documentation(device_type: str, field: str) -> str | None:
    """Return the address of what the documentation says about a field; None if it has nothing: the type or the field is new."""
    known = load_catalogue().get(device_type)
    return field_url(field, device_type) if known and (field in known.fields or field in known.faults) else None


class HelpTexts:
    """The HELP of every field and setting of `types`.

    A metric spans all types, so where a field means different things its text says which type means what.
    """

    def __init__(self, types: Iterable[DeviceType]) -> None:
        meanings: dict[str, dict[str, list[str]]] = {}
        for device_type in types:
            settings = {setting_key(name, known): known for name, known in device_type.settings.items()}
            for key, known in [*device_type.fields.items(), *settings.items()]:
                meanings.setdefault(key, {}).setdefault(_meaning(known), []).append(device_type.type)
        self._texts = {
            key: f"{_joined(by_meaning)}. {_source(key)}.{_link(key, by_meaning)}" for key, by_meaning in meanings.items()
        }

    @property
    def known(self) -> Iterable[str]:
        """Return the keys that have a text of their own."""
        return self._texts.keys()

    def of(self, key: str) -> str:
        """Return the HELP of a field by its name, or of a setting by its setting_key()."""
        return self._texts.get(key) or f"{UNDOCUMENTED}. {_source(key)}."


def setting_key(name: str, known: FieldInfo | None = None) -> str:
    """Return a setting's key among fields: SETTING_PREFIX, its name, and SECONDS_SUFFIX for a time of day."""
    return f"{SETTING_PREFIX}{name}{SECONDS_SUFFIX if known and known.kind == 'time_of_day' else ''}"


def _source(key: str) -> str:
    if not key.startswith(SETTING_PREFIX):
        return f"Enerclo field {key}"
    name = key.removeprefix(SETTING_PREFIX)
    if name.endswith(SECONDS_SUFFIX):
        return f"Enerclo setting {name.removesuffix(SECONDS_SUFFIX)}, in seconds after midnight"
    return f"Enerclo setting {name}"


def _meaning(known: FieldInfo) -> str:
    return f"{known.words}, in {known.unit}{_BASIS_WORDS.get(known.unit_basis or '', '')}" if known.unit else known.words


def _link(key: str, by_meaning: Mapping[str, list[str]]) -> str:
    documented = any(field_documentation(name, key) for types in by_meaning.values() for name in types)
    return f" {field_url(key)}" if documented else ""


def _joined(by_meaning: Mapping[str, list[str]]) -> str:
    if len(by_meaning) == 1:
        return next(iter(by_meaning))
    return "; ".join(f"{', '.join(types)}: {meaning}" for meaning, types in by_meaning.items())
