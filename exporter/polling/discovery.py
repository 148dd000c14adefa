"""Discovery: which devices are in the lists of data loggers."""

import math
import threading
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import replace
from typing import Final

import structlog

from exporter.api.device_list import ListedDevice, read_listing
from exporter.api.errors import EnercloError, NotFound
from exporter.api.inferred_paths import InferredPaths
from exporter.catalogue.serials import serial_key
from exporter.catalogue.types import ApiPath, DeviceType
from exporter.clock import Clock
from exporter.config.load import Config
from exporter.config.schema import DiscoverySection
from exporter.config.sharding import WHOLE
from exporter.logs import LogOnce
from exporter.metrics.self_metrics import SelfMetrics
from exporter.polling.job import Job, Request
from exporter.polling.status import PollResult

_log = structlog.get_logger()

#: Rounds in a row that a device must be missing from the lists before it counts as gone.
MISSES: Final = 2

#: Seconds that a device is kept after that: whoever was away for a week still sees what has left meanwhile.
KEEP_GONE: Final = 7 * 86400.0


class Discovery:
    """Keeps the devices in the lists. `found` is called with all of them after every round of a type that changed something.

    A device keeps the spelling of its serial number in which it was found first. One that is in no list any more is kept as gone
    for KEEP_GONE.
    """

    def __init__(
        self, found: Callable[[Mapping[tuple[str, str], ListedDevice]], None], clock: Clock, metrics: SelfMetrics
    ) -> None:
        #: What asks for the lists, with the interval.
        self.jobs: dict[Job, float] = {}
        self.inferred_paths = InferredPaths("list_path")
        self.log_once = LogOnce()
        self._found = found
        self._clock = clock
        self._metrics = metrics
        #: The devices that the config lists, and which of all are this exporter's.
        self._configured: frozenset[tuple[str, str]] = frozenset()
        self._shard = WHOLE
        self._known: dict[tuple[str, str], ListedDevice] = {}
        self._announced: dict[tuple[str, str], ListedDevice] = {}
        #: The Unix times of the rounds in a row that a device was missing in.
        self._misses: dict[tuple[str, str], list[float]] = {}
        #: Those of the known devices that are gone, and when they were found to be, the longest gone first.
        self._gone: dict[tuple[str, str], float] = {}
        #: How many devices were in the lists at most. So many are kept as gone: a list that is another one every time must fill
        #: neither the memory nor the request budget.
        self._most = 0
        self._plan: tuple[DiscoverySection | None, tuple[DeviceType, ...]] = (None, ())
        self._datalog_sns: list[str] = []
        #: By type: the lists read in this round, by data logger, and the devices in each; None for one that could not be read.
        self._rounds: dict[str, dict[str, Set[tuple[str, str]] | None]] = {}
        self._lock = threading.Lock()

    @property
    def known(self) -> Mapping[tuple[str, str], ListedDevice]:
        """Return the devices found so far, those that are gone included, by ListedDevice.key."""
        return dict(self._known)

    def configure(self, config: Config) -> None:
        """Read the lists that the config names from now on, at once if they are others than before.

        Devices in none of them are forgotten, and so are those that are gone and that the config lists itself. That is not
        announced: see `known`.
        """
        with self._lock:
            self._shard = config.shard
            self._configured = frozenset(device.key for device in config.devices)
            for key in self._gone.keys() & self._configured:
                self._forget(key)
            plan = (config.discovery, config.discovered_types)
            if plan != self._plan:
                self._plan = plan
                self._search(config)
            self._announced = dict(self._known)

    def _search(self, config: Config) -> None:
        self.inferred_paths = InferredPaths("list_path")
        self._datalog_sns = config.discovery.datalog_sns if config.discovery else []
        loggers = {serial_key(sn) for sn in self._datalog_sns}
        paths = {entry.type: entry.paths.list for entry in config.discovered_types if entry.paths.list}
        for key, listing in list(self._known.items()):
            if serial_key(listing.datalog_sn) not in loggers or listing.type not in paths:
                self._forget(key)
        self._rounds = {device_type: {} for device_type in paths}
        self._metrics.discovered.clear()
        self._metrics.list_up.clear()
        interval = config.discovery.interval if config.discovery else math.inf
        self.jobs = {
            ListJob(self, path, device_type, datalog_sn, len(loggers)): interval
            for device_type, path in paths.items()
            for datalog_sn in self._datalog_sns
        }

    def take(self, job: "ListJob", listings: Sequence[ListedDevice] | None) -> None:
        """Take in the list that was read; None if it could not be.

        Only if all lists of a type could be read in one round is a device missing that is in none: it may have moved to the very
        logger whose list failed.
        """
        device_type, datalog_sn = job.key
        with self._lock:
            if job not in self.jobs:
                # what was read before a reload may be what nobody wants any more
                return
            current = self._rounds[device_type]
            keys = current[datalog_sn] = None if listings is None else {listing.key for listing in listings}
            self._metrics.list_up.labels(device_type, datalog_sn).set(keys is not None)
            if keys is not None:
                self._metrics.discovered.labels(device_type, datalog_sn).set(len(keys))
            for listing in listings or ():
                known = self._known.get(listing.key)
                if self._gone.pop(listing.key, None) is not None:
                    _log.info("device is in a data logger's list again", device_sn=listing.sn, type=device_type)
                # a spelling that differs from list to list must not be another series every time
                self._known[listing.key] = replace(listing, sn=known.sn) if known else listing
                self._misses.pop(listing.key, None)
            if len(current) < len(self._datalog_sns):
                return
            self._rounds[device_type] = {}
            found = [keys for keys in current.values() if keys is not None]
            if len(found) == len(current):
                self._count_misses(device_type, frozenset().union(*found))
            self._drop_gone()
            known_now = dict(self._known)
        if known_now != self._announced:
            self._found(known_now)
            # only now: where that failed, the next round announces it again
            self._announced = known_now

    def _count_misses(self, device_type: str, found: Set[tuple[str, str]]) -> None:
        missing = [key for key in self._known if key[0] == device_type and key not in found and key not in self._gone]
        for key in missing:
            misses = self._misses.setdefault(key, [])
            misses.append(self._clock.wall())
            if len(misses) >= MISSES:
                self._lose(key, since=misses[0])

    def _lose(self, key: tuple[str, str], since: float) -> None:
        """Keep the device as gone, unless the config lists it or another shard polls it."""
        listing = self._known[key]
        keep = key not in self._configured and self._shard.owns(*key)
        log = _log.warning if keep else _log.info
        log("device is in no data logger's list any more", device_sn=listing.sn, type=key[0], datalog_sn=listing.datalog_sn)
        self._forget(key)
        if keep:
            # whether it is offline no list says
            self._known[key] = replace(listing, lost=None, gone_since=since)
            self._gone[key] = self._clock.now()

    def _drop_gone(self) -> None:
        """Forget those that have been gone for long enough, and the longest gone of too many."""
        self._most = max(self._most, len(self._known) - len(self._gone) - len(self._misses))
        oldest = self._clock.now() - KEEP_GONE
        for key, at in list(self._gone.items()):
            if at > oldest and len(self._gone) <= self._most:
                return
            _log.info("dropping a device that is gone", device_sn=self._known[key].sn, type=key[0])
            self._forget(key)

    def _forget(self, key: tuple[str, str]) -> None:
        self._known.pop(key, None)
        self._misses.pop(key, None)
        self._gone.pop(key, None)


