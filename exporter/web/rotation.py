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
        self._config = WebConfig()
        self._stamps: tuple[_Stamp, ...] = ()
        if path is not None:
            self._config, self._stamps = _load(path, (path,))
        self._seen = self._stamps
        self._policy = self._policy_of(self._config, None)
        self._problem: str | None = None
        self._stopped = threading.Event()

    @property
    def config(self) -> WebConfig:
        """Return the web config for the next connection."""
        return self._config

    @property
    def context(self) -> ssl.SSLContext | None:
        """Return the SSL context for the next connection; None: no TLS."""
        return self._config.context

    @property
    def problem(self) -> str | None:
        """Return why the files as they are now were refused; None if they are in force."""
        return self._problem

    @property
    def policy(self) -> AccessPolicy:
        """Return the access policy for the next request."""
        return self._policy

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
        stamps = _stamps(self._config.files)
        if stamps == self._stamps and self._problem is None:
            self._seen = stamps
            return
        if stamps != self._seen:
            # may still be being written: a certificate may arrive before its key
            self._seen = stamps
            return
        self._reload(self._path)

    def _reload(self, path: Path) -> None:
        try:
            config, stamps = _load(path, self._config.files)
            if (config.context is None) is not (self._config.context is None):
                raise ConfigError([f"{path}: switching TLS on or off needs a restart"])
        except ConfigError as error:
            problem = "; ".join(error.problems)
            if problem != self._problem:
                _log.error("web config reload failed, keeping the previous config", error=problem)
            # retried at every check: a missing file may be one that no valid config has named yet, so no stamp of it would change
            self._problem = problem
            return
        self._policy = self._policy_of(config, self._config)
        before, self._config = self._config, config
        self._problem = None
        self._stamps = self._seen = stamps
        _log.info("web config reloaded", web=str(config))
        self._log_notes(before.notes)

    def _log_notes(self, known: Collection[str]) -> None:
        for note in self._config.notes:
            if note not in known:
                _log.warning("web config", note=note)

    def _policy_of(self, config: WebConfig, before: WebConfig | None) -> AccessPolicy:
        """Return the access policy of `config`. Users that are unchanged keep their checked passwords, a bucket its tokens."""
        rate = config.rate_limit
        if before is not None and before.users == config.users:
            users = self._policy.users
        else:
            users = Users(config.users, self._limits) if config.users else None
        if before is not None and before.rate_limit == rate:
            bucket = self._policy.bucket
        else:
            bucket = TokenBucket(rate.interval, rate.burst) if rate.interval else None
        return AccessPolicy(users, config.headers, bucket)


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
