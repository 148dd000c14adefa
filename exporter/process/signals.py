"""The signals that end or reload a process, and its end. Imports next to nothing, because it comes before all other imports."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from types import FrameType
from typing import Final, NoReturn, cast

_ENDING: Final = frozenset({signal.SIGTERM, signal.SIGINT})


class Signals:
    """Catches the signals `numbers` from now on. For the main thread.

    A handler may interrupt the main thread inside a lock, so it must take none; and one written in Python may be interrupted by
    the next signal, and that by the next, until the stack is full. So the handler is SimpleQueue.put, which is written in C and
    reentrant. It is also late when the signal comes just before the main thread begins to wait: then it runs only once that
    ends. So what wakes wait() is a pipe into which the interpreter's own handler writes (signal.set_wakeup_fd), whatever any
    thread is at.
    """

    def __init__(self, *numbers: signal.Signals) -> None:
        self._arrived: SimpleQueue[int] = SimpleQueue()
        self._seen: list[int] = []
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)
        signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        self._before = {number: signal.signal(number, self._handler) for number in numbers}

    @property
    def ending(self) -> signal.Signals | None:
        """The first signal that asked for the end; None while there was none."""
        while not self._arrived.empty():
            self._seen.append(self._arrived.get())
        return next((signal.Signals(number) for number in self._seen if number in _ENDING), None)

    def wait(self) -> signal.Signals:
        """Wait for the next signal, or take the first of those that have come."""
        return signal.Signals(os.read(self._reader, 1)[0])

    @contextmanager
    def leaving_at_once(self) -> Iterator[None]:
        """End the process with 0 as soon as it is asked to, or if it was before. For a start: nothing is to be cleaned up yet."""
        for number in _ENDING & self._before.keys():
            signal.signal(number, lambda number, frame: os._exit(0))
        if self.ending is not None:
            os._exit(0)
        try:
            yield
        finally:
            for number in _ENDING & self._before.keys():
                signal.signal(number, self._handler)

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
        while not self._arrived.empty():
            signal.raise_signal(self._arrived.get())

    @property
    def _handler(self) -> Callable[[int, FrameType | None], None]:
        # what put() takes as its second argument, the frame, it does not look at
        return cast("Callable[[int, FrameType | None], None]", self._arrived.put)


def end(code: int) -> NoReturn:
    """End the process without the interpreter's own end, which takes longer than all else and can crash in a thread that logs."""
    with suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)
