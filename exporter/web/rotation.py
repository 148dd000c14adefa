"""The web config in use, reloaded when one of its files changes, so that certificates rotate without a restart."""

import ssl
import threading
from collections.abc import Collection
from pathlib import Path
from typing import Final

import structlog

from exporter.config.errors import ConfigError
from exporter.web.auth import Users
from exporter.web.limits import LIMITS, Limits, TokenBucket
from exporter.web.middleware import AccessPolicy
from exporter.web.webconfig import WebConfig, load

_log = structlog.get_logger()

#: Seconds between two checks of the files.
INTERVAL: Final = 1.0

#: Device, inode, size and mtime (in ns) of a file, which differ when it has changed; None if there is no file.
_Stamp = tuple[int, int, int, int] | None


class Rotation:
    """The web config at `path` (None: no TLS, no users). Raises ConfigError if it is invalid at the start.

    If it is invalid later, the previous one stays in use.
    """

    def __init__(self, path: Path | None, limits: Limits = LIMITS) -> None:
        self._path = path
        self._limits = limits
        #: For the next connection, and what comes of it for the next request.
        self.config = WebConfig()
        self.policy = AccessPolicy()
        #: Why the files as they are now were refused; None if they are in force.
        self.problem: str | None = None
        #: Of the config's files: as they were read, and as they were at the last check.
        self._stamps: tuple[_Stamp, ...] = ()
        if path is not None:
            config, self._stamps = _load(path, (path,))
            self._use(config)
        self._seen = self._stamps
        self._stopped = threading.Event()

    @property
    def context(self) -> ssl.SSLContext | None:
        """Return the SSL context for the next connection; None: no TLS."""
        return self.config.context

    def start(self) -> None:
        """Check the files every INTERVAL until stopped, in a thread of its own, as disks may be slow."""
        self._log_notes(())
        threading.Thread(target=self._run, name="web-config", daemon=True).start()

    def _run(self) -> None:
        while self._path is not None and not self._stopped.wait(INTERVAL):
            self.check()

    def stop(self) -> None:
        """End what start() began."""
        self._stopped.set()

    def check(self) -> None:
        """Reload if a file has changed and none has changed since the check before."""
        if self._path is None:
            return
        stamps = _stamps(self.config.files)
        # what still changes may still be being written: a certificate may arrive before its key
        at_rest = stamps == self._seen
        self._seen = stamps
        # a problem is looked at again each time: a missing file may be one that no valid config has named yet
        if at_rest and (stamps != self._stamps or self.problem is not None):
            self._reload(self._path)

    def _reload(self, path: Path) -> None:
        try:
            config, stamps = _load(path, self.config.files)
            if (config.context is None) is not (self.context is None):
                raise ConfigError([f"{path}: switching TLS on or off needs a restart"])
        except ConfigError as error:
            problem = "; ".join(error.problems)
            if problem != self.problem:
                _log.error("web config reload failed, keeping the previous config", error=problem)
            self.problem = problem
            return
        known = self.config.notes
        self._use(config)
        self.problem = None
        self._stamps = self._seen = stamps
        _log.info("web config reloaded", web=str(config))
        self._log_notes(known)

    def _log_notes(self, known: Collection[str]) -> None:
        for note in self.config.notes:
            if note not in known:
                _log.warning("web config", note=note)

    def _use(self, config: WebConfig) -> None:
        """Put `config` in force. Users that are unchanged keep their checked passwords, a rate limit its tokens."""
        users, bucket, rate = self.policy.users, self.policy.bucket, config.rate_limit
        if config.users != self.config.users:
            users = Users(config.users, self._limits) if config.users else None
        if rate != self.config.rate_limit:
            bucket = TokenBucket(rate.interval, rate.burst) if rate.interval else None
        self.config, self.policy = config, AccessPolicy(users, config.headers, bucket)


def _load(path: Path, files: tuple[Path, ...]) -> tuple[WebConfig, tuple[_Stamp, ...]]:
    """Load the config, with the stamps of its files from before they were read. `files` is a guess of which they are."""
    while True:
        stamps = _stamps(files)
        config = load(path)
        if config.files == files:
            return config, stamps
        files = config.files


def _stamps(files: tuple[Path, ...]) -> tuple[_Stamp, ...]:
    return tuple(_stamp(path) for path in files)


def _stamp(path: Path) -> _Stamp:
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
