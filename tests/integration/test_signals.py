"""Signals, at any moment: SIGHUP reloads, SIGTERM and SIGINT end it with 0, and none is lost or ends it in another way."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

import pytest
import requests

from tests.helpers.fixtures import Sized
from tests.helpers.processes import Process, eventually, running, write_config

#: Nobody listens there, which is nothing to a start.
CONFIG: Final = {"api": {"base_url": "http://127.0.0.1:9/api/v1", "token": "made up"}, "devices": {"pbd": ["A"]}}

# each import is a line on standard error once it is done: so the start can be met at any of them
_TRACED: Final = [sys.executable, "-X", "importtime", "-m", "exporter"]
_IMPORT: Final = re.compile(r"import time: +\d+ \| +\d+ \| +(\S+)$")
_LISTEN: Final = "--web.listen-address=127.0.0.1:0"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    write_config(path, CONFIG)
    return path


@pytest.fixture(scope="module")
def moments(tmp_path_factory: pytest.TempPathFactory, sized: Sized) -> list[str]:
    """Modules that a start imports, evenly spread from the command line's own to the last."""
    path = tmp_path_factory.mktemp("moments") / "config.yaml"
    write_config(path, CONFIG)
    with running([*_TRACED, "--config.file", str(path), _LISTEN]) as process:
        process.wait_for("msg=started")
        names = [match[1] for line in process.lines if (match := _IMPORT.match(line))]
    # what was imported right before is not yet the whole entry point
    names = names[names.index("exporter.process.signals") + 2 :]
    assert {"argparse", "pydantic", "starlette.applications", "exporter.app"} <= set(names)
    count = sized(short=4, long=60)
    return [names[len(names) * index // count] for index in range(count)]


def start(*arguments: str) -> AbstractContextManager[Process]:
    return running([*_TRACED, *arguments, _LISTEN])


def at(process: Process, moment: str) -> None:
    process.wait_for(rf"import time: .* {re.escape(moment)}$")


def assert_ends(process: Process) -> None:
    # the promise itself, not a measurement of speed
    assert process.popen.wait(2) == 0, process.output[-2000:]
    assert "Traceback" not in process.output


@pytest.mark.timeout(1200)
def test_sigterm_right_after_a_burst_of_sighup_ends_it(config: Path, sized: Sized) -> None:
    for _ in range(sized(short=4, long=100)):
        with running([sys.executable, "-m", "exporter", "--config.file", str(config), _LISTEN]) as process:
            process.wait_for("msg=started")
            for number in (signal.SIGHUP, signal.SIGHUP, signal.SIGHUP, signal.SIGTERM):
                process.signal(number)
            assert_ends(process)


@pytest.mark.timeout(1200)
def test_sighup_at_any_moment_of_the_start_leaves_it_running_with_the_config_of_then(config: Path, moments: list[str]) -> None:
    for moment in moments:
        with start("--config.file", str(config)) as process:
            at(process, moment)
            process.signal(signal.SIGHUP)
            process.wait_for("msg=started")
            process.wait_for('msg="config reloaded"')
            process.signal(signal.SIGTERM)
            assert_ends(process)


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_at_any_moment_of_the_start(config: Path, moments: list[str], number: signal.Signals) -> None:
    for moment in moments:
        with start("--config.file", str(config)) as process:
            at(process, moment)
            process.signal(number)
            assert_ends(process)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_so_does_the_demo(number: signal.Signals) -> None:
    for moment in ("argparse", "pydantic", "exporter.app", "exporter.commands.demo"):
        with start("demo") as process:
            at(process, moment)
            process.signal(number)
            assert_ends(process)


def test_the_demo_reloads_after_a_sighup_while_it_starts() -> None:
    with start("demo") as process:
        at(process, "pydantic")
        process.signal(signal.SIGHUP)
        process.wait_for('msg="config reloaded"')
        process.signal(signal.SIGINT)
        assert_ends(process)


def test_signals_that_the_parent_blocked_end_it_too(config: Path) -> None:
    numbers = {signal.SIGHUP, signal.SIGINT, signal.SIGTERM}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    try:
        with running([sys.executable, "-m", "exporter", "--config.file", str(config), _LISTEN]) as process:
            process.wait_for("msg=started")
            process.signal(signal.SIGTERM)
            assert_ends(process)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def test_no_later_signal_changes_how_it_ends(config: Path) -> None:
    with running([sys.executable, "-m", "exporter", "--config.file", str(config), _LISTEN]) as process:
        process.wait_for("msg=started")
        process.signal(signal.SIGTERM)
        while process.popen.poll() is None:
            for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
                process.signal(number)
        assert_ends(process)


def test_a_reload_that_takes_long_does_not_keep_it_from_ending(tmp_path: Path) -> None:
    pipe = tmp_path / "config.yaml"
    os.mkfifo(pipe)
    with running([sys.executable, "-m", "exporter", "--config.file", str(pipe), _LISTEN]) as process:
        pipe.write_text(json.dumps(CONFIG))
        process.wait_for("msg=started")
        process.signal(signal.SIGHUP)
        # opens once the reload reads, which then waits for what does not come
        with pipe.open("w"):
            process.signal(signal.SIGTERM)
            assert_ends(process)


@pytest.mark.parametrize(
    "arguments",
    [
        ["discover", "--datalog-sn", "A"],
        ["--config.check"],
        ["backfill", "--from", "2024-01-01", "--to", "2024-01-02", "--output", "never-written"],
    ],
    ids=lambda arguments: arguments[0],
)
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM), (signal.SIGHUP, -signal.SIGHUP)]
)
def test_a_command_that_is_stopped_says_no_success_and_no_traceback(
    tmp_path: Path, arguments: list[str], number: signal.Signals, code: int
) -> None:
    # never opens, so that the command is not over before the signal comes
    config = tmp_path / "config.yaml"
    os.mkfifo(config)
    with running([*_TRACED, *arguments, "--config.file", str(config)]) as process:
        at(process, "pydantic")
        process.signal(number)
        assert process.popen.wait(30) == code
        assert "Traceback" not in process.output


