"""The `healthcheck` subcommand: is the exporter on this machine healthy? For containers without a shell."""

import http.client
import sys
from argparse import Namespace
from typing import Final

#: Seconds; an exporter that takes longer to answer is not healthy.
_TIMEOUT: Final = 5.0

#: Every address of the machine: of both families, or of IPv4 alone.
_ANY: Final = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - compared, not bound


def run(options: Namespace) -> int:
    """Print whether the exporter that listens on the address `options.listen` is healthy. Return 1 if it is not."""
    found = find_problem(*options.listen)
    print(f"atess-exporter: {found}" if found else "healthy", file=sys.stderr if found else sys.stdout)
    return 1 if found else 0


def find_problem(host: str, port: int) -> str | None:
    """Return what is wrong with the exporter that listens on `host` and `port`, with or without TLS; None if it is healthy."""
    host = "127.0.0.1" if host in _ANY else host
    try:
        try:
            return _ask(http.client.HTTPConnection(host, port, timeout=_TIMEOUT))
        except (http.client.BadStatusLine, ConnectionResetError):
            # this is how a TLS server answers a request in plain HTTP
            return _ask_by_tls(host, port)
    except (OSError, http.client.HTTPException) as error:
        return f"no answer from port {port}: {error or type(error).__name__}"


def _ask_by_tls(host: str, port: int) -> str | None:
    import ssl

    context = ssl.create_default_context()
    # the certificate names the host for others; this connection does not leave the machine
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    connection = http.client.HTTPSConnection(host, port, timeout=_TIMEOUT, context=context)
    connection.connect()
    try:
        return _ask(connection)
    except (ssl.SSLError, ConnectionResetError):
        # It hung up after the handshake because it requires a client certificate: alive, and no more can be known without one.
        return None


def _ask(connection: http.client.HTTPConnection) -> str | None:
    try:
        connection.request("GET", "/-/healthy")
        answer = connection.getresponse()
        text = answer.read(1000).decode("utf-8", "replace").strip()
    finally:
        connection.close()
    return None if answer.status == http.client.OK else text or f"HTTP status {answer.status}"
