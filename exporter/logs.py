"""Logs: one line an event, as logfmt or JSON, the same keys throughout, and never the token."""

import logging
import sys
from collections.abc import Callable, Hashable
from typing import Any, Final

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

FORMATS: Final = ("logfmt", "json")
LEVELS: Final = ("debug", "info", "warn", "error")

#: Characters; a shorter text is no secret but would make lines unreadable where it happens to stand.
_SHORTEST_SECRET: Final = 4

_LOGGERS_OF_OTHERS: Final = ("asyncio", "uvicorn", "uvicorn.error", "uvicorn.access", "schedule", "urllib3")


def configure(level: str, form: str, secret: Callable[[], str | None]) -> None:
    """Send the logs of this process to standard error. `secret` gives the text that must never be among them."""
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", key="ts"),
        _name_the_exception,
        structlog.processors.EventRenamer("msg"),
        _Redactor(secret),
    ]
    renderer: Processor
    if form == "json":
        renderer = structlog.processors.JSONRenderer(sort_keys=False)
    else:
        renderer = structlog.processors.LogfmtRenderer(key_order=["ts", "level", "msg"], bool_as_flag=False)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _one_line, renderer],
        )
    )
    # A full disk or a closed pipe costs the line, not the exporter.
    logging.raiseExceptions = False
    root = logging.getLogger()
    root.handlers[:] = [handler]
    threshold = logging.getLevelName("WARNING" if level == "warn" else level.upper())
    root.setLevel(threshold)
    for name in _LOGGERS_OF_OTHERS:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel(max(threshold, logging.WARNING))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


class _Redactor:
    """Replaces the secret wherever it stands in a line, also inside an exception's text."""

    def __init__(self, secret: Callable[[], str | None]) -> None:
        self._secret = secret

    def __call__(self, logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        secret = self._secret()
        if secret:
            # also without the scheme in front: that word alone is no secret
            parts = {part for part in (secret, secret.rpartition(" ")[2]) if len(part) >= _SHORTEST_SECRET}
            for key, value in event.items():
                if not key.startswith("_"):
                    event[key] = _without(value, parts)
        return event


def _name_the_exception(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """An exception is its type and text: its traceback is no use to who reads the log, and asyncio would print many."""
    information = event.pop("exc_info", None)
    if information is True:
        information = sys.exc_info()
    error = information[1] if isinstance(information, tuple) else information
    if isinstance(error, BaseException):
        event["error"] = f"{type(error).__name__}: {error}"
    return event


def _without(value: Any, parts: set[str]) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    text = value if isinstance(value, str) else str(value)
    for part in sorted(parts, key=len, reverse=True):
        text = text.replace(part, "<redacted>")
    return text


def _one_line(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Spell out what would break a line, forge another, or steer a terminal, and what the output's encoding cannot carry."""
    for key, value in event.items():
        if value is not None and not isinstance(value, bool | int | float):
            # a line break is spelt out by the renderers
            event[key] = "".join(it if it.isprintable() or it == "\n" else repr(it)[1:-1] for it in str(value))
    return event


class LogOnce:
    """Remembers the last word about each thing. Safe to use from several threads."""

    def __init__(self) -> None:
        self._last: dict[Hashable, str] = {}

    def is_new(self, thing: Hashable, word: str) -> bool:
        """True unless `word` was the last about `thing`."""
        known = self._last.get(thing) == word
        self._last[thing] = word
        return not known

    def over(self, thing: Hashable) -> bool:
        """Forget `thing`, which is as it should be again. True if there was a word about it."""
        return self._last.pop(thing, None) is not None
