"""The `healthcheck` subcommand: ask the exporter that runs on this machine how it is; for containers without a shell."""

import http.client
from typing import Final

#: Seconds; what does not answer for so long is not well.
_TIMEOUT: Final = 5.0

_ANY: Final = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound


def problem(host: str, port: int) -> str | None:
    """What is wrong with the exporter that listens on `host` and `port`; None if it is healthy."""
    connection = http.client.HTTPConnection(_ANY.get(host, host), port, timeout=_TIMEOUT)
    try:
        connection.request("GET", "/-/healthy")
        answer = connection.getresponse()
        text = answer.read(1000).decode("utf-8", "replace").strip()
    except (OSError, http.client.HTTPException) as error:
        return f"no answer from port {port}: {error or type(error).__name__}"
    finally:
        connection.close()
    return None if answer.status == http.client.OK else text or f"HTTP status {answer.status}"