class ListJob(Job):
    """Asks for the list of one type of devices on one data logger."""

    def __init__(self, discovery: Discovery, path: ApiPath, device_type: str, datalog_sn: str, loggers: int) -> None:
        super().__init__((device_type, datalog_sn))
        self._discovery = discovery
        self._path = path
        self._loggers = loggers
        self._inferred_paths = discovery.inferred_paths

    @property
    def enabled(self) -> bool:
        """Return whether the path may be right: it is wrong if the type was found for no logger at all."""
        return not self._inferred_paths.is_off(self._path, self._loggers)

    def request(self) -> Request:
        """Return the request for the list."""
        return list_request(self._path, *self.key)

    def succeeded(self, answer: list[ListedDevice], result: PollResult) -> None:
        """Take in the devices."""
        self._inferred_paths.record_answer(self._path)
        self._discovery.take(self, answer)
        if self._discovery.log_once.over(self.key):
            _log.info("device list readable again", datalog_sn=self.key[1], type=self.key[0])

    def failed(self, error: EnercloError, result: PollResult) -> None:
        """Keep the devices that were in the list."""
        device_type, datalog_sn = self.key
        log = _log.warning if self._discovery.log_once.is_new(self.key, error.reason) else _log.debug
        log("cannot read a device list", datalog_sn=datalog_sn, type=device_type, reason=error.reason, error=str(error))
        if isinstance(error, NotFound):
            self._inferred_paths.record_not_found(device_type, self._path, datalog_sn, self._loggers)
        self._discovery.take(self, None)


def list_request(path: ApiPath, device_type: str, datalog_sn: str) -> Request:
    """Return the request for the list of one type of devices on one data logger. `read` returns a list of ListedDevice."""
    query = {"dataLogSn": datalog_sn}
    return Request(device_type, path.path, query, lambda data: read_listing(data, device_type, datalog_sn))
