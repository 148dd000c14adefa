"""The limits for clients of the web side: time, connections, memory and the rate of requests."""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds, bytes and counts. The defaults are the ones in force; tests use shorter ones."""

    #: Open connections. A few Prometheus servers, probes and browsers need some ten. With the connections to the cloud and the
    #: open files this stays well under the 1,024 descriptors that a process has by default.
    connections: int = 512

    #: TLS handshakes under way, 60 kB each. One takes two round trips, so this allows some hundred new clients a second.
    handshakes: int = 100

    #: For a TLS handshake: enough for two round trips in any network that can carry a scrape.
    handshake: float = 10.0

    #: For a request's line and headers, from the first byte (or the connection) to the last; they fit one packet.
    head: float = 10.0

    #: For a client to take some 16 KiB of an answer. A slower one would get no exposition within any scrape timeout.
    stall: float = 10.0

    #: For a whole answer, to the last byte. Prometheus' scrape timeout is 10 s by default, and rarely set to a minute.
    answer: float = 60.0

    #: Between two requests on a connection: somewhat over the usual scrape interval of a minute, so that not every scrape needs a
    #: TLS handshake.
    idle: float = 75.0

    #: For a client to read that its request was refused; then the connection is closed, whatever it still sends.
    linger: float = 2.0

    #: Of a request's line and headers. Browsers and proxies send 1 to 4 KiB.
    head_size: int = 16 * 1024

    #: Of a path with its query; the longest is the table of devices with a filter.
    target_size: int = 4 * 1024

    #: Of all answers that clients have not taken yet: a body counts once, however many read it, and for each reader what is
    #: being sent to it. Beyond that the slowest are evicted.
    pending_size: int = 8 * 1024 * 1024

    #: Bodies that may be pending whatever their size: a fleet's exposition may be larger than `pending_size`, and two Prometheus
    #: servers may scrape it at a time.
    pending_least: int = 2

    #: Password checks that wait for their turn, in all and from one address. bcrypt takes 0.05 to 0.5 s each, by design.
    checks: int = 16
    checks_of_peer: int = 4


LIMITS = Limits()


class TokenBucket:
    """A rate limit as Go has it (golang.org/x/time/rate): `burst` tokens, and another every `interval` seconds."""

    def __init__(self, interval: float, burst: int, now: Callable[[], float] = time.monotonic) -> None:
        self._interval = interval
        self._burst = burst
        self._now = now
        self._tokens = float(burst)
        self._since = now()

    def take(self) -> bool:
        """Take a token. Return False if there is none."""
        now = self._now()
        self._tokens = min(self._burst, self._tokens + (now - self._since) / self._interval)
        self._since = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
