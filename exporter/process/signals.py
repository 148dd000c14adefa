"""The signals that stop or reload the process, and its exit. Imports very little, because all other imports come after it."""

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

    The handler must not take a lock, because the main thread may be holding it. A handler written in Python can be interrupted
    by the next signal, and so on until the stack overflows. So the handler is SimpleQueue.put, which is written in C and
    reentrant. Handlers also run late: a signal that arrives just before the main thread blocks is handled only afterwards. So
    wait() reads a pipe that the interpreter writes to at once (signal.set_wakeup_fd).
    """

    def __init__(self, *numbers: signal.Signals) -> None:
        self._arrived: SimpleQueue[int] = SimpleQueue()
        self._seen: list[int] = []
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)
        signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        self._before = {number: signal.signal(number, self._handler) for number in numbers}
        # a parent may have blocked them, which a process inherits
        signal.pthread_sigmask(signal.SIG_UNBLOCK, numbers)

    @property
    def ending(self) -> signal.Signals | None:
        """Return the first SIGTERM or SIGINT so far, or None."""
        while not self._arrived.empty():
            self._seen.append(self._arrived.get())
        return next((signal.Signals(number) for number in self._seen if number in _ENDING), None)

    def wait(self) -> signal.Signals:
        """Return the next signal; wait for one if none is queued."""
        return signal.Signals(os.read(self._reader, 1)[0])

    @contextmanager
    def leaving_at_once(self) -> Iterator[None]:
        """Exit with 0 on SIGTERM or SIGINT, also one from before. For the start, when there is nothing to clean up."""
        for number in _ENDING & self._before.keys():
            signal.signal(number, lambda number, frame: os._exit(0))
        if self.ending is not None:
            os._exit(0)
        try:
            yield
        finally:
            for number in _ENDING & self._before.keys():
                signal.signal(number, self._handler)

    def restore(self) -> None:
        """Restore the handlers from before."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(-1)
        os.close(self._writer)
        os.close(self._reader)

    def hand_back(self) -> None:
        """Restore the handlers from before, and raise again the signals caught so far."""
        self.restore()
        while not self._arrived.empty():
            signal.raise_signal(self._arrived.get())

    @property
    def _handler(self) -> Callable[[int, FrameType | None], None]:
        # put() ignores its second argument, the frame
        return cast("Callable[[int, FrameType | None], None]", self._arrived.put)


def end(code: int) -> NoReturn:
    """Exit without the interpreter's shutdown, which is slow and can crash while a thread is logging."""
    with suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)
