"""The listening sockets: of an address of the machine, at a path, or from systemd."""

import errno
import os
import socket
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from exporter.config.address import Address, show_address
from exporter.process.systemd import inherited_sockets


class ListenError(OSError):
    """The exporter cannot listen as it is told to; the message says why. `in_use` is the address, if another program has it."""

    def __init__(self, message: str, in_use: Address | None = None) -> None:
        super().__init__(message)
        self.in_use = in_use


@dataclass(frozen=True, slots=True)
class Listener:
    """The sockets of one address. `file`: the device and inode of a Unix socket, if it is to be removed at the end."""

    address: Address
    sockets: tuple[socket.socket, ...]
    file: tuple[int, int] | None = None

    def url(self, scheme: str) -> str:
        """Return how it is reached from this machine: a URL, or unix:/path."""
        if isinstance(self.address, Path):
            return show_address(self.address)
        host = self.address[0] if self.address[0] not in ("", "0.0.0.0", "::") else "localhost"  # noqa: S104 - compared, not bound
        return f"{scheme}://{show_address((host, self.sockets[0].getsockname()[1]))}"

    def close(self) -> None:
        """Stop listening, and remove the Unix socket if it is still this one."""
        for sock in self.sockets:
            sock.close()
        if self.file is not None and isinstance(self.address, Path) and _identify(self.address) == self.file:
            self.address.unlink(missing_ok=True)


def listen(address: Address) -> Listener:
    """Listen on `address`; port 0 is any free one. Raises ListenError.

    A host is a name or an address; "" and "::" are every address of the machine, of IPv4 too.
    """
    try:
        if isinstance(address, Path):
            sock = _listen_at(address)
            return Listener(address, (sock,), _identify(address))
        return Listener(address, tuple(_listen(*address)))
    except (OSError, UnicodeError) as error:
        # create_server() adds words of its own to the errors of bind()
        number = getattr(error, "errno", None)
        reason = os.strerror(number) if isinstance(number, int) and number > 0 else str(error)
        taken = address if number == errno.EADDRINUSE else None
        raise ListenError(f"cannot listen on {show_address(address)}: {reason}", taken) from None


def listen_all(addresses: Sequence[Address]) -> list[Listener]:
    """Listen on each of the addresses, or on none. Raises ListenError."""
    listeners: list[Listener] = []
    try:
        for address in addresses:
            listeners.append(listen(address))
    except ListenError:
        for listener in listeners:
            listener.close()
        raise
    return listeners


def systemd_listeners() -> list[Listener]:
    """Return the sockets that systemd has opened for this process. Raises ListenError."""
    try:
        found = inherited_sockets()
    except (OSError, ValueError) as error:
        raise ListenError(f"cannot listen on systemd's sockets: {error}") from None
    return [Listener(_address_of(sock), (sock,)) for sock in found]


def _address_of(sock: socket.socket) -> Address:
    name = sock.getsockname()
    return (name[0], name[1]) if isinstance(name, tuple) else Path(os.fsdecode(name) or "/")


def _listen_at(path: Path) -> socket.socket:
    """Listen at `path`, also in place of a socket that an exporter has left which was killed."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        try:
            sock.bind(str(path))
        except OSError as error:
            if error.errno != errno.EADDRINUSE or not _is_left_over(path):
                raise
            path.unlink(missing_ok=True)
            sock.bind(str(path))
        # who may reach the folder may connect, as everybody on this machine may to a port of localhost
        path.chmod(0o666)
        sock.listen()
    except OSError:
        sock.close()
        raise
    return sock


def _is_left_over(path: Path) -> bool:
    """Return whether `path` is a socket at which nobody listens any more."""
    if not stat.S_ISSOCK(path.lstat().st_mode):
        raise OSError("there is a file that is no socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        try:
            client.connect(str(path))
        except ConnectionRefusedError:
            return True
        return False


def _identify(path: Path) -> tuple[int, int] | None:
    try:
        status = path.lstat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _listen(host: str, port: int) -> list[socket.socket]:
    """Listen on what `host` stands for, as Prometheus' own programs do; `localhost` stands for both of its addresses."""
    if host in ("", "::"):
        # one socket for IPv4 and IPv6, where the system has both
        both = ["::"] if socket.has_dualstack_ipv6() else []
        return [_first([*both, "0.0.0.0"], port)]  # noqa: S104 - the user asked for it
    if host == "localhost":
        return _both(port)
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return [_first([socket.getnameinfo(entry[4], _NUMERIC)[0] for entry in found], port)]


def _first(addresses: Sequence[str], port: int) -> socket.socket:
    """Listen on the first address that this machine has."""
    for address in addresses[:-1]:
        try:
            return _create(address, port)
        except OSError as error:
            if error.errno not in _NOT_HERE:
                raise
    return _create(addresses[-1], port)


def _both(port: int) -> list[socket.socket]:
    """Listen on both loopback addresses, or the one that exists, whatever the resolver says (RFC 6761 6.3)."""
    first = _first(["127.0.0.1", "::1"], port)
    try:
        return [first, _create("::1", first.getsockname()[1])] if first.family == socket.AF_INET else [first]
    except OSError as error:
        if error.errno in _NOT_HERE:
            return [first]
        try:
            # the port is free on IPv4 but taken on IPv6; keeping it until the retry makes the system pick another
            if port == 0 and error.errno == errno.EADDRINUSE:
                return _both(port)
            raise
        finally:
            first.close()


def _create(address: str, port: int) -> socket.socket:
    family, _, _, _, where = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)[0]
    sock = socket.create_server(where, family=family, backlog=512, dualstack_ipv6=address == "::")
    # asyncio sets TCP_NODELAY only on sockets whose protocol is IPPROTO_TCP, and create_server() leaves 0; without it the last,
    # partly filled packet of an answer waits for the client's delayed acknowledgement
    return socket.socket(sock.family, sock.type, socket.IPPROTO_TCP, fileno=sock.detach())


_NUMERIC: Final = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV

#: The machine has no such address, or no address of that family, as with IPv6 switched off.
_NOT_HERE: Final = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})
