"""The real programs as processes of a test: the exporter, the simulated cloud, Prometheus."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import requests

Result = TypeVar("Result")

TOKEN = "Basic bWFkZTp1cA=="


class Process:
    """A program with its output, ended when the test is over."""

    def __init__(self, command: Sequence[str], env: dict[str, str] | None = None) -> None:
        self.lines: list[str] = []
        self._line = threading.Condition()
        self.popen = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})},
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def output(self) -> str:
        return "\n".join(self.lines)

    def wait_for(self, pattern: str, seconds: float = 30) -> re.Match[str]:
        """The first match of `pattern` in a line of the output."""
        seen = 0
        end = time.monotonic() + seconds
        with self._line:
            while True:
                while seen < len(self.lines):
                    if match := re.search(pattern, self.lines[seen]):
                        return match
                    seen += 1
                left = end - time.monotonic()
                ended = self.popen.poll() is not None and not self._reader.is_alive()
                assert left > 0, f"no {pattern!r} in time in:\n{self.output}"
                assert not ended, f"no {pattern!r} in:\n{self.output}"
                self._line.wait(min(left, 0.2))

    def signal(self, number: signal.Signals) -> None:
        self.popen.send_signal(number)

    def end(self) -> int:
        """Ask it to end; the exit code."""
        if self.popen.poll() is None:
            self.popen.terminate()
        try:
            code = self.popen.wait(20)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            raise
        self._reader.join(5)
        if self.popen.stdout is not None:
            self.popen.stdout.close()
        return code

    def _read(self) -> None:
        assert self.popen.stdout is not None
        for line in self.popen.stdout:
            with self._line:
                self.lines.append(line.rstrip("\n"))
                self._line.notify_all()


@contextmanager
def running(command: Sequence[str], env: dict[str, str] | None = None) -> Iterator[Process]:
    process = Process(command, env)
    try:
        yield process
    finally:
        process.end()


class SimulatedCloud:
    """The process of a faulty cloud, steered over its own HTTP."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._control = url.replace("/api/v1", "/_simulator")

    def devices(self) -> list[tuple[str, str]]:
        return [(device["type"], device["sn"]) for device in self.device_records()]

    def device_records(self) -> list[dict[str, Any]]:
        return list(self._get("devices"))

    def remove(self, type: str, sn: str) -> None:
        requests.delete(f"{self._control}/devices", params={"type": type, "deviceSn": sn}, timeout=10).raise_for_status()

    def requests(self) -> list[dict[str, Any]]:
        return list(self._get("requests"))

    def served(self, type: str, sn: str) -> list[dict[str, Any]]:
        return [served["data"] for served in self._get("served", type=type, deviceSn=sn)]

    def fault(self, name: str, type: str | None = None, sn: str | None = None, **params: Any) -> None:
        body = {"fault": name, "params": params} | ({"type": type, "deviceSn": sn} if type else {})
        requests.put(f"{self._control}/faults", json=body, timeout=10).raise_for_status()

    def heal(self) -> None:
        requests.delete(f"{self._control}/faults", timeout=10).raise_for_status()

    def _get(self, path: str, **query: str) -> Any:
        answer = requests.get(f"{self._control}/{path}", params=query, timeout=30)
        answer.raise_for_status()
        return answer.json()


@contextmanager
def simulated_cloud(*arguments: str) -> Iterator[SimulatedCloud]:
    command = [sys.executable, "-m", "tests.helpers.faulty_cloud", "--listen", "127.0.0.1:0", "--token", TOKEN, *arguments]
    with running(command) as process:
        yield SimulatedCloud(process.wait_for(r"simulated cloud on (\S+)")[1])


class Exporter:
    """The exporter's process and its pages."""

    def __init__(self, process: Process, config: Path) -> None:
        self.process = process
        self.config = config
        self.url = process.wait_for(r"address=(https?://\S+)")[1]

    def get(self, path: str, **headers: str) -> requests.Response:
        return requests.get(self.url + path, headers=headers, timeout=30)

    def page(self) -> bytes:
        return self.get("/metrics").content

    def resident_bytes(self) -> int:
        status = Path(f"/proc/{self.process.popen.pid}/status").read_text()
        match = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert match is not None
        return int(match[1]) * 1024


