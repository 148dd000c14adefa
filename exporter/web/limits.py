"""What a client of the web side may take: time, connections and memory."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds, bytes and counts. The defaults are the ones in force; tests use shorter ones."""

    #: Open connections. A few Prometheus servers, probes and browsers need some ten; with the cloud's connections and the
    #: files this stays well under the 1,024 descriptors that a process has by default.
    connections: int = 512

    #: TLS handshakes under way, each of which takes 60 kB. Done in two round trips, so this is some hundred new clients a second.
    handshakes: int = 100

    #: For a TLS handshake. It takes two round trips, so this is patient with any network that can carry a scrape.
    handshake: float = 10.0

    #: For a request's line and headers, from the first byte (or the connection) to the last; less than one packet is due.
    head: float = 10.0

    #: For a client to take some 16 KiB of an answer. Slower than that, no page arrives within any scrape's timeout.
    stall: float = 10.0

    #: For a whole answer, to the last byte. Prometheus waits 10 s by default, and rarely does anybody let it wait a minute.
    answer: float = 60.0

    #: Between two requests on a connection: somewhat over the usual interval of a minute, so that not every scrape has to pay
    #: for a TLS handshake.
    idle: float = 75.0

    #: For a client to take note that its request was refused, before the connection is closed whatever it still sends.
    linger: float = 2.0

    #: Of a request's line and headers. Browsers and proxies send 1 to 4 KiB; more than 8 are cookies gone astray.
    head_size: int = 16 * 1024

    #: Of a path with its query; the longest of ours are device pages with a filter.
    target_size: int = 4 * 1024

    #: Of all that answers hold which clients have not taken yet: pages once, however many read the same, and for each reader
    #: what is on its way to it. Beyond that the slowest are dropped.
    held_size: int = 8 * 1024 * 1024

    #: Pages that may be held whatever their size: a fleet's page may be larger than `held_size`, and two Prometheus servers
    #: may fetch it at a time.
    held_least: int = 2

    #: Checks of passwords that wait for their turn, in all and from one address. bcrypt takes 0.05 to 0.5 s each on purpose.
    checks: int = 16
    checks_of_peer: int = 4


LIMITS = Limits()
