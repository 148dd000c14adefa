"""What is refused to a unit test: sockets that reach others, names that are looked up, and processes."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from typing import Any, Final, Never

#: Events of https://docs.python.org/3/library/audit_events.html.
_REFUSED: Final = frozenset(
    {
        *("socket.bind", "socket.connect", "socket.getaddrinfo", "socket.gethostbyname"),
        *("subprocess.Popen", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system"),
    }
)

_start = BaseProcess.start
#: What was tried, for each of the blocks that are isolated; the innermost is the last.
_tried: list[list[str]] = []


class Refused(BaseException):
    """Raised where a unit test opens a socket or starts a process. No Exception, which much of what is tested catches."""


@contextmanager
def isolated() -> Iterator[None]:
    """Refuse sockets and processes. Raises AssertionError at the end if any was tried, in whatever thread."""
    _tried.append([])
    try:
        yield
    finally:
        tried = _tried.pop()
    assert not tried, f"a unit test opens no socket and starts no process (this is for tests/integration): {', '.join(tried)}"


def _refuse(what: str) -> Never:
    _tried[-1].append(what)
    raise Refused(f"{what}: a unit test opens no socket and starts no process, see tests/integration")


def _audit(event: str, args: tuple[Any, ...]) -> None:
    if _tried and event in _REFUSED:
        _refuse(event)


def _start_process(process: BaseProcess) -> None:
    # what multiprocessing calls to spawn one tells no audit hook
    if _tried:
        _refuse("multiprocessing.Process")
    _start(process)


sys.addaudithook(_audit)
BaseProcess.start = _start_process  # type: ignore[method-assign, assignment]
