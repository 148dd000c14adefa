"""`python -m tests.helpers.changing_metrics`: a server whose metrics are other ones at every scrape, 2 MB of them.

As a fleet's are when all its readings have come anew. It says its address and serves until it is ended.
"""

import os
import threading

from exporter.metrics.exposition import Selection, Snapshot
from exporter.process.malloc import limit_malloc
from exporter.web import Server, Site, create_app
from tests.helpers.web_parts import Parts


def main() -> None:
    """Serve until the process is ended."""
    limit_malloc()

    def exposition(selection: Selection, *, openmetrics: bool) -> tuple[Snapshot, bytes]:
        # what packs badly, in pieces as large as the blocks of a fleet's lines
        pieces = [f'atess_ppv{{n="{os.urandom(110).hex()}"}} 1\n'.encode() for _ in range(8500)]
        return Snapshot(pieces), b"own 1\n" * 10_000

    server = Server("127.0.0.1", 0)
    server.start(create_app(Site("0", "/metrics", exposition, Parts(), list, lambda: True, lambda: None)))
    print(f"address={server.url}", flush=True)  # noqa: T201
    threading.Event().wait()


if __name__ == "__main__":
    main()
