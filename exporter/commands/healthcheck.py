"""The `healthcheck` subcommand: ask the exporter that runs on this machine how it is; for containers without a shell."""

import http.client
from typing import Final

#: Seconds; what does not answer for so long is not well.
_TIMEOUT: Final = 5.0

#: Every address of the machine: of both kinds, or of IPv4 alone where IPv6 is switched off.
_ANY: Final = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - compared, not bound


def problem(host: str, port: int) -> str | None:
    """What is wrong with the exporter that listens on `host` and `port`, with or without TLS; None if it is healthy."""
    host = "127.0.0.1" if host in _ANY else host
    try:
        return _ask(http.client.HTTPConnection(host, port, timeout=_TIMEOUT))
    except (http.client.BadStatusLine, ConnectionResetError):
        # so does a listener for TLS take a request without it
        return _problem_by_tls(host, port)
    except (OSError, http.client.HTTPException) as error:
        return _no_answer(port, error)


def _problem_by_tls(host: str, port: int) -> str | None:
    import ssl

    context = ssl.create_default_context()
    # it is this machine that answers, by whatever name its certificate has
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    connection = http.client.HTTPSConnection(host, port, timeout=_TIMEOUT, context=context)
    try:
        connection.connect()
    except OSError as error:
        return _no_answer(port, error)
    try:
        return _ask(connection)
    except (ssl.SSLError, ConnectionResetError):
        # Hung up after the handshake: it wants a client's certificate. We have none; all that can be known is that it answers.
        return None
    except (OSError, http.client.HTTPException) as error:
        return _no_answer(port, error)


def _ask(connection: http.client.HTTPConnection) -> str | None:
    try:
        connection.request("GET", "/-/healthy")
        answer = connection.getresponse()
        text = answer.read(1000).decode("utf-8", "replace").strip()
    finally:
        connection.close()
    return None if answer.status == http.client.OK else text or f"HTTP status {answer.status}"


def _no_answer(port: int, error: Exception) -> str:
    return f"no answer from port {port}: {error or type(error).__name__}"
