"""Connect to a host that has several addresses, as RFC 8305 (Happy Eyeballs, version 2) asks.

The standard library and urllib3 try one address after the other, so a first one that never answers uses up the timeout.
"""

import errno
import os
import selectors
import socket
import time
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import Any, Final

#: Seconds until the next address is tried beside those that have not answered yet (RFC 8305, 5).
ATTEMPT_DELAY: Final = 0.25

#: These say more about this machine than about the host: raised only if no address failed in another way.
_NO_WAY_THERE: Final = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


def connect(host: str, port: int, deadline: float, options: Iterable[tuple[int, int, int | bytes]] = ()) -> socket.socket:
    """Return a socket connected to the first address of `host` that takes the connection.

    `deadline` is on time.monotonic(); what is left of the time is the socket's timeout. `options` are set before connecting.
    Raises TimeoutError when no address answered in time, socket.gaierror and UnicodeError for a name that does not resolve, and
    otherwise the OSError that says most.
    """
    waiting = _interleaved(socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM))
    errors: list[OSError] = []
    due = 0.0
    with selectors.DefaultSelector() as pending:
        try:
            while waiting or pending.get_map():
                left = deadline - (now := time.monotonic())
                if left <= 0:
                    raise TimeoutError("no address answered in time")
                if waiting and now >= due:
                    try:
                        pending.register(_begin(waiting.pop(0), options), selectors.EVENT_WRITE)
                        due = now + ATTEMPT_DELAY
                    except OSError as error:
                        errors.append(error)
                    continue
                for key, _ in pending.select(min(left, due - now) if waiting else left):
                    attempt: Any = key.fileobj
                    code = attempt.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                    if code == 0:
                        pending.unregister(attempt)
                        attempt.settimeout(left)
                        return attempt  # type: ignore[no-any-return]
                    pending.unregister(attempt)
                    attempt.close()
                    errors.append(OSError(code, os.strerror(code)))
                    due = now
        finally:
            for key in list(pending.get_map().values()):
                key.fileobj.close()  # type: ignore[union-attr]
    raise min(errors, key=lambda error: error.errno in _NO_WAY_THERE, default=OSError("the host has no address"))


def _interleaved(found: Sequence[Any]) -> list[Any]:
    """Return the addresses with their families in turn, each family's in the order of the system's choice (RFC 8305, 4)."""
    families: dict[int, list[Any]] = {}
    for entry in found:
        families.setdefault(entry[0], []).append(entry)
    return [entry for turn in zip_longest(*families.values()) for entry in turn if entry is not None]


def _begin(entry: Any, options: Iterable[tuple[int, int, int | bytes]]) -> socket.socket:
    family, kind, protocol, _, address = entry
    attempt = socket.socket(family, kind, protocol)
    try:
        for option in options:
            attempt.setsockopt(*option)
        attempt.setblocking(False)
        code = attempt.connect_ex(address)
        if code not in (0, errno.EINPROGRESS):
            raise OSError(code, os.strerror(code))
    except BaseException:
        attempt.close()
        raise
    return attempt
