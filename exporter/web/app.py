"""The Starlette application: metrics, pages, health and reload."""

import asyncio
from collections.abc import Collection
from functools import partial

from starlette.applications import Starlette
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from exporter.metrics.exposition import EVERYTHING, Selection
from exporter.web.body import Streamed, gzip
from exporter.web.negotiation import OPENMETRICS, TEXT, accepts_gzip, wants_openmetrics
from exporter.web.pages import Pages
from exporter.web.shared_call import SharedCall
from exporter.web.site import Site


def create_app(site: Site) -> Starlette:
    """Return the application that serves `site`."""
    pages = Pages(site)
    reloads = SharedCall(site.reload)
    # clients that scrape at once share a packed copy: each costs most of a scrape's CPU, and memory until it is sent
    packed = {openmetrics: SharedCall(partial(_pack, site, EVERYTHING, openmetrics)) for openmetrics in (False, True)}

    async def metrics(request: Request) -> Response:
        try:
            selection = _selection(request.query_params, site.overview.types)
        except ValueError as error:
            return PlainTextResponse(f"{error}\n", 400)
        openmetrics = wants_openmetrics(request.headers.get("accept", ""))
        headers = {"Content-Type": OPENMETRICS if openmetrics else TEXT, "Vary": "Accept, Accept-Encoding"}
        if accepts_gzip(request.headers.get("accept-encoding", "")):
            whole = selection == EVERYTHING
            body = await (packed[openmetrics].get() if whole else asyncio.to_thread(_pack, site, selection, openmetrics))
            return Response(body, headers={**headers, "Content-Encoding": "gzip"})
        # in a thread, so that a large exposition does not delay the health checks
        page, rest = await asyncio.to_thread(site.exposition, selection, openmetrics=openmetrics)
        return Streamed(page, rest, headers)

    async def healthy(request: Request) -> Response:
        problems = site.problems()
        if problems:
            # with users configured, details are not for everybody
            trusted = getattr(request.state, "trusted", True)
            return PlainTextResponse(f"{'; '.join(problems) if trusted else 'unhealthy'}\n", 503)
        return PlainTextResponse("healthy\n")

    async def ready(request: Request) -> Response:
        return PlainTextResponse("ready\n") if site.ready() else PlainTextResponse("starting\n", 503)

    async def reload(request: Request) -> Response:
        problem = await reloads.get()
        if problem is not None:
            return PlainTextResponse(f"config reload failed, keeping the previous config:\n{problem}\n", 500)
        return PlainTextResponse("reloaded\n")

    def not_found(request: Request, error: Exception) -> Response:
        return pages.error(request, 404, "There is no such page.")

    async def to_landing(request: Request) -> Response:
        return RedirectResponse(f"{site.link_prefix}/", 302)

    prefix = site.route_prefix
    app = Starlette(
        routes=[
            Route(prefix + site.telemetry_path, metrics),
            *pages.routes,
            Route(f"{prefix}/-/healthy", healthy),
            Route(f"{prefix}/-/ready", ready),
            Route(f"{prefix}/-/reload", reload, methods=["POST"]),
            *(Route(path, to_landing) for path in ("/", prefix) if prefix),
        ],
        exception_handlers={404: not_found},
    )
    # one URL for one page
    app.router.redirect_slashes = False
    return app


def _pack(site: Site, selection: Selection, openmetrics: bool) -> bytes:
    page, rest = site.exposition(selection, openmetrics=openmetrics)
    return gzip(page.pieces, rest)


def _selection(query: QueryParams, known: Collection[str]) -> Selection:
    """Return what the parameters `name[]` and `type` select; each may be repeated. Raises ValueError for an unknown type."""
    names = frozenset(filter(None, query.getlist("name[]")))
    types = frozenset(query.getlist("type"))
    if unknown := types - {"", *known}:
        expected = f"expected one of {', '.join(sorted(known))}, or nothing for what has no type"
        raise ValueError(f"type: {expected}, got {min(unknown)[:100]!r}")
    return Selection(names or None, types or None)
