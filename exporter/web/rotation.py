"""The web config in force: read again when one of its files changes, so that certificates rotate without a restart."""

import ssl
import threading
from pathlib import Path
from typing import Final

import structlog

from exporter.config.errors import ConfigError
from exporter.web.auth import Users
from exporter.web.limits import LIMITS, Limits
from exporter.web.middleware import AccessPolicy
from exporter.web.webconfig import WebConfig, load

_log = structlog.get_logger()

#: Seconds between two looks at the files.
INTERVAL: Final = 1.0

#: What tells that a file is another one: device, inode, size and time of the change; None for no file.
_Stamp = tuple[int, int, int, int] | None


class Rotation:
    """The web config at `path` (None: no TLS, no users). Raises ConfigError where it is bad at the start.

    A bad one later leaves the one before in force.
    """

    def __init__(self, path: Path | None, limits: Limits = LIMITS) -> None:
        self._path = path
        self._limits = limits
        self._config = WebConfig(None, "NoClientCert", {}, (), ())
        self._stamps: tuple[_Stamp, ...] = ()
        if path is not None:
            self._config, self._stamps = _load(path, (path,))
        self._seen = self._stamps
        self._admission = self._judge(self._config, None)
        self._problem: str | None = None
        self._stopped = threading.Event()

    @property
    def context(self) -> ssl.SSLContext | None:
        """What the next connection goes by; None: no TLS."""
        return self._config.context

    @property
    def admission(self) -> AccessPolicy:
        """What the next request goes by."""
        return self._admission

    def run(self) -> None:
        """Look at the files at intervals until stopped; for a thread of its own, as disks may be slow."""
        while self._path is not None and not self._stopped.wait(INTERVAL):
            self.check()

    def stop(self) -> None:
        """End the looking."""
        self._stopped.set()

    def check(self) -> None:
        """Look whether the files have changed, and read them if they have and are at rest."""
        if self._path is None:
            return
        stamps = _look(self._config.files)
        if stamps == self._stamps and self._problem is None:
            self._seen = stamps
            return
        if stamps != self._seen:
            # still being written, perhaps: a certificate may be there before its key
            self._seen = stamps
            return
        self._read(self._path)

    def _read(self, path: Path) -> None:
        try:
            config, stamps = _load(path, self._config.files)
            if (config.context is None) is not (self._config.context is None):
                raise ConfigError([f"{path}: to switch TLS on or off takes a restart"])
        except ConfigError as error:
            problem = "; ".join(error.problems)
            if problem != self._problem:
                _log.error("the web config was not read again, the old one stays in force", error=problem)
            # tried again at every look: what is missing may be a file that no good config has named yet
            self._problem = problem
            return
        self._admission = self._judge(config, self._config)
        self._config = config
        self._problem = None
        self._stamps = self._seen = stamps
        _log.info("read the web config again", web=str(config))

    def _judge(self, config: WebConfig, before: WebConfig | None) -> AccessPolicy:
        """The admission of `config`, with the users as they are if they are the same: what they proved stays proven."""
        if before is not None and before.users == config.users:
            return AccessPolicy(self._admission.users, config.headers)
        return AccessPolicy(Users(config.users, self._limits) if config.users else None, config.headers)


def _load(path: Path, files: tuple[Path, ...]) -> tuple[WebConfig, tuple[_Stamp, ...]]:
    """The config, and what its files were like before they were read. `files` are those that it is thought to name."""
    while True:
        stamps = _look(files)
        config = load(path)
        if config.files == files:
            return config, stamps
        files = config.files


def _look(files: tuple[Path, ...]) -> tuple[_Stamp, ...]:
    return tuple(_stamp(path) for path in files)


def _stamp(path: Path) -> _Stamp:
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