@pytest.mark.parametrize("abstract", [False, True], ids=["path", "abstract"])
def test_systemd_is_told_once_it_is_ready(config: Path, tmp_path: Path, abstract: bool) -> None:
    name = f"@atess-{os.getpid()}-{tmp_path.name}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.settimeout(30)
        manager.bind(name.replace("@", "\0", 1))
        command = [sys.executable, "-m", "exporter", "--config.file", str(config), _LISTEN]
        with running(command, {"NOTIFY_SOCKET": name}) as process:
            assert manager.recv(100) == b"READY=1"
            url = process.wait_for(r"address=(http://\S+)")[1]
            assert requests.get(f"{url}/-/ready", timeout=10).status_code == 200
            # from now on a reload is one
            process.signal(signal.SIGHUP)
            process.wait_for('msg="config reloaded"')


def test_a_manager_that_is_gone_is_one_line(config: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "exporter", "--config.file", str(config), _LISTEN]
    with running(command, {"NOTIFY_SOCKET": str(tmp_path / "nobody")}) as process:
        process.wait_for("level=error msg=.cannot tell systemd that the exporter is ready")
        url = process.wait_for(r"address=(http://\S+)")[1]
        assert eventually(lambda: requests.get(f"{url}/-/ready", timeout=10).ok)


def test_the_version_is_told_without_the_heavy_imports() -> None:
    done = subprocess.run([*_TRACED, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("atess-exporter, version ")
    imported = set(re.findall(r"\| +(\S+)$", done.stderr, re.MULTILINE))
    assert not imported & {"pydantic", "yaml", "requests", "structlog", "exporter.app"}


def test_an_interrupt_in_code_made_from_text_keeps_the_exit_code(tmp_path: Path) -> None:
    # as when a dataclass is being imported: CPython remembers such an interrupt, and ends by the signal although it was caught
    (tmp_path / "interrupted.py").write_text(
        """
import sys
from exporter import __main__, cli

def interrupted(signals):
    try:
        exec("raise KeyboardInterrupt")
    except KeyboardInterrupt:
        return 130

cli.main = interrupted
sys.exit(__main__.main())
"""
    )
    path = os.pathsep.join([str(tmp_path), *sys.path])
    with running([sys.executable, "-m", "interrupted"], {**os.environ, "PYTHONPATH": path}) as process:
        assert process.popen.wait(30) == 130
