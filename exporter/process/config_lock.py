"""A lock on the config file, by which a second exporter with the same config notices the first."""

import fcntl
import os
from pathlib import Path


class ConfigLock:
    """Held while the exporter runs, and given up by the system when it ends. It keeps nobody from reading or writing the file.

    Shards share a config, and so the lock; only an exporter that polls all devices wants it alone.
    """

    def __init__(self, *, shared: bool) -> None:
        self._kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        self._file: int | None = None

    def take(self, path: Path) -> bool:
        """Lock the file that is at `path` now. Return False if another process has locked it, True if not or if unknown."""
        if not path.is_file():
            # to open a pipe would wait for somebody to write to it
            return True
        try:
            file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return True
        if self._file is not None and os.path.sameopenfile(file, self._file):
            os.close(file)
            return True
        try:
            fcntl.flock(file, self._kind | fcntl.LOCK_NB)
            free = True
        except BlockingIOError:
            free = False
        except OSError:
            # a file system without locks
            free = True
        if self._file is not None:
            os.close(self._file)
        # kept in any case, so that the same file is told once
        self._file = file
        return free
