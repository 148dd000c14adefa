"""One call of a function for all who ask for it at a time."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

Result = TypeVar("Result")


class SharedCall(Generic[Result]):
    """Call a function in a thread, one call at a time; those who ask while it runs share the next call.

    So nobody gets the result of a call that began before they asked, and two calls serve however many ask at once.
    """

    def __init__(self, function: Callable[[], Result]) -> None:
        self._function = function
        self._lock = asyncio.Lock()
        self._next: asyncio.Task[Result] | None = None
        # a thread of its own: those that serve the pages may all be in use
        self._thread = ThreadPoolExecutor(1)

    async def get(self) -> Result:
        """Return the result of a call that begins now or later. Raises what the function raises."""
        if self._next is None:
            self._next = asyncio.get_running_loop().create_task(self._call())
        # a client that hangs up must not cancel the call of the others
        return await asyncio.shield(self._next)

    async def _call(self) -> Result:
        async with self._lock:
            self._next = None
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._function)
