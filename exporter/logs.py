"""Logs: one line an event, as logfmt or JSON, the same keys throughout, and never the token."""

import logging
import sys
from collections.abc import Callable, Hashable
from typing import Final

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

FORMATS: Final = ("logfmt", "json")

_OTHER_LOGGERS: Final = ("asyncio", "uvicorn", "uvicorn.error", "uvicorn.access", "schedule", "urllib3")


def configure(level: str, form: str, hide: Callable[[str], str]) -> None:
    """Log to standard error from `level` on, as `form` (one of FORMATS). `hide` returns a text without the token."""
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", key="ts"),
        _describe_exception,
        structlog.processors.EventRenamer("msg"),
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
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _plain_text(hide), renderer],
        )
    )
    # a full disk or a closed pipe costs the line, not the exporter
    logging.raiseExceptions = False
    root = logging.getLogger()
    root.handlers[:] = [handler]
    threshold = logging.getLevelName("WARNING" if level == "warn" else level.upper())
    root.setLevel(threshold)
    for name in _OTHER_LOGGERS:
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


def _describe_exception(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Log an exception as its type and text. A traceback would not help an operator, and asyncio logs many."""
    information = event.pop("exc_info", None)
    if information is True:
        information = sys.exc_info()
    error = information[1] if isinstance(information, tuple) else information
    if isinstance(error, BaseException):
        event["error"] = f"{type(error).__name__}: {error}"
    return event


def _plain_text(hide: Callable[[str], str]) -> Processor:
    """Return a processor that hides the token in every value, also in an exception's text.

    It also escapes what would break a line, forge another, control a terminal, or fail to encode.
    """

    def clean(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        for key, value in event.items():
            # all but these are rendered as text
            if value is not None and not isinstance(value, bool | int | float):
                # the renderers escape a line break themselves
                event[key] = "\n".join(map(printable, hide(str(value)).split("\n")))
        return event

    return clean


def printable(text: str) -> str:
    """Return `text` with every character spelled out that would control a terminal, break a line or fail to encode."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


class LogOnce:
    """The last reason logged for each subject, so that a repeated failure is logged once. Safe to use from several threads."""

    def __init__(self) -> None:
        self._last: dict[Hashable, str] = {}

    def is_new(self, subject: Hashable, reason: str) -> bool:
        """Note `reason` for `subject`. Return whether it differs from the one before."""
        known = self._last.get(subject) == reason
        self._last[subject] = reason
        return not known

    def over(self, subject: Hashable) -> bool:
        """Forget `subject`, which works again. Return whether a reason was noted for it."""
        return self._last.pop(subject, None) is not None
