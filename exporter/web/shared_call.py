"""Work that many ask for at a time and that need not be done for each."""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

from anyio import CapacityLimiter, to_thread

Result = TypeVar("Result")


class SharedCall(Generic[Result]):
    """Calls a function in a thread, once at a time; those who ask while it runs share the next call.

    So nobody gets what was begun before he asked, and however many ask at once, two calls serve them all.
    """

    def __init__(self, function: Callable[[], Result]) -> None:
        self._function = function
        self._running: asyncio.Task[Result] | None = None
        self._next: asyncio.Task[Result] | None = None
        # threads beside those of the other pages, which may all be taken
        self._thread: CapacityLimiter | None = None

    async def get(self) -> Result:
        """The result of a call that begins now or later. Raises what the function raises."""
        if self._next is None:
            self._next = asyncio.get_running_loop().create_task(self._call(self._running))
        # one client that goes away must not take the result from the others
        return await asyncio.shield(self._next)

    async def _call(self, previous: "asyncio.Task[Result] | None") -> Result:
        if previous is not None:
            await asyncio.wait([previous])
        self._running, self._next = self._next, None
        if self._thread is None:
            self._thread = CapacityLimiter(1)
        try:
            return await to_thread.run_sync(self._function, limiter=self._thread)
        finally:
            if self._running is asyncio.current_task():
                # a large result must not be kept for nobody
                self._running = None