@contextmanager
def cloud_process(module: str, *options: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """Run a cloud as a process. Yield it and where it is, once it has said so."""
    command = [sys.executable, "-m", module, "--listen", "127.0.0.1:0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout is not None
            line = running.stdout.readline()
            prefix = "simulated cloud on "
            assert line.startswith(prefix + "http://127.0.0.1:")
            assert line.endswith("/api/v1\n")
            yield running, line.removeprefix(prefix).removesuffix("/api/v1\n")
        finally:
            running.kill()


@contextmanager
def exporter(folder: Path, config: dict[str, Any], *arguments: str, token: str = TOKEN) -> Iterator[Exporter]:
    path = folder / "config.yaml"
    write_config(path, config)
    command = [sys.executable, "-m", "exporter", "--config.file", str(path), "--web.listen-address", "127.0.0.1:0", *arguments]
    with running(command, {"ATESS_API_TOKEN": token}) as process:
        yield Exporter(process, path)


def write_config(path: Path, config: dict[str, Any]) -> None:
    # JSON is YAML (but for its escapes of emoji); replaced in one step, as a careful user would
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(config, ensure_ascii=False), encoding="utf-8")
    fresh.replace(path)


def device_lists(devices: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    lists: dict[str, list[str]] = {}
    for type, sn in devices:
        lists.setdefault(type, []).append(sn)
    return lists


class Prometheus:
    """A real Prometheus that scrapes one target every second."""

    def __init__(self, url: str) -> None:
        self.url = url

    def query(self, expression: str) -> dict[frozenset[tuple[str, str]], float]:
        answer = requests.get(f"{self.url}/api/v1/query", params={"query": expression}, timeout=10)
        answer.raise_for_status()
        found = {}
        for sample in answer.json()["data"]["result"]:
            labels = {name: value for name, value in sample["metric"].items() if name not in ("job", "instance")}
            found[frozenset(labels.items())] = float(sample["value"][1])
        return found


@contextmanager
def prometheus(folder: Path, target: str, **options: Any) -> Iterator[Prometheus]:
    config = folder / "prometheus.yml"
    every = {"scrape_interval": "1s", "scrape_timeout": "1s"}
    scrape = {"job_name": "atess", "static_configs": [{"targets": [target]}]} | every | options
    config.write_text(json.dumps({"scrape_configs": [scrape]}))
    with prometheus_server(config, folder / "data") as url:
        yield Prometheus(url)


@contextmanager
def prometheus_server(config: Path, data: Path, *arguments: str, program: str = "prometheus") -> Iterator[str]:
    """Run Prometheus with this config and data folder, at a port that it takes itself. Gives its URL.

    `program` is prometheus, whichever there is, or prometheus3.
    """
    binary = shutil.which(program)
    assert binary, f"no {program}: run the tests by make test"
    command = [binary, f"--config.file={config}", f"--storage.tsdb.path={data}", "--web.listen-address=127.0.0.1:0", *arguments]
    with running(command) as process:
        address = process.wait_for(r'msg="Listening on".* address=(\S+)')[1]
        process.wait_for("Server is ready to receive web requests")
        yield f"http://{address}"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def nobody_listens() -> Iterator[str]:
    """Hold a port of this machine that refuses connections, so that nobody else takes it meanwhile. Gives `host:port`."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{held.getsockname()[1]}"


def demo_command(*arguments: str, **constants: float) -> list[str]:
    """Return the command of the demo at a free port, with these constants of exporter.demo instead of its own."""
    changed = "".join(f"demo.{name} = {value!r}; " for name, value in constants.items())
    program = f"from exporter import cli; from exporter.commands import demo; {changed}raise SystemExit(cli.main())"
    return [sys.executable, "-c", program, "demo", "--web.listen-address", "127.0.0.1:0", *arguments]


def eventually(what: Callable[[], Result], seconds: float = 30) -> Result:
    """What `what` returns once it is true; for programs that offer nothing to wait on."""
    end = time.monotonic() + seconds
    while True:
        result = what()
        if result or time.monotonic() > end:
            assert result, f"not within {seconds} s: {what}"
            return result
        time.sleep(0.1)
