"""Devices, their types, and the catalogue of types that ships with the exporter.

The catalogue is data: one YAML file a type in `exporter/catalogue/data/`, with where each fact is from.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Final

import yaml
from pydantic import BaseModel, ConfigDict

from exporter.catalogue.serials import serial_key

UNDOCUMENTED: Final = "Not documented by the vendor"

#: Before the API's name of a setting, so that it becomes `atess_setting_…`.
SETTING_PREFIX: Final = "setting_"

#: Behind the name of a setting that is a time of day.
SECONDS_SUFFIX: Final = "_seconds"


class Evidence(StrEnum):
    """How well a fact about the API is known; the letters are those of the catalogue files."""

    DOCUMENTED = "D"
    USED = "U"
    SIBLING = "S"
    INFERRED = "I"
    CONFIGURED = "C"

    @property
    def words(self) -> str:
        return _EVIDENCE_WORDS[self]


_EVIDENCE_WORDS: Final = {
    Evidence.DOCUMENTED: "documented by the vendor",
    Evidence.USED: "seen in public client code",
    Evidence.SIBLING: "documented for the sibling platform",
    Evidence.INFERRED: "inferred, never seen",
    Evidence.CONFIGURED: "set in the config",
}

_BASIS_WORDS: Final = {
    "D": "",
    "app": " (as the vendor's app shows it)",
    "S": " (as on the sibling platform)",
    "name": " (judging by its name)",
    "C": " (says the config)",
}


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ApiPath(_Data):
    """A path under the API's base URL."""

    path: str
    evidence: Evidence


class FieldInfo(_Data):
    """What is known of one field of a device's answer. `basis` says how its `meaning` is known.

    `values` are the words for numbers of a status, and `values_evidence` how well they are known.
    """

    kind: str
    evidence: Evidence
    unit: str | None = None
    meaning: str | None = None
    basis: str | None = None
    values: Mapping[int, str] | None = None
    values_evidence: Evidence | None = None

    @property
    def words(self) -> str:
        """What it means and how that is known, without the unit."""
        text = f"{self.meaning}{_BASIS_WORDS.get(self.basis or '', '')}" if self.meaning else UNDOCUMENTED
        if self.values and self.values_evidence:
            values = ", ".join(f"{value} {word}" for value, word in sorted(self.values.items()))
            text += f" ({values}; {self.values_evidence.words})"
        return text


class Paths(_Data):
    """Where a type's data are."""

    realtime: ApiPath
    history: ApiPath | None = None
    list: ApiPath | None = None
    settings: ApiPath | None = None


class DeviceType(_Data):
    """A family of devices that answer on the same paths with the same fields."""

    type: str
    title: str
    paths: Paths
    fields: Mapping[str, FieldInfo] = {}
    settings: Mapping[str, FieldInfo] = {}


@dataclass(frozen=True, slots=True)
class Device:
    """One device to poll: `interval` is what the config asks for, in seconds; `info` are labels of atess_device_info."""

    type: str
    sn: str
    path: str
    evidence: Evidence
    interval: float
    info: Mapping[str, str] = field(default_factory=dict, hash=False)
    #: Offline, says the list of its data logger; None if no list says anything.
    lost: bool | None = None
    #: The serial number as that list spells it, None if no list has the device: what the cloud is to be asked for.
    listed_sn: str | None = None

    @property
    def query(self) -> dict[str, str]:
        """What a request for the device's data says of it."""
        return {"deviceSn": self.listed_sn or self.sn}

    @property
    def key(self) -> tuple[str, str]:
        """What identifies the device, in whichever spelling."""
        return (self.type, serial_key(self.sn))


@cache
def load_catalogue() -> Mapping[str, DeviceType]:
    """The device types that ship with the exporter, by name."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    types = {}
    for file in sorted((resources.files("exporter.catalogue") / "data").iterdir(), key=lambda entry: entry.name):
        if file.name.endswith(".yaml"):
            # a safe loader either way: the C one where PyYAML was built with libyaml
            found = DeviceType.model_validate(yaml.load(file.read_text(encoding="utf-8"), Loader=loader))  # noqa: S506
            types[found.type] = found
    return MappingProxyType(types)


class HelpTexts:
    """The HELP of every field and setting that any of `types` knows.

    A metric spans all types, so where they know different things of a field its text says which is which.
    """

    def __init__(self, types: Iterable[DeviceType]) -> None:
        meanings: dict[str, dict[str, list[str]]] = {}
        for it in types:
            for name, known in it.fields.items():
                meanings.setdefault(name, {}).setdefault(_meaning(known), []).append(it.type)
            for name, known in it.settings.items():
                meanings.setdefault(setting_key(name, known), {}).setdefault(_meaning(known), []).append(it.type)
        self._texts = {key: f"{_joined(by_meaning)}. {_source(key)}." for key, by_meaning in meanings.items()}

    @property
    def known(self) -> Iterable[str]:
        """The fields and settings that have a text of their own."""
        return self._texts.keys()

    def of(self, key: str) -> str:
        """The HELP of a field, or of a setting by its setting_key()."""
        return self._texts.get(key) or f"{UNDOCUMENTED}. {_source(key)}."


def setting_key(name: str, known: FieldInfo | None = None) -> str:
    """What a setting is called among fields: SETTING_PREFIX before it, and for a time of day SECONDS_SUFFIX behind it."""
    return f"{SETTING_PREFIX}{name}{SECONDS_SUFFIX if known and known.kind == 'time_of_day' else ''}"


def _source(key: str) -> str:
    if not key.startswith(SETTING_PREFIX):
        return f"Enerclo field {key}"
    name = key.removeprefix(SETTING_PREFIX)
    if name.endswith(SECONDS_SUFFIX):
        return f"Enerclo setting {name.removesuffix(SECONDS_SUFFIX)}, in seconds after midnight"
    return f"Enerclo setting {name}"


def _meaning(known: FieldInfo) -> str:
    return f"{known.words}, in {known.unit}" if known.unit else known.words


def _joined(by_meaning: Mapping[str, list[str]]) -> str:
    if len(by_meaning) == 1:
        return next(iter(by_meaning))
    return "; ".join(f"{', '.join(types)}: {meaning}" for meaning, types in by_meaning.items())
