"""Asking: every request of a run, in the order in which one tells whether the next makes sense."""

import socket
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from requests.utils import get_environ_proxies

from exporter.api.environment import Misconfigured, proxies_for, proxy_name
from exporter.api.errors import ApiError, ConnectionFailed, HttpStatus, NotFound, TimedOut, Unauthorized
from exporter.api.rate_limiter import Closed
from exporter.catalogue.types import ApiPath, Device, DeviceType, Evidence
from exporter.clock import Clock
from exporter.config.load import Config
from exporter.doctor.exchange import Exchange, Recorder, Stopped, Subject
from exporter.doctor.observations import (
    CANDIDATE,
    LARGER_PAGE,
    LATEST,
    PAGE,
    WATCH,
    WINDOW_END,
    Observations,
    local_time,
    rows_of,
)
from exporter.doctor.plan import Plan, device_of, sample

#: Requests without any usable answer after which the token, or the cloud, is the same for all others.
_ENOUGH: Final = 3

#: The time of history that is read, and the pages at most: a day of readings every 5 minutes is 288 rows.
_SPAN: Final = timedelta(days=1)
_PAGES: Final = 4

#: Rows of a page that public clients ask for, beside the sibling platform's 100.
_LARGER_PAGE: Final = 200

#: Days back at which history is looked for.
DAYS_BACK: Final = (7, 30, 90, 365)


def survey(config: Config, plan: Plan, clock: Clock, told: Callable[[int, str], None]) -> Observations:
    """Ask everything in `plan`. However it ends, what was seen until then is returned. `told` is called before each request."""
    recorder = Recorder(config, clock, told)
    seen = Observations(config, plan, list(plan.devices), recorder.exchanges, recorder.wire)
    try:
        _look_at_the_way(seen)
        _Survey(seen, recorder, clock).run()
    except (Stopped, Closed) as reason:
        seen.stopped = str(reason)
    except KeyboardInterrupt:
        # a watch may have seen enough
        seen.stopped = "interrupted"
    finally:
        recorder.close()
        seen.now = clock.wall()
    return seen


