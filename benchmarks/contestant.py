"""A server under measurement: its process, what a scrape of it costs, and the memory it takes."""

import ctypes
import http.client
import re
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

_libc: Final = ctypes.CDLL(None, use_errno=True)

PLAIN: Final = "identity"
GZIP: Final = "gzip"


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds that one scrape took: of the server's CPU, user and system together, and until its last byte was here."""

    cpu: float
    wall: float


class Contestant:
    """One server; to be closed."""

    def __init__(self, name: str, command: Sequence[str]) -> None:
        self.name = name
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._clock = _cpu_clock(self._process.pid)
        self._address = urlsplit(self._line().removeprefix("listening on ")).netloc
        self._buffer = bytearray(1 << 20)

    def tell(self, command: str) -> None:
        """Send a command. Every server knows `change`, which gives 5 % of the devices new readings."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{command}\n")
        self._process.stdin.flush()
        assert self._line() == "done"

    def scrape(self, coding: str) -> Cost:
        """Fetch the metrics once."""
        cpu, wall = self.cpu(), time.perf_counter()
        with self._request(coding) as response:
            while response.readinto(self._buffer):
                pass
        return Cost(self.cpu() - cpu, time.perf_counter() - wall)

    def body(self, coding: str) -> bytes:
        """Return the bytes of a scrape, as they were sent."""
        with self._request(coding) as response:
            return response.read()

    def cpu(self) -> float:
        """Return seconds of CPU, user and system, that the process has taken."""
        return time.clock_gettime(self._clock)

    def resident(self) -> tuple[int, int]:
        """Return bytes of memory that the process holds now, and the most it ever held."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        found = dict(re.findall(r"(VmRSS|VmHWM):\s+(\d+) kB", status))
        return int(found["VmRSS"]) * 1024, int(found["VmHWM"]) * 1024

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(60)
        self._process.stdout.close()

    @contextmanager
    def _request(self, coding: str) -> Iterator[http.client.HTTPResponse]:
        # a connection for each: some of the servers close it in any case, others after seconds of rest
        with closing(http.client.HTTPConnection(self._address, timeout=300)) as connection:
            connection.request("GET", "/metrics", headers={"Accept-Encoding": coding})
            response = connection.getresponse()
            assert response.status == 200
            assert response.headers.get("Content-Encoding", PLAIN) == coding, f"{self.name} does not send {coding}"
            yield response

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"{self.name} has ended"
        return line.rstrip("\n")


@contextmanager
def contestant(name: str, command: Sequence[str]) -> Iterator[Contestant]:
    server = Contestant(name, command)
    try:
        yield server
    finally:
        server.close()


def _cpu_clock(pid: int) -> int:
    """Return the clock of another process' CPU time, exact where /proc counts in hundredths."""
    clock = ctypes.c_int()
    error = _libc.clock_getcpuclockid(pid, ctypes.byref(clock))
    assert error == 0, f"no CPU clock of process {pid}: error {error}"
    return clock.value
