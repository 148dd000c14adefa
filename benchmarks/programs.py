"""The programs under measurement: the exporter and the simulated cloud, each a process of its own."""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import requests

#: Made up.
TOKEN: Final = "Basic bWFkZTp1cA=="


class Program:
    """A process whose output is read. `pid` is its number."""

    def __init__(self, command: Sequence[str], environment: dict[str, str]) -> None:
        env = {**os.environ, "PYTHONUNBUFFERED": "1", **environment}
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env)
        self.pid = self._process.pid

    def wait_for(self, pattern: str) -> str:
        """Return the first group of the first match of `pattern` in the output, and ignore all output after it."""
        assert self._process.stdout is not None
        seen = []
        for line in self._process.stdout:
            seen.append(line)
            if match := re.search(pattern, line):
                # a full pipe would stop the program
                threading.Thread(target=self._process.stdout.read, daemon=True).start()
                return match[1]
        raise RuntimeError(f"ended without {pattern!r}:\n{''.join(seen)}")

    def resident_bytes(self) -> int:
        """Return the resident memory of the process, in bytes."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.findall(r"VmRSS:\s+(\d+) kB", status)[0]) * 1024

    def end(self) -> None:
        """Terminate the process and wait for its end."""
        self._process.terminate()
        self._process.wait(20)


@contextmanager
def running(command: Sequence[str], **environment: str) -> Iterator[Program]:
    """Run a program until the context ends."""
    program = Program(command, environment)
    try:
        yield program
    finally:
        program.end()


@contextmanager
def simulated_cloud(*arguments: str) -> Iterator[str]:
    """Run the simulated cloud with these arguments. Gives its base URL."""
    command = [sys.executable, "-m", "exporter.simulator", "--token", TOKEN, *arguments]
    with running(command) as program:
        yield program.wait_for(r"simulated cloud on (\S+)")


class Exporter:
    """The exporter's process, and its metrics page."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.url = program.wait_for(r"address=(https?://\S+)")

    def page(self) -> bytes:
        """Return the exposition that a plain scrape gets."""
        return requests.get(f"{self.url}/metrics", timeout=60).content


@contextmanager
def exporter(folder: Path, config: dict[str, Any], *arguments: str) -> Iterator[Exporter]:
    """Run the exporter with this config, which is written to `folder`."""
    path = folder / "config.yaml"
    path.write_text(json.dumps(config))
    command = [sys.executable, "-m", "exporter", "--config.file", str(path), "--web.listen-address", "127.0.0.1:0", *arguments]
    with running(command, ATESS_API_TOKEN=TOKEN) as program:
        yield Exporter(program)


def device_lists(devices: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Return the config's `devices` for pairs of type and serial number."""
    lists: dict[str, list[str]] = {}
    for type, sn in devices:
        lists.setdefault(type, []).append(sn)
    return lists


def samples(exposition: bytes) -> dict[str, float]:
    """Return the samples of an exposition: name and labels -> value."""
    lines = (line.rpartition(" ") for line in exposition.decode().splitlines() if line and not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}
