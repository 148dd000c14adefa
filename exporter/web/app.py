"""The Starlette application: metrics, pages, health, reload."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from typing import Protocol

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from exporter.metrics.exposition import Snapshot
from exporter.web.compression import Latest, in_chunks
from exporter.web.middleware import BrowserHeadersMiddleware
from exporter.web.negotiation import OPENMETRICS, TEXT, accepts_gzip, wants_openmetrics
from exporter.web.overview import Overview
from exporter.web.pages import Pages
from exporter.web.shared_call import SharedCall
from exporter.web.streamed import Streamed


class ExpositionSource(Protocol):
    """Gives what the page of metrics has of the devices, and what stands behind that: the exporter's own."""

    def __call__(self, *, openmetrics: bool) -> tuple[Snapshot, bytes]: ...


@dataclass(frozen=True, slots=True)
class Site:
    """What the pages show. The functions may be called from any thread.

    `problems` says what is wrong with this process (empty: healthy); `reload` loads the config again and returns what is wrong
    with it, None if nothing; `simulated`: the data are not from real devices.
    """

    version: str
    telemetry_path: str
    exposition: ExpositionSource
    overview: Overview
    problems: Callable[[], list[str]]
    ready: Callable[[], bool]
    reload: Callable[[], str | None]
    simulated: bool = False


def create_app(site: Site) -> Starlette:
    """The application that serves `site`."""
    pages = Pages(site.version, site.telemetry_path, site.overview, simulated=site.simulated)

    latest = Latest()
    reloads = SharedCall(site.reload)

    # Plain functions: Starlette runs them in a thread, so a large page does not hold up the health checks.
    def metrics(request: Request) -> Response:
        openmetrics = wants_openmetrics(request.headers.get("accept", ""))
        page, rest = site.exposition(openmetrics=openmetrics)
        headers = {"Content-Type": OPENMETRICS if openmetrics else TEXT, "Vary": "Accept, Accept-Encoding"}
        if accepts_gzip(request.headers.get("accept-encoding", "")):
            headers["Content-Encoding"] = "gzip"
            packed, end = latest.of(page).close(rest)
            return Streamed((packed, end), len(packed) + len(end), headers, packed, len(end))
        return Streamed(chain(in_chunks(page.pieces), (rest,)), page.length + len(rest), headers, page, len(rest))

    async def healthy(request: Request) -> Response:
        problems = site.problems()
        if problems:
            # not for everybody, where there are users
            trusted = getattr(request.state, "trusted", True)
            return PlainTextResponse(f"{'; '.join(problems) if trusted else 'unhealthy'}\n", 503)
        return PlainTextResponse("healthy\n")

    async def ready(request: Request) -> Response:
        return PlainTextResponse("ready\n") if site.ready() else PlainTextResponse("starting\n", 503)

    async def reload(request: Request) -> Response:
        problem = await reloads.get()
        if problem is not None:
            return PlainTextResponse(f"the config was not reloaded, the old one stays in force:\n{problem}\n", 500)
        return PlainTextResponse("reloaded\n")

    def not_found(request: Request, error: Exception) -> Response:
        return pages.error(request, 404, "There is no such page.")

    app = Starlette(
        routes=[
            Route(site.telemetry_path, metrics),
            *pages.routes,
            Route("/-/healthy", healthy),
            Route("/-/ready", ready),
            Route("/-/reload", reload, methods=["POST"]),
        ],
        middleware=[Middleware(BrowserHeadersMiddleware)],
        exception_handlers={404: not_found},
    )
    # one address for one page
    app.router.redirect_slashes = False
    return app
