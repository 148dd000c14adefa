"""A network of its own for a shell, with nothing but loopback: every port is free there, as on a reader's machine."""

import fcntl
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Final

#: Brings loopback up, becomes this user, and goes on as bash.
_ENTER: Final = """
import fcntl, os, socket, struct, sys
user, group, *command = sys.argv[1:]
with socket.socket() as it:
    SIOCSIFFLAGS, IFF_UP = 0x8914, 1
    fcntl.ioctl(it, SIOCSIFFLAGS, struct.pack("16sH", b"lo", IFF_UP))
if int(user) != os.geteuid():
    os.setgroups([])
    os.setgid(int(group))
    os.setuid(int(user))
os.execvp(command[0], command)
"""


@contextmanager
def network() -> Iterator[list[str]]:
    """Yield what to put before a command so that it runs in a new network.

    Where nobody may make one, as in a container without rights, that is nothing: the command has the machine's own network, and
    only one has it at a time.
    """
    if enter := entry():
        yield enter
        return
    with (Path(tempfile.gettempdir()) / "documentation-blocks.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield []


@cache
def entry() -> list[str]:
    """Return the command that enters a new network and goes on with what comes after it; empty if nobody may."""
    own = [str(os.getuid()), str(os.getgid())]
    ways = (
        (["unshare", "--net"], own),
        # where users may have namespaces of their own they are root in them
        (["unshare", "--user", "--map-root-user", "--net"], ["0", "0"]),
        (["sudo", "-n", "unshare", "--net"], own),
    )
    for unshare, user in ways:
        enter = [*unshare, sys.executable, "-c", _ENTER, *user]
        if _works([*enter, "true"]):
            return enter
    return []


def _works(command: list[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False
