"""The composition root: builds the parts from a config, starts them, reloads and stops them."""

import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import structlog

from exporter import __version__
from exporter.api.device_list import ListedDevice
from exporter.api.session import open_session
from exporter.catalogue.types import Device, HelpTexts
from exporter.clock import Clock
from exporter.config.address import Address
from exporter.config.load import Config, ConfigError, load
from exporter.metrics.dropped_fields import DroppedFields
from exporter.metrics.exposition import Selection, Snapshot
from exporter.metrics.names import metric_name
from exporter.metrics.series import Series
from exporter.polling.device_settings import Settings
from exporter.polling.discovery import Discovery
from exporter.polling.pacing import pace
from exporter.polling.readings import Readings
from exporter.polling.scheduler import Scheduler
from exporter.process.config_lock import ConfigLock
from exporter.process.malloc import limit_malloc
from exporter.process.signals import Signals
from exporter.process.systemd import notify_ready
from exporter.web import Rotation, Server, Site, create_app, listen_all, systemd_listeners
from exporter.web.overview import Overview

_log = structlog.get_logger()

#: Seconds after which a busy thread lets others have their turn at Python's lock. A scrape needs it anew for every chunk that it
#: packs or sends, so beside threads that take in readings it would spend most of its time waiting.
_TURN: Final = 0.00005


@dataclass(frozen=True, slots=True)
class AppOptions:
    """The command line's options beside the config file. The prefixes are paths without a slash at their end."""

    listen: Sequence[Address]
    telemetry_path: str = "/metrics"
    web_config: Path | None = None
    route_prefix: str = ""
    link_prefix: str = ""
    simulated: bool = False
    systemd_socket: bool = False


