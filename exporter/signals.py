"""The signals that end or reload a process, and its end. Imports next to nothing, because it comes before all other imports."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Final, NoReturn

_ENDING: Final = frozenset({signal.SIGTERM, signal.SIGINT})


class Signals:
    """Catches the signals `numbers` from now on. For the main thread.

    A handler in Python may interrupt the main thread inside a lock, so it must take none. It is also late when the signal comes
    just before the main thread begins to wait: then it runs only once that ends. So what wakes wait() is a pipe into which the
    interpreter's own handler writes (signal.set_wakeup_fd), whatever any thread is at.
    """

    def __init__(self, *numbers: signal.Signals) -> None:
        #: The signal that asks for the end, once one has come.
        self.ending: signal.Signals | None = None
        self._arrived: list[signal.Signals] = []
        self._leaving = False
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)
        signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        self._before = {number: signal.signal(number, self._on_signal) for number in numbers}

    def wait(self) -> signal.Signals:
        """Wait for the next signal, or take the first of those that have come."""
        return signal.Signals(os.read(self._reader, 1)[0])

    @contextmanager
    def leaving_at_once(self) -> Iterator[None]:
        """End the process with 0 as soon as it is asked to, or if it was before. For a start: nothing is to be cleaned up yet."""
        self._leaving = True
        if self.ending is not None:
            os._exit(0)
        try:
            yield
        finally:
            self._leaving = False

    def ignore(self) -> None:
        """Ignore them from now on, so that none that comes late turns the end of the process into another one."""
        for number in self._before:
            signal.signal(number, signal.SIG_IGN)

    def restore(self) -> None:
        """Let each do again what it did before."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(-1)
        os.close(self._writer)
        os.close(self._reader)

    def hand_back(self) -> None:
        """Let each do again what it did before, also those that have come: end the process, or raise KeyboardInterrupt."""
        self.restore()
        for number in self._arrived:
            signal.raise_signal(number)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        arrived = signal.Signals(number)
        self._arrived.append(arrived)
        if arrived in _ENDING:
            self.ending = arrived
            if self._leaving:
                os._exit(0)


def end(code: int) -> NoReturn:
    """End the process without the interpreter's own end, which takes longer than all else and can crash in a thread that logs."""
    with suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)
