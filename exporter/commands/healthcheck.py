"""The `healthcheck` subcommand: is the exporter on this machine healthy? For containers without a shell."""

import http.client
import socket
import sys
from argparse import Namespace
from pathlib import Path
from typing import Final

from exporter.commands.arguments import prefixes
from exporter.config.address import Address

#: Seconds; an exporter that takes longer to answer is not healthy.
_TIMEOUT: Final = 5.0

#: Every address of the machine: of both families, or of IPv4 alone.
_ANY: Final = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - compared, not bound


def run(options: Namespace) -> int:
    """Print whether the exporter that listens on the first address of `options.listen` is healthy. Return 1 if it is not."""
    found = find_problem(*_host_and_port(options.listen[0]), prefixes(options)[0])
    print(f"atess-exporter: {found}" if found else "healthy", file=sys.stderr if found else sys.stdout)
    return 1 if found else 0


def find_problem(host: str | Path, port: int = 0, route_prefix: str = "") -> str | None:
    """Return what is wrong with the exporter that listens on `host` and `port`, or on a Unix socket, with or without TLS.

    None if it is healthy.
    """
    host = "127.0.0.1" if host in _ANY else host
    where = f"unix:{host}" if isinstance(host, Path) else f"port {port}"
    try:
        try:
            return _ask(_connect(host, port), route_prefix)
        except (http.client.BadStatusLine, ConnectionResetError):
            # this is how a TLS server answers a request in plain HTTP
            return _find_problem_by_tls(host, port, route_prefix)
    except (OSError, http.client.HTTPException) as error:
        return f"no answer from {where}: {error or type(error).__name__}"


def who_listens(address: Address, route_prefix: str) -> str:
    """Return what to do about another program that listens on `address`, by whether an exporter answers there."""
    another = "a free one" if isinstance(address, Path) else f"another port, such as :{address[1] % 65535 + 1}"
    if find_problem(*_host_and_port(address), route_prefix) is None:
        return f"an exporter that runs already answers there: stop that one, or give --web.listen-address {another}"
    return f"does another exporter run, or another program? Give --web.listen-address {another}"


def _host_and_port(address: Address) -> tuple[str | Path, int]:
    return (address, 0) if isinstance(address, Path) else address


def _connect(host: str | Path, port: int) -> socket.socket:
    if not isinstance(host, Path):
        return socket.create_connection((host, port), timeout=_TIMEOUT)
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    client.settimeout(_TIMEOUT)
    try:
        client.connect(str(host))
    except OSError:
        client.close()
        raise
    return client


def _find_problem_by_tls(host: str | Path, port: int, route_prefix: str) -> str | None:
    import ssl

    context = ssl.create_default_context()
    # the certificate names the host for others; this connection does not leave the machine
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    # one that requires a client's certificate hangs up in the handshake (TLS 1.2) or after it: alive, and that is all
    client = context.wrap_socket(_connect(host, port), do_handshake_on_connect=False)
    try:
        client.do_handshake()
    except (ssl.SSLError, ConnectionResetError):
        # a cipher is agreed on once the server has spoken
        known = client.cipher()
        client.close()
        if known is None:
            raise
        return None
    try:
        return _ask(client, route_prefix)
    except (ssl.SSLError, ConnectionResetError):
        return None


def _ask(client: socket.socket, route_prefix: str) -> str | None:
    connection = http.client.HTTPConnection("localhost")
    connection.sock = client
    try:
        connection.request("GET", f"{route_prefix}/-/healthy")
        answer = connection.getresponse()
        text = answer.read(1000).decode("utf-8", "replace").strip()
    finally:
        connection.close()
    if answer.status == http.client.TOO_MANY_REQUESTS:
        # by its rate limit: alive, and no more can be known
        return None
    return None if answer.status == http.client.OK else text or f"HTTP status {answer.status}"
