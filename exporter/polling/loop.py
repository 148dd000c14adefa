"""A loop that does what is due, waits, and outlives its errors."""

import threading
from abc import ABC, abstractmethod

import structlog

from exporter.api.rate_limiter import Closed
from exporter.logs import LogOnce

_log = structlog.get_logger()


class Loop(ABC):
    """Calls `step` until stopped, in a thread of its own. `name` is for the log."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._log_once = LogOnce()
        self._woken = threading.Event()
        self._stopped = False

    @abstractmethod
    def step(self) -> float | None:
        """Do what is due. Return the seconds until the next step, None if only `wake` calls for one."""

    @property
    @abstractmethod
    def retry_after(self) -> float:
        """Return the seconds until the next step after one that failed."""

    def start(self) -> None:
        """Run in a thread of its own."""
        threading.Thread(target=self.run, name=self._name, daemon=True).start()

    def run(self) -> None:
        """Step until stopped, or until the rate limiter is closed."""
        while not self._stopped:
            # before the step, so that a change meanwhile is seen by it or ends the wait
            self._woken.clear()
            wait = self.run_step()
            if not self._stopped:
                self._woken.wait(wait)

    def run_step(self) -> float | None:
        """Step, and log what that raises once. Return the seconds until the next step, None if only `wake` calls for one."""
        try:
            wait = self.step()
        except Closed:
            self._stopped = True
            return None
        except Exception as error:  # noqa: BLE001 - whatever it is, the next step may do
            text = f"{type(error).__name__}: {error}"
            log = _log.error if self._log_once.is_new("step", text) else _log.debug
            log(f"internal error in the {self._name}", error=text)
            return self.retry_after
        self._log_once.over("step")
        return wait

    def wake(self) -> None:
        """Step at once."""
        self._woken.set()

    def stop(self) -> None:
        """End the loop after the step that is under way."""
        self._stopped = True
        self._woken.set()
