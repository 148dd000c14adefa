"""The raw answers of a run as files that may leave the site: identities made up, texts removed. `demo --replay` serves them."""

import json
import re
from pathlib import Path
from typing import Any, Final

from exporter import __version__
from exporter.api.reading import moment, numeric
from exporter.catalogue.kinds import Kind
from exporter.catalogue.types import load_catalogue
from exporter.doctor.exchange import Exchange, Subject
from exporter.doctor.fields import plain
from exporter.doctor.identities import MadeUp
from exporter.doctor.observations import Observations

#: Names of what says where a site is or whom it belongs to, whatever form its value has.
_PRIVATE: Final = re.compile(
    r"(?i)lat$|latitude|lng|lon$|longitude|altitude|phone|mobile|tel$|fax|mail|addr|street|city|zip|post|owner|user|name|wifi|ssid"
    r"|mac$|ip$|imei|imsi|iccid|contact|account|password|secret|token|key$"
)

#: Names of times, which stay: what they are moved by when they are served is the same for all.
_TIMES: Final = frozenset({"time", "updateTime"})
_TIME: Final = re.compile(r"[0-9 :./TZ+,-]{4,40}", re.ASCII)
_TIME_OF_DAY: Final = re.compile(r"\d?\d:\d\d(?::\d\d)?", re.ASCII)

#: Digits of a number in a field that nobody knows: a longer one may be a telephone's.
_LONGEST: Final = 7


def write(seen: Observations, folder: Path) -> None:
    """Write the answers into a folder that must not be there yet. Raises OSError."""
    scrub = _Scrub(seen)
    folder.mkdir()
    number = 0
    for exchange in seen.exchanges:
        if exchange.status is None:
            continue
        number += 1
        record = scrub.record(exchange)
        _dump(folder / f"{number:04d}-{exchange.subject}-{record['type']}.json", record)
    _dump(folder / "capture.json", {"version": __version__, "answers": number, "paths": scrub.paths()})


def _dump(path: Path, data: Any) -> None:
    path.write_text(json.dumps(data, indent=1, allow_nan=True) + "\n", encoding="ascii")


class _Scrub:
    """Takes identities and texts out of answers, the same way in all of them."""

    def __init__(self, seen: Observations) -> None:
        self._seen = seen
        self._made = MadeUp()
        self._made.known(seen.plan.datalog_sns)
        self._made.known(device.sn for device in seen.devices)
        for device in seen.listed():
            self._made.known((device.sn, device.datalog_sn))
        own = (name for name in seen.config.types if name not in load_catalogue())
        self._own = {name: f"own{number}" for number, name in enumerate(own, start=1)}

    def record(self, exchange: Exchange) -> dict[str, Any]:
        """Return what is kept of an exchange."""
        serial = "dataLogSn" if exchange.subject is Subject.LIST else "deviceSn"
        return {
            "subject": exchange.subject.value,
            "type": self._own.get(exchange.type, exchange.type),
            "path": self._path(exchange.type, exchange.path, exchange.subject),
            "query": {**exchange.query, serial: self._made.of(exchange.sn)},
            "at": exchange.at,
            "seconds": round(exchange.seconds, 3),
            "status": exchange.status,
            "code": exchange.code,
            "data": self._data(exchange.data, exchange) if exchange.error is None else None,
        }

    def paths(self) -> dict[str, dict[str, str]]:
        """Return the paths that answered, by type and subject."""
        found: dict[str, dict[str, str]] = {}
        for exchange in self._seen.exchanges:
            if self._seen.answers(exchange):
                path = self._path(exchange.type, exchange.path, exchange.subject)
                found.setdefault(self._own.get(exchange.type, exchange.type), {})[exchange.subject.value] = path
        return found

    def _path(self, device_type: str, path: str, subject: Subject) -> str:
        # the path of a type of the user's own is the user's too
        return f"{self._own[device_type]}/{subject.value}" if device_type in self._own else path

    def _data(self, data: Any, exchange: Exchange) -> Any:
        """Return what is kept of the data of an envelope: objects of fields, and where the API nests those, lists of them."""
        if exchange.subject is Subject.LIST and isinstance(data, list):
            return [self._object(entry, exchange) for entry in data]
        if exchange.subject is Subject.HISTORY and isinstance(data, dict):
            rows = data.get("datas")
            kept = {"datas": [self._object(row, exchange) for row in rows]} if isinstance(rows, list) else {}
            return self._object(data, exchange) | kept
        return self._object(data, exchange)

    def _object(self, data: Any, exchange: Exchange) -> Any:
        if not isinstance(data, dict):
            return self._value("", data, exchange)
        found = {}
        for name, value in data.items():
            if self._made.is_known(name):
                found[self._made.of(name)] = self._value("", value, exchange)
            elif plain(name):
                found[name] = self._value(name, value, exchange)
        return found

    def _value(self, name: str, value: Any, exchange: Exchange) -> Any:
        if isinstance(value, dict | list):
            # nothing that becomes a series is in there, and its names may be anything
            return type(value)()
        if value is None or isinstance(value, bool):
            return value
        return self._text(name, value, exchange) if isinstance(value, str) else self._number(name, value, exchange)

    def _number(self, name: str, value: int | float, exchange: Exchange) -> int | float | None:
        if self._identifies(name, exchange):
            made = self._made.of(str(value))
            return int(made) if made.isdigit() else None
        if self._known(name, exchange):
            return value
        unsafe = _PRIVATE.search(name) or (isinstance(value, int) and len(str(abs(value))) > _LONGEST)
        return None if unsafe else value

    def _text(self, name: str, value: str, exchange: Exchange) -> str:
        if self._made.is_known(value):
            return self._made.of(value)
        if name in _TIMES or (name and moment(value) is not None and not self._identifies(name, exchange)):
            return value if _TIME.fullmatch(value) else ""
        if self._identifies(name, exchange):
            return self._made.of(value)
        if _TIME_OF_DAY.fullmatch(value):
            return value
        if numeric(value) is None or _PRIVATE.search(name):
            return ""
        return value if self._known(name, exchange) or len(value) <= _LONGEST else ""

    def _identifies(self, name: str, exchange: Exchange) -> bool:
        return bool(name) and name not in _TIMES and self._seen.kinds(exchange.type)[name] is Kind.IDENTITY

    def _known(self, name: str, exchange: Exchange) -> bool:
        known = self._seen.config.types[exchange.type]
        if exchange.subject is Subject.LIST:
            return name in ("address", "deviceNo", "lost", "status", "systemNo")
        return name in known.known_fields or name in known.settings or (exchange.subject is Subject.HISTORY and name == "total")
