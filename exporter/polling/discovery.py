"""Devices of data loggers -> device list: asks the cloud's lists at intervals and keeps what they have."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import structlog

from exporter.api.device_list import ListedDevice, read_listing
from exporter.api.errors import EnercloError, NotFound
from exporter.api.rate_limiter import Closed
from exporter.api.session import Session, SuspendedError
from exporter.catalogue.serials import serial_key
from exporter.catalogue.types import DeviceType, Evidence
from exporter.logs import LogOnce

_log = structlog.get_logger()

#: Rounds in a row that a device must be missing from the lists before it is gone.
MISSES: Final = 2

#: Seconds until the next try after a round in which the account was suspended.
_SUSPENDED_RETRY: Final = 60.0


@dataclass(frozen=True, slots=True)
class Search:
    """What to look for: the devices of `types` on the data loggers, every `interval` seconds."""

    datalog_sns: tuple[str, ...]
    types: tuple[DeviceType, ...]
    interval: float


class Discovery:
    """Keeps the devices found by a search. `found` is called with all of them after every round that changed something.

    A device keeps the spelling of its serial number in which it was found first.
    """

    def __init__(self, cloud: Session, found: Callable[[Mapping[tuple[str, str], ListedDevice]], None]) -> None:
        self._cloud = cloud
        self._found = found
        self._known: dict[tuple[str, str], ListedDevice] = {}
        self._announced: dict[tuple[str, str], ListedDevice] = {}
        self._misses: dict[tuple[str, str], int] = {}
        self._news = LogOnce()
        self._switched_off: set[str] = set()
        self._search: Search | None = None
        self._lock = threading.Lock()
        self._changed = threading.Event()
        self._stopped = False

    @property
    def known(self) -> Mapping[tuple[str, str], ListedDevice]:
        """The devices found so far, by Listing.key."""
        return dict(self._known)

    def configure(self, search: Search | None) -> None:
        """Search for this from now on, at once; None searches for nothing.

        Devices that it no longer covers are forgotten. That is not announced: see `known`.
        """
        with self._lock:
            if search == self._search:
                return
            self._search = search
            self._switched_off.clear()
            loggers = {serial_key(sn) for sn in search.datalog_sns} if search else set()
            types = {it.type for it in search.types} if search else set()
            for key, listing in list(self._known.items()):
                if serial_key(listing.datalog_sn) not in loggers or listing.type not in types:
                    self._forget(key)
            self._announced = dict(self._known)
        self._changed.set()

    def run(self) -> None:
        """Search at intervals until stopped; for a thread of its own."""
        while not self._stopped:
            # in this order, so that a change in between is seen now or wakes the wait
            self._changed.clear()
            search = self._search
            wait = search.interval if search else None
            if search is not None:
                try:
                    self.round(search)
                except Closed:
                    return
                except SuspendedError:
                    wait = min(_SUSPENDED_RETRY, search.interval)
                except Exception as error:  # noqa: BLE001 - one bad round must not end all discovery
                    text = f"{type(error).__name__}: {error}"
                    (_log.error if self._news.is_new("round", text) else _log.debug)("internal error in discovery", error=text)
            self._changed.wait(wait)

    def stop(self) -> None:
        """End the search."""
        self._stopped = True
        self._changed.set()

    def round(self, search: Search) -> None:
        """Ask every list once. Raises SuspendedError if the account is suspended, and budget.Closed.

        However it ends, what was found is announced.
        """
        try:
            for device_type in search.types:
                if device_type.type not in self._switched_off:
                    self._ask_type(device_type, search)
        finally:
            known = dict(self._known)
            if known != self._announced:
                self._found(known)
                # only now: where that failed, the next round announces it again
                self._announced = known

    def _ask_type(self, device_type: DeviceType, search: Search) -> None:
        """Ask the lists of one type on all loggers; only if all of them answer is a device missing that is in none.

        It may have moved to the very logger whose list failed.
        """
        found: dict[tuple[str, str], ListedDevice] = {}
        failures: list[EnercloError] = []
        answered = 0
        try:
            for datalog_sn in search.datalog_sns:
                try:
                    found |= {listing.key: listing for listing in self.ask(device_type, datalog_sn)}
                    answered += 1
                    if self._news.over((device_type.type, datalog_sn)):
                        _log.info("a data logger's list can be read again", datalog_sn=datalog_sn, type=device_type.type)
                except EnercloError as error:
                    failures.append(error)
                    log = _log.warning if self._news.is_new((device_type.type, datalog_sn), error.reason) else _log.debug
                    log(
                        "a data logger's list could not be read",
                        datalog_sn=datalog_sn,
                        type=device_type.type,
                        reason=error.reason,
                        error=str(error),
                    )
        finally:
            # a list that is not asked any more, because the account is suspended, must not lose what the others had
            with self._lock:
                # what was asked before a reload may be what nobody wants any more
                if search is self._search:
                    loggers = len(search.datalog_sns)
                    self._take(device_type, found, whole=answered == loggers)
                    if len(failures) == loggers and all(isinstance(error, NotFound) for error in failures):
                        self._switch_off(device_type)

    def _take(self, device_type: DeviceType, found: Mapping[tuple[str, str], ListedDevice], *, whole: bool) -> None:
        for key, listing in found.items():
            known = self._known.get(key)
            # a spelling that differs from list to list must not be another series every time
            self._known[key] = replace(listing, sn=known.sn) if known else listing
            self._misses.pop(key, None)
        if not whole:
            return
        for key in [key for key in self._known if key[0] == device_type.type and key not in found]:
            self._misses[key] = self._misses.get(key, 0) + 1
            if self._misses[key] >= MISSES:
                _log.info("a device has left its data logger", device_sn=self._known[key].sn, type=key[0])
                self._forget(key)

    def ask(self, device_type: DeviceType, datalog_sn: str) -> list[ListedDevice]:
        """The devices of one type on one data logger. Raises EnercloError."""
        path = device_type.paths.list
        if path is None:
            return []
        return self._cloud.ask(
            device_type.type, path.path, {"dataLogSn": datalog_sn}, lambda data: read_listing(data, device_type.type, datalog_sn)
        )

    def _switch_off(self, device_type: DeviceType) -> None:
        """A list that is found for no logger is on another path than we think, if the path was only inferred."""
        path = device_type.paths.list
        if path is not None and path.evidence is Evidence.INFERRED:
            self._switched_off.add(device_type.type)
            _log.warning(
                "discovery of a type is switched off: its list's path is inferred and not found; set the right one",
                type=device_type.type,
                path=path.path,
                key=f"types.{device_type.type}.list_path",
            )

    def _forget(self, key: tuple[str, str]) -> None:
        self._known.pop(key, None)
        self._misses.pop(key, None)
