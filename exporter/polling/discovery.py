"""Discovery: reads the lists of the data loggers' devices at intervals, and keeps what is in them."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import structlog

from exporter.api.device_list import ListedDevice, read_listing
from exporter.api.errors import EnercloError, NotFound
from exporter.api.inferred_paths import InferredPaths
from exporter.api.session import CircuitOpenError, Session
from exporter.catalogue.serials import serial_key
from exporter.catalogue.types import DeviceType
from exporter.polling.loop import Loop

_log = structlog.get_logger()

#: Rounds in a row that a device must be missing from the lists before it counts as gone.
MISSES: Final = 2

#: Seconds until the next try while the circuit breaker is not closed, and where no interval is set.
_RETRY: Final = 60.0


@dataclass(frozen=True, slots=True)
class DiscoveryPlan:
    """Which lists to read: those of `types` on the data loggers, every `interval` seconds."""

    datalog_sns: tuple[str, ...]
    types: tuple[DeviceType, ...]
    interval: float


class Discovery(Loop):
    """Keeps the devices in the lists. `found` is called with all of them after every round that changed something.

    A device keeps the spelling of its serial number in which it was found first.
    """

    def __init__(self, session: Session, found: Callable[[Mapping[tuple[str, str], ListedDevice]], None]) -> None:
        super().__init__("discovery loop")
        self._session = session
        self._found = found
        self._known: dict[tuple[str, str], ListedDevice] = {}
        self._announced: dict[tuple[str, str], ListedDevice] = {}
        self._misses: dict[tuple[str, str], int] = {}
        self._inferred_paths = InferredPaths("list_path")
        self._plan: DiscoveryPlan | None = None
        self._lock = threading.Lock()

    @property
    def known(self) -> Mapping[tuple[str, str], ListedDevice]:
        """Return the devices found so far, by ListedDevice.key."""
        return dict(self._known)

    def configure(self, plan: DiscoveryPlan | None) -> None:
        """Read the lists of `plan` from now on, at once; None reads none.

        Devices that it no longer covers are forgotten. That is not announced: see `known`.
        """
        with self._lock:
            if plan == self._plan:
                return
            self._plan = plan
            self._inferred_paths = InferredPaths("list_path")
            loggers = {serial_key(sn) for sn in plan.datalog_sns} if plan else set()
            types = {device_type.type for device_type in plan.types} if plan else set()
            for key, listing in list(self._known.items()):
                if serial_key(listing.datalog_sn) not in loggers or listing.type not in types:
                    self._forget(key)
            self._announced = dict(self._known)
        self.wake()

    @property
    def retry_after(self) -> float:
        """Return the plan's interval."""
        plan = self._plan
        return plan.interval if plan else _RETRY

    def step(self) -> float | None:
        """Read the lists once, if there is a plan. Return the seconds until the next round."""
        plan = self._plan
        if plan is None:
            return None
        try:
            self.round(plan)
        except CircuitOpenError:
            return min(_RETRY, plan.interval)
        return plan.interval

    def round(self, plan: DiscoveryPlan) -> None:
        """Read every list once. Raises CircuitOpenError and Closed.

        However it ends, what was found is announced.
        """
        try:
            for device_type in plan.types:
                path = device_type.paths.list
                if path is not None and not self._inferred_paths.is_off(path, enough=1):
                    self._read_lists(device_type, plan)
        finally:
            known = dict(self._known)
            if known != self._announced:
                self._found(known)
                # only now: where that failed, the next round announces it again
                self._announced = known

    def _read_lists(self, device_type: DeviceType, plan: DiscoveryPlan) -> None:
        """Read the lists of one type on all loggers; only if all of them can be read is a device missing that is in none.

        It may have moved to the very logger whose list failed.
        """
        found: dict[tuple[str, str], ListedDevice] = {}
        failures: list[EnercloError] = []
        answered = 0
        try:
            for datalog_sn in plan.datalog_sns:
                try:
                    found |= {listing.key: listing for listing in self.read_list(device_type, datalog_sn)}
                    answered += 1
                    if self._log_once.over((device_type.type, datalog_sn)):
                        _log.info("device list readable again", datalog_sn=datalog_sn, type=device_type.type)
                except EnercloError as error:
                    failures.append(error)
                    log = _log.warning if self._log_once.is_new((device_type.type, datalog_sn), error.reason) else _log.debug
                    log(
                        "cannot read a device list",
                        datalog_sn=datalog_sn,
                        type=device_type.type,
                        reason=error.reason,
                        error=str(error),
                    )
        finally:
            # a list that is not read any more, because the circuit breaker opened, must not lose what the others had
            with self._lock:
                # what was read before a reload may be what nobody wants any more
                if plan is self._plan:
                    loggers = len(plan.datalog_sns)
                    self._take(device_type, found, whole=answered == loggers)
                    path = device_type.paths.list
                    if path and len(failures) == loggers and all(isinstance(error, NotFound) for error in failures):
                        # found for no logger at all
                        self._inferred_paths.record_not_found(device_type.type, path, enough=1)

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

    def read_list(self, device_type: DeviceType, datalog_sn: str) -> list[ListedDevice]:
        """Return the devices of one type on one data logger. Raises EnercloError, CircuitOpenError and Closed."""
        path = device_type.paths.list
        if path is None:
            return []
        return self._session.get(
            device_type.type, path.path, {"dataLogSn": datalog_sn}, lambda data: read_listing(data, device_type.type, datalog_sn)
        )

    def _forget(self, key: tuple[str, str]) -> None:
        self._known.pop(key, None)
        self._misses.pop(key, None)