def _look_at_the_way(seen: Observations) -> None:
    """Find the proxy, or resolve the host's name. Raises Stopped where there is no way."""
    url = seen.config.api.base_url
    try:
        if proxies_for(url, get_environ_proxies(url)):
            seen.proxy = proxy_name(url)
            return
    except Misconfigured as error:
        seen.proxy, seen.resolution = proxy_name(url), str(error)
        raise Stopped("no connection") from None
    parts = urlsplit(url)
    try:
        socket.getaddrinfo(parts.hostname, parts.port or 443, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        seen.resolution = getattr(error, "strerror", None) or "invalid host name"
        raise Stopped("no connection") from None


class _Survey:
    def __init__(self, seen: Observations, recorder: Recorder, clock: Clock) -> None:
        self._seen = seen
        self._recorder = recorder
        self._clock = clock
        self._plan = seen.plan
        self._paths: dict[tuple[str, Subject], str] = {}

    def run(self) -> None:
        if self._plan.devices:
            self._readings(self._plan.devices)
        self._lists()
        if self._plan.discovers:
            self._readings(self._found())
        if not self._plan.options.quick:
            for known in self._seen.types:
                if device := self._answering(known):
                    self._settings(known, device)
                    self._history(known, device)
        if self._plan.options.watch:
            self._watch()

    def _found(self) -> tuple[Device, ...]:
        """Add the devices that only the lists have, as many as are asked of a type. Return them."""
        config, known = self._seen.config, {device.key for device in self._seen.devices}
        listed = {
            one.key: device_of(config, config.types[one.type], one.sn) for one in self._seen.listed() if one.key not in known
        }
        self._seen.devices, _ = sample([*self._seen.devices, *listed.values()])
        return tuple(device for device in self._seen.devices if device.key in listed)

    def _readings(self, devices: tuple[Device, ...]) -> None:
        for device in devices:
            self._ask(Subject.READING, device.type, device.sn, device.path)
        for known in self._seen.types:
            failed = [one for one in self._seen.of(Subject.READING, known.type) if self._wrong_path(one, known.paths.realtime)]
            if any(self._seen.good(known.type)) or self._seen.of(Subject.READING, known.type, CANDIDATE):
                continue
            # a second one, because the first may be no device at all
            for exchange in failed[:2]:
                if path := self._try_paths(exchange, known.paths.realtime):
                    for other in failed:
                        if other.sn != exchange.sn:
                            self._ask(Subject.READING, known.type, other.sn, path)
                    break

    def _lists(self) -> None:
        for known in self._plan.types:
            if known.paths.list is None:
                continue
            for sn in self._plan.datalog_sns:
                path = self._paths.get((known.type, Subject.LIST), known.paths.list.path)
                exchange = self._ask(Subject.LIST, known.type, sn, path)
                tried = self._seen.of(Subject.LIST, known.type, CANDIDATE)
                if not tried and self._wrong_path(exchange, known.paths.list):
                    self._try_paths(exchange, known.paths.list)

    def _settings(self, known: DeviceType, device: Device) -> None:
        if known.paths.settings is None:
            return
        exchange = self._ask(Subject.SETTINGS, known.type, device.sn, known.paths.settings.path)
        if self._wrong_path(exchange, known.paths.settings):
            self._try_paths(exchange, known.paths.settings)

    def _history(self, known: DeviceType, device: Device) -> None:
        end = max((row.time for row in self._seen.track(known.type, device.sn)), default=None)
        if known.paths.history is None or end is None:
            return
        start = end - _SPAN
        rows = 0
        for number in range(1, _PAGES + 1):
            exchange = self._page(known, device, start, end, PAGE, number)
            if number == 1 and self._wrong_path(exchange, known.paths.history):
                self._try_paths(exchange, known.paths.history)
                exchange = next(reversed(self._seen.of(Subject.HISTORY, known.type)))
            found = rows_of(exchange)
            if not found:
                break
            rows += len(found)
            if isinstance(exchange.data.get("total"), int) and rows >= exchange.data["total"]:
                break
        if not rows:
            return
        self._page(known, device, start, end, LARGER_PAGE, size=_LARGER_PAGE)
        pages = self._seen.of(Subject.HISTORY, known.type, PAGE, CANDIDATE)
        times = sorted({time for page in pages for row in rows_of(page) or [] if (time := _time(row))})
        if len(times) >= 3:
            middle = len(times) // 2
            self._page(known, device, times[middle - 1], times[middle + 1], WINDOW_END)
        for days in DAYS_BACK:
            back = end - timedelta(days=days)
            self._page(known, device, back - _SPAN, back, f"{days} days old", size=10)

    def _page(
        self, known: DeviceType, device: Device, start: datetime, end: datetime, purpose: str, number: int = 1, size: int = 0
    ) -> Exchange:
        path = self._paths.get((known.type, Subject.HISTORY)) or (known.paths.history.path if known.paths.history else "")
        query = {
            "startDate": start.isoformat(" ", "seconds"),
            "endDate": end.isoformat(" ", "seconds"),
            "pageNo": str(number),
            "pageSize": str(size or self._seen.config.history.page_size),
        }
        return self._ask(Subject.HISTORY, known.type, device.sn, path, purpose, query)

    def _watch(self) -> None:
        """Read one device of each type again and again."""
        watched = [device for known in self._seen.types if (device := self._answering(known, online=True))]
        if not watched:
            return
        end = self._clock.now() + self._plan.options.watch
        condition = threading.Condition()
        while True:
            step = self._plan.watch_step(len(watched), self._recorder.requests_per_minute)
            due = self._clock.now() + step
            if due > end:
                return
            with condition:
                while (left := due - self._clock.now()) > 0:
                    self._clock.wait(condition, left)
            for device in watched:
                path = self._paths.get((device.type, Subject.READING), device.path)
                self._ask(Subject.READING, device.type, device.sn, path, WATCH)

    def _answering(self, known: DeviceType, *, online: bool = False) -> Device | None:
        """Return a device of the type that gave a usable reading; if `online`, rather one that no list calls offline."""
        good = [exchange.sn for exchange, _ in self._seen.good(known.type)]
        if online:
            good.sort(key=lambda sn: self._seen.lost(known.type, sn) is True)
        devices = {device.sn: device for device in self._seen.devices if device.type == known.type}
        return next((devices[sn] for sn in good if sn in devices), None)

    def _ask(
        self,
        subject: Subject,
        device_type: str,
        sn: str,
        path: str,
        purpose: str = LATEST,
        query: dict[str, str] | None = None,
    ) -> Exchange:
        key = "dataLogSn" if subject is Subject.LIST else "deviceSn"
        exchange = self._recorder.ask(subject, device_type, sn, path, {key: sn, **(query or {})}, purpose)
        self._give_up()
        return exchange

    def _give_up(self) -> None:
        """Raise Stopped once it is clear that no other request would fare better."""
        errors = [exchange.error for exchange in self._seen.exchanges]
        last = errors[-_ENOUGH:]
        if all(isinstance(error, ConnectionFailed | TimedOut) for error in last) and (
            len(last) == _ENOUGH or isinstance(errors[0], ConnectionFailed)
        ):
            raise Stopped("no connection")
        if len(last) == _ENOUGH and all(isinstance(error, Unauthorized) for error in errors):
            raise Stopped("the token is refused")

    def _wrong_path(self, exchange: Exchange, path: ApiPath) -> bool:
        return (
            self._plan.options.try_paths
            and path.evidence is Evidence.INFERRED
            and exchange.path == path.path
            and isinstance(exchange.error, NotFound | HttpStatus | ApiError)
        )

    def _try_paths(self, failed: Exchange, path: ApiPath) -> str | None:
        """Ask the same under the path's candidates. Return the first that answers."""
        for candidate in path.candidates:
            exchange = self._ask(failed.subject, failed.type, failed.sn, candidate, CANDIDATE, dict(failed.query))
            if exchange.data is not None and self._seen.answers(exchange):
                self._paths[failed.type, failed.subject] = candidate
                return candidate
        return None


def _time(row: object) -> datetime | None:
    return local_time(row.get("time")) if isinstance(row, dict) else None
