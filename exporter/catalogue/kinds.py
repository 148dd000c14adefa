"""The kind of a field: a measurement, a code or an identity, as declared or else by its name."""

import re
from collections.abc import Collection, Mapping
from enum import Enum, auto
from typing import Final

#: Fields that say which device or when, not how much.
IDENTITY_FIELDS: Final = frozenset({"deviceSn", "dataLogSn", "datalogSn", "time", "updateTime", "firmwareVersion"})

#: Identities whatever a user declares, because reading a device depends on them.
_NEVER_VALUES: Final = frozenset({"deviceSn", "time"})

#: `loggerSn`, `plantId`, `SN`, `serialNumber`, and identifiers of networks such as IMEI.
_IDENTITY: Final = re.compile(
    r"(?:(?:^|_)(?:[Ss][Nn]|[Ii][Dd])|(?<=[a-z0-9])(?:S[Nn]|I[Dd])|(?i:uuid|guid|imei|imsi|iccid|barcode)"
    r"|(?i:serial(?:_?(?:no|nr|num|number))?))\Z",
    re.ASCII,
)

#: `alarmCode1`, `sysFaultWord8`, `bmsStatus`, `runModel`. Not `…Fault` or `…Warning`: some documented limits end so.
_CODE: Final = re.compile(
    r"(?:(?:status|state|code|word|flag|mode|model)s?_?\d*|^(?:alarm|fault|error|warning)s?_?\d*)\Z", re.ASCII | re.IGNORECASE
)

#: Names whose kind is cached; a broken device may keep sending new ones.
_MAX_CACHED: Final = 1024

#: Characters. Longer names are not examined.
_LONGEST_NAME: Final = 200


class Kind(Enum):
    """How a field's value is read."""

    #: A number of any form that counts.
    NUMBER = auto()
    #: A JSON number, or text that is plain decimal digits: `12E4` is a hexadecimal code, not 120000.
    CODE = auto()
    #: Which device, or when. Never a series, whatever the value looks like.
    IDENTITY = auto()


class Kinds(dict[str, Kind]):
    """The kind of each field of a type, found at its first use and kept.

    `codes` are fields known to be codes. `declared` has the kinds, as the catalogue names them, that a user gave to fields of
    the type; they override the rest.
    """

    def __init__(self, codes: Collection[str] = (), declared: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self._codes = frozenset(codes)
        self._declared = declared or {}

    def __missing__(self, name: str) -> Kind:
        kind = self._find(name)
        if len(self) < _MAX_CACHED and len(name) <= _LONGEST_NAME:
            self[name] = kind
        return kind

    def _find(self, name: str) -> Kind:
        if name in _NEVER_VALUES:
            return Kind.IDENTITY
        if len(name) > _LONGEST_NAME:
            return Kind.NUMBER
        identity = name in IDENTITY_FIELDS or bool(_IDENTITY.search(name))
        declared = self._declared.get(name)
        if declared in (None, "identifier") and identity:
            return Kind.IDENTITY
        if declared is None:
            return Kind.CODE if name in self._codes or _CODE.search(name) else Kind.NUMBER
        return Kind.CODE if declared in ("identifier", "status") else Kind.NUMBER


#: For a type without declared or known kinds.
BY_NAME: Final = Kinds()
