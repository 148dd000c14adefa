"""The Starlette application: metrics, landing page, health, reload."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from jinja2 import Environment, PackageLoader
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from exporter.series import Page
from exporter.web.compression import Latest, in_chunks
from exporter.web.negotiation import OPENMETRICS, TEXT, accepts_gzip, wants_openmetrics
from exporter.web.streamed import Streamed


class Exposition(Protocol):
    """Gives what the page of metrics has of the devices, and what stands behind that: the exporter's own."""

    def __call__(self, *, openmetrics: bool) -> tuple[Page, bytes]: ...


@dataclass(frozen=True, slots=True)
class Site:
    """What the pages show. The functions may be called from any thread.

    `problems` says what is wrong with this process (empty: healthy); `reload` loads the config again and returns what is wrong
    with it, None if nothing; `simulated`: the data are not from real devices.
    """

    version: str
    telemetry_path: str
    exposition: Exposition
    problems: Callable[[], list[str]]
    ready: Callable[[], bool]
    reload: Callable[[], str | None]
    simulated: bool = False


def create_app(site: Site) -> Starlette:
    """The application that serves `site`."""
    templates = Environment(loader=PackageLoader("exporter.web"), autoescape=True)
    landing = templates.get_template("landing.html").render(site=site)

    latest = Latest()

    # Plain functions: Starlette runs them in a thread, so a large page does not hold up the health checks.
    def metrics(request: Request) -> Response:
        openmetrics = wants_openmetrics(request.headers.get("accept", ""))
        page, rest = site.exposition(openmetrics=openmetrics)
        headers = {"Content-Type": OPENMETRICS if openmetrics else TEXT, "Vary": "Accept, Accept-Encoding"}
        if accepts_gzip(request.headers.get("accept-encoding", "")):
            headers["Content-Encoding"] = "gzip"
            packed = latest.of(page).close(rest)
            return Streamed(packed, sum(map(len, packed)), headers)
        return Streamed(in_chunks([*page.pieces, rest]), page.length + len(rest), headers)

    async def index(request: Request) -> Response:
        return HTMLResponse(landing)

    async def healthy(request: Request) -> Response:
        problems = site.problems()
        if problems:
            return PlainTextResponse("; ".join(problems) + "\n", 503)
        return PlainTextResponse("healthy\n")

    async def ready(request: Request) -> Response:
        return PlainTextResponse("ready\n") if site.ready() else PlainTextResponse("starting\n", 503)

    def reload(request: Request) -> Response:
        problem = site.reload()
        if problem is not None:
            return PlainTextResponse(f"the config was not reloaded, the old one stays in force:\n{problem}\n", 500)
        return PlainTextResponse("reloaded\n")

    app = Starlette(
        routes=[
            Route(site.telemetry_path, metrics),
            Route("/", index),
            Route("/-/healthy", healthy),
            Route("/-/ready", ready),
            Route("/-/reload", reload, methods=["POST"]),
        ]
    )
    # one address for one page
    app.router.redirect_slashes = False
    return app
