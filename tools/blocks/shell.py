"""A shell like a reader's: bash in an empty folder with the exporter installed, on a network of its own.

The network has nothing but loopback, so every port is free as on a reader's machine, whatever else runs on this one.
"""

import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

from tools.blocks.network import network

#: What the output says instead of the folder's own name.
HOME: Final = "/home/you"

_ROOT: Final = Path(__file__).parents[2]
#: Seconds for a script, for a program to listen, and for a text to come.
_PATIENCE: Final = 90
_START: Final = 30
_REPEAT: Final = 60
#: The state of a socket that listens, in /proc/net/tcp.
_LISTEN: Final = "0A"

#: Runs one script after the other in one shell, and ends with the first that fails.
_LOOP: Final = """
exec 3<&0 4>&1 </dev/null >/dev/null
set -eu
echo $$ >&4
while read -r script output <&3; do
    . "$script" >"$output" 2>&1 </dev/null 3<&- 4>&-
    echo done >&4
done
"""
#: A reader who is too fast tries again.
_CURL: Final = "retry = 20\nretry-connrefused\nretry-delay = 1\n"
_STOP: Final = "for job in $(jobs -p); do kill $job || true; done; wait"


class Failed(Exception):
    """A script failed, or a program that it started does not listen."""


class Output:
    """What a script wrote so far, and the programs that it left running."""

    def __init__(self, path: Path, names: dict[str, str]) -> None:
        self._path = path
        self._names = names

    def lines(self) -> list[str]:
        text = self._path.read_text(encoding="utf-8", errors="replace")
        for path, name in self._names.items():
            text = text.replace(path, name)
        # a progress bar draws over itself
        return [line.rpartition("\r")[2].rstrip() for line in text.removesuffix("\n").split("\n")] if text else []


class Shell:
    """A bash that is still running. `folder` is where it is."""

    def __init__(self, folder: Path, control: Path, orders: IO[str], ends: IO[str], pid: int) -> None:
        self.folder = folder
        self._control = control
        self._orders = orders
        self._ends = ends
        self._pid = pid
        self._scripts = 0
        self.failed = False
        self._names = {str(folder): HOME, str(Path(sys.prefix)): f"{HOME}/venv"}

    def run(self, script: str, *, runs_on: bool = False) -> Output:
        """Run a script to its end. One that `runs_on` leaves a program: wait until that listens. Raises Failed."""
        before = self._listening()
        output = self._run(script)
        if runs_on:
            self._await_listening(before, output)
        return output

    def repeat(self, script: str, enough: Callable[[list[str]], bool]) -> Output:
        """Run a script once a second, whatever it ends with, until its output is `enough` or a minute is over."""
        again = self._control / "again.sh"
        again.write_text(script, encoding="utf-8")
        end = time.monotonic() + _REPEAT
        while not enough((output := self._run(f"bash {again} || true")).lines()) and time.monotonic() < end:
            time.sleep(1)
        return output

    def stop(self) -> None:
        """End the programs that scripts left running, as Ctrl-C does."""
        self._run(_STOP)

    def _run(self, script: str) -> Output:
        self._scripts += 1
        path = self._control / f"{self._scripts}.sh"
        path.write_text(script, encoding="utf-8")
        output = Output(path.with_suffix(".out"), self._names)
        self._orders.write(f"{path} {path.with_suffix('.out')}\n")
        self._orders.flush()
        if not select.select([self._ends], [], [], _PATIENCE)[0]:
            what = f"runs for more than {_PATIENCE} s:"
        elif not self._ends.readline():
            what = "failed:"
        else:
            return output
        self.failed = True
        raise Failed("\n".join([what, script.strip(), "with:", *output.lines()]))

    def _listening(self) -> int:
        tables = [Path(f"/proc/{self._pid}/net/{name}").read_text() for name in ("tcp", "tcp6")]
        return sum(line.split()[3] == _LISTEN for table in tables for line in table.splitlines()[1:])

    def _await_listening(self, before: int, output: Output) -> None:
        end = time.monotonic() + _START
        while self._listening() <= before:
            if time.monotonic() > end:
                raise Failed("\n".join([f"nothing listens after {_START} s:", *output.lines()]))
            time.sleep(0.05)


@contextmanager
def shell(folder: Path) -> Iterator[Shell]:
    """Start a shell in `folder`. At the end it and all that it started are ended. Raises Failed."""
    with tempfile.TemporaryDirectory(prefix="shell-") as scratch:
        control = Path(scratch)
        # a reader has the current Prometheus, whichever else the tests use
        if newest := shutil.which("prometheus3", path=programs()):
            (control / "prometheus").symlink_to(newest)
        environment = {
            # lines in the order in which a terminal would have them
            "PYTHONUNBUFFERED": "1",
            "PATH": f"{control}:{programs()}",
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "CURL_HOME": str(control),
        }
        (control / ".curlrc").write_text(_CURL)
        variables = [f"{name}={value}" for name, value in environment.items()]
        with network() as enter, (control / "errors").open("w+") as errors:
            process = subprocess.Popen(
                [*enter, "env", "-i", *variables, "bash", "--norc", "-c", _LOOP],
                cwd=folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
            )
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                if not (pid := process.stdout.readline()):
                    errors.seek(0)
                    raise Failed(f"no shell: {errors.read()}")
                running = Shell(folder, control, process.stdin, process.stdout, int(pid))
                yield running
                if not running.failed:
                    running.stop()
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.communicate()


def programs() -> str:
    """Return the PATH on which the exporter and the tools of the tests are."""
    return os.pathsep.join([str(Path(sys.executable).parent), str(_ROOT / ".tools/bin"), os.environ["PATH"]])
