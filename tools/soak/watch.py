"""The exporter's process from outside: its memory, threads, files and log."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.helpers.processes import Process

_RESIDENT: Final = re.compile(r"VmRSS:\s+(\d+) kB")
_THREADS: Final = re.compile(r"Threads:\s+(\d+)")
_LEVEL: Final = re.compile(r"\blevel=(\w+)")


@dataclass(frozen=True, slots=True)
class Size:
    """How large the process was at a moment of the run: resident kB, threads, open files, seconds of CPU so far."""

    moment: float
    resident: int
    threads: int
    files: int
    cpu: float


class Watch:
    """Takes the size of a process again and again."""

    def __init__(self, pid: int) -> None:
        self._folder = Path(f"/proc/{pid}")
        self._ticks = os.sysconf("SC_CLK_TCK")
        self.sizes: list[Size] = []

    def look(self, moment: float) -> None:
        """Take its size now."""
        status = (self._folder / "status").read_text()
        resident, threads = _RESIDENT.search(status), _THREADS.search(status)
        assert resident
        assert threads
        files = len(list((self._folder / "fd").iterdir()))
        times = (self._folder / "stat").read_text().rpartition(") ")[2].split()
        cpu = (int(times[11]) + int(times[12])) / self._ticks
        self.sizes.append(Size(moment, int(resident[1]), int(threads[1]), files, cpu))


class Log:
    """Reads the exporter's log as it comes; `bad` are lines that must not be."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._read = 0
        self.levels: dict[str, int] = {}
        self.bad: list[str] = []
        self.suspensions: list[str] = []

    def read(self) -> bool:
        """Read the new lines. Return whether the exporter has suspended polling meanwhile."""
        fresh = self._process.lines[self._read :]
        self._read += len(fresh)
        before = len(self.suspensions)
        for line in fresh:
            level = _LEVEL.search(line)
            name = level[1] if level else "none"
            self.levels[name] = self.levels.get(name, 0) + 1
            # a line without a level is none of the exporter's: a traceback, or a library that prints
            if name in ("none", "error", "critical") or "Traceback" in line:
                self.bad.append(line[:300])
            if "circuit breaker open" in line:
                self.suspensions.append(line[:300])
        return len(self.suspensions) > before
