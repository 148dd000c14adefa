"""The floor: bytes that never change, behind the exporter's own server. `python -m benchmarks.servers.static FILE`.

They are packed once, for clients that accept gzip.
"""

import gzip
import sys
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from benchmarks.servers.protocol import serve
from exporter.web import Server


def main(file: Path) -> None:
    """Serve until standard input ends."""
    plain = file.read_bytes()
    packed = gzip.compress(plain, 1)

    def metrics(request: Request) -> Response:
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(packed, media_type="text/plain", headers={"Content-Encoding": "gzip"})
        return Response(plain, media_type="text/plain")

    server = Server("127.0.0.1", 0)
    server.start(Starlette(routes=[Route("/metrics", metrics)]))
    serve(server.url, change=lambda: None)
    server.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