class App:
    """The exporter. Raises ListenError where its address cannot be listened on, ConfigError for a bad web config."""

    def __init__(self, config: Config, options: AppOptions, environment: Mapping[str, str] = os.environ) -> None:
        limit_malloc()
        sys.setswitchinterval(_TURN)
        self._environment = environment
        self._config = config
        self._config_lock = ConfigLock(shared=config.shard.total > 1)
        self._clock = Clock()
        self._reload_wanted = threading.Event()
        self._reload_lock = threading.Lock()
        self._ready = False
        self._helps = HelpTexts(config.types.values())
        self.series = Series(metric_name, lambda key: self._helps.of(key), self._helps.known)
        self._session = open_session(config.api, config.token, self._clock, config.requests_per_minute)
        self.metrics = self._session.metrics
        dropped_fields = DroppedFields(self.metrics)
        self._readings = Readings(self._session, self.series, self._clock, dropped_fields)
        self._discovery = Discovery(self._rediscovered, self._clock, self.metrics)
        self._settings = Settings(self.series, self._clock, dropped_fields)
        self._scheduler = Scheduler(self._session, self._clock, config.api.concurrency, self._mark_stale)
        self.metrics.show_shard(config.shard.index, config.shard.total)
        self.metrics.watch(self._scheduler.lag, lambda: self._session.rate_limiter.requests_per_minute)
        circuit_breaker = self._session.circuit_breaker
        self._overview = Overview(self._readings, self._settings.shown, circuit_breaker, self._clock, config.types, config.shard)
        rotation = Rotation(options.web_config)
        self.metrics.web_reload_successful.set_function(lambda: rotation.problem is None)
        listeners = systemd_listeners() if options.systemd_socket else listen_all(options.listen)
        self._server = Server(rotation=rotation, listeners=listeners)
        self._route_prefix = options.route_prefix
        site = Site(
            version=__version__,
            telemetry_path=options.telemetry_path,
            exposition=self.exposition,
            overview=self._overview,
            problems=self._scheduler.problems,
            ready=lambda: self._ready,
            reload=self.reload,
            route_prefix=options.route_prefix,
            link_prefix=options.link_prefix,
            web_config_in_force=lambda: rotation.problem is None,
            simulated=options.simulated,
        )
        self._web = create_app(site)

    @property
    def urls(self) -> list[str]:
        """Return where the exporter's pages are, seen from this machine: a URL, or unix:/path, for each address."""
        return [url if url.startswith("unix:") else url + self._route_prefix for url in self._server.urls]

    @property
    def url(self) -> str:
        """Return the first of `urls`."""
        return self.urls[0]

    def hide(self, text: str) -> str:
        """Return `text` without the token in force."""
        return self._config.token.hide_in(text)

    def start(self) -> None:
        """Start polling and serving."""
        self._apply(self._config)
        # alive before anybody can ask whether they are
        self._scheduler.workers.maintain()
        self._scheduler.start()
        self._server.start(self._web, self._route_prefix)
        self._ready = True
        devices = len(self._config.devices)
        shard = self._config.shard
        _log.info("started", version=__version__, address=self.url, devices=devices, shard=shard.index, total_shards=shard.total)
        for url in self.urls[1:]:
            _log.info("listening", address=url)

    def run(self, signals: Signals) -> int:
        """Run until SIGTERM or SIGINT; reload on SIGHUP. For the main thread. Return the exit code."""
        self.start()
        notify_ready(self._environment)
        # in a thread, so that however long it takes to read a large config, the exporter ends when it is asked to
        threading.Thread(target=self._reload_at_request, name="reload", daemon=True).start()
        while signals.wait() == signal.SIGHUP and signals.ending is None:
            self._reload_wanted.set()
        # later signals are caught and change nothing; to ignore them would make Python report those it has yet to handle
        self.stop()
        return 0

    def stop(self) -> None:
        """Stop polling and serving. Requests in flight are given up."""
        _log.info("stopping")
        self._scheduler.stop()
        self._session.rate_limiter.close()
        self._server.stop()

    def exposition(self, selection: Selection, *, openmetrics: bool) -> tuple[Snapshot, bytes]:
        """Return what is selected of the devices' exposition, and of the exporter's own.

        Values are marked stale here too, so that not even a dead loop lets them through.
        """
        self._mark_stale()
        return self.series.snapshot(selection), self.metrics.render(selection, openmetrics=openmetrics)

    def _mark_stale(self) -> None:
        self._readings.mark_stale()
        self._settings.mark_stale()

    def reload(self) -> str | None:
        """Load the config again and apply it. Return what is wrong with it; then the previous one is kept."""
        with self._reload_lock:
            try:
                config = load(self._config.path, self._environment, shard=self._config.shard)
            except ConfigError as error:
                self.metrics.reload_successful.set(0)
                _log.error("config reload failed, keeping the previous config", error="; ".join(error.problems))
                return str(error)
            session = self._session
            if _same_client(config, self._config):
                # its connections stay, and what its token file held when it was last read
                config = replace(config, token=self._config.token)
            else:
                session.reconnect(config.api, config.token)
            moved = not _same_account(config, self._config)
            session.rate_limiter.configure(config.requests_per_minute, reset=moved)
            self._scheduler.workers.resize(config.api.concurrency)
            self._config = config
            self._apply(config)
            if moved:
                session.circuit_breaker.reset()
                self.metrics.show_suspension(None)
                self._scheduler.resume()
            session.circuit_breaker.probe_soon()
            _log.info("config reloaded", devices=len(config.devices))
            return None

    def _apply(self, config: Config) -> None:
        if not self._config_lock.take(config.path):
            _log.warning(
                "another exporter polls with this config, so the account is asked twice as often", config=str(config.path)
            )
        self._helps = HelpTexts(config.types.values())
        self.series.renew(self._helps.known)
        self._overview.types = config.types
        self._discovery.configure(config)
        self._poll(config)
        self.metrics.reload_successful.set(1)
        self.metrics.reload_time.set(self._clock.wall())

    def _rediscovered(self, listings: Mapping[tuple[str, str], ListedDevice]) -> None:
        with self._reload_lock:
            _log.info("discovered devices", devices=len(listings))
            self._poll(self._config)

    def _poll(self, config: Config) -> None:
        """Poll the devices that the config lists and those discovered."""
        devices = merge_devices(config, self._discovery.known)
        fitted = pace(config, devices)
        if not fitted.fits:
            _log.warning(
                "request budget exceeded, stretching the intervals",
                demand_per_minute=round(fitted.demand, 2),
                requests_per_minute=config.requests_per_minute,
                stretch=round(fitted.stretch, 3),
            )
        counts = Counter(device.type for device in devices)
        self.metrics.count_devices(dict.fromkeys(config.types, 0) | counts)
        self.metrics.demand.set(fitted.demand)
        readings = self._readings.apply(config, devices, fitted.stretch)
        settings = self._settings.apply(config, devices)
        self._scheduler.apply(readings | settings | self._discovery.jobs, config.requests_per_minute)

    def _reload_at_request(self) -> None:
        while self._reload_wanted.wait():
            self._reload_wanted.clear()
            try:
                self.reload()
            except Exception as error:  # noqa: BLE001 - whatever it is, the next reload may do
                _log.error("internal error in a config reload", error=f"{type(error).__name__}: {error}")


def _same_client(one: Config, other: Config) -> bool:
    """Return whether both ask for the same client and token."""
    keys = {"base_url", "language", "timeout", "concurrency", "token", "token_file"}
    same = one.api.model_dump(include=keys) == other.api.model_dump(include=keys)
    return same and one.token.reveal() == other.token.reveal()


def _same_account(one: Config, other: Config) -> bool:
    return one.api.base_url == other.api.base_url and one.token.reveal() == other.token.reveal()


def merge_devices(config: Config, listings: Mapping[tuple[str, str], ListedDevice]) -> tuple[Device, ...]:
    """Return the config's devices, with what their data loggers' lists add, and those discovered. What the config says wins.

    A device that is listed in one spelling and discovered in another is one: shown as the config has it, asked for as the cloud.
    """
    devices = {}
    for device in config.devices:
        listing = listings.get(device.key)
        if listing is not None:
            device = replace(device, info={**listing.info, **device.info}, lost=listing.lost, listed_sn=listing.sn)
        devices[device.key] = device
    for key, listing in listings.items():
        if key not in devices and config.shard.owns(*key):
            path = config.types[listing.type].paths.realtime
            asked = path.path, path.evidence, config.poll.interval
            devices[key] = Device(listing.type, listing.sn, *asked, listing.info, listing.lost, gone_since=listing.gone_since)
    return tuple(devices.values())
