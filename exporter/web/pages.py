"""The pages that people read, and the same facts as JSON."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from hashlib import sha256
from importlib import resources
from typing import Final
from urllib.parse import unquote_to_bytes

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from exporter.catalogue.types import BATTERY_FIELD, CHARGE_FIELD, GROUPS, MARKS, MODE_FIELD, field_documentation
from exporter.config.sharding import owner
from exporter.documentation import SITE
from exporter.polling.discovery import KEEP_GONE
from exporter.polling.status import DeviceState, count_states
from exporter.web import formatting
from exporter.web.body import gzip
from exporter.web.field_search import FieldSearch
from exporter.web.json_views import device_document, encode, fleet_document
from exporter.web.negotiation import accepts_gzip, prefers_json
from exporter.web.site import Site
from exporter.web.table import ANY_FAULT, COLUMNS, Query, QueryError, Table, running_word

HTML: Final = "text/html; charset=utf-8"
JSON: Final = "application/json"

#: Seconds between two updates of an open page.
REFRESH: Final = 5

#: Pages rendered at once: however many people look at them, scrapes and polls come first.
_AT_ONCE: Final = 2

#: Bytes from which an answer is worth compressing.
_WORTH_GZIP: Final = 1000

_ASSETS: Final = {
    "style.css": "text/css; charset=utf-8",
    "refresh.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


class _Anything(StringConvertor):
    """The rest of a path, newlines included, at which Starlette's own `path` stops."""

    regex = r"(?s:.+)"


register_url_convertor("anything", _Anything())


class Pages:
    """The pages of a site."""

    def __init__(self, site: Site) -> None:
        self._overview = site.overview
        self._prefix = site.route_prefix
        self._simulated = site.simulated
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._assets = dict(_read_assets())
        self._templates = Environment(
            loader=PackageLoader("exporter.web"),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=StrictUndefined,
        )
        self._templates.filters |= {
            "number": formatting.number,
            "short": formatting.short,
            "span": formatting.span,
            "ago": formatting.ago,
            "utc": formatting.utc,
            "iso": formatting.iso,
        }
        self._templates.globals |= {
            "asset": lambda name: f"{site.link_prefix}/-/assets/{name}?{self._assets[name][0]}",
            "columns": COLUMNS,
            "any_fault": ANY_FAULT,
            "device_url": formatting.device_url,
            "documentation": SITE,
            "field_documentation": field_documentation,
            "fields_of": {"mode": MODE_FIELD, "battery": BATTERY_FIELD, "charge": CHARGE_FIELD},
            "groups": GROUPS,
            "keep_gone": KEEP_GONE,
            "link": lambda path: f"{site.link_prefix}{path}",
            "marks": MARKS,
            "refresh": REFRESH,
            "running_word": running_word,
            "simulated": site.simulated,
            "states": list(DeviceState),
            "telemetry_path": site.telemetry_path,
            "version": site.version,
            "web_config_in_force": site.web_config_in_force,
        }

    @property
    def routes(self) -> list[Route]:
        """Return the routes of all pages."""
        pages: dict[str, Callable[[Request], Response]] = {
            "/": self._landing,
            "/devices": self._devices,
            "/devices.json": self._devices_json,
            "/devices/{type}/{sn:anything}": self._device,
            "/-/assets/{name}": self._asset,
        }
        return [Route(self._prefix + path, self._limited(page)) for path, page in pages.items()]

    def _limited(self, page: Callable[[Request], Response]) -> Callable[[Request], Awaitable[Response]]:
        """Return an endpoint that renders `page` in a thread, off the event loop, in at most _AT_ONCE threads."""

        async def endpoint(request: Request) -> Response:
            async with self._slots:
                return await asyncio.to_thread(page, request)

        return endpoint

    def error(self, request: Request, status: int, message: str) -> Response:
        """Return the error page, or the error as JSON to a client that prefers it."""
        if request.scope["path"].endswith(".json") or prefers_json(request.headers.get("accept", "")):
            return _answer(request, encode({"error": message}), JSON, status)
        return self._page(request, "error.html", status, message=message)

    def _landing(self, request: Request) -> Response:
        return self._page(request, "landing.html", counts=count_states(self._overview.devices()))

    def _devices(self, request: Request) -> Response:
        try:
            query = Query.parse(request.query_params)
        except QueryError as error:
            return self.error(request, 400, str(error))
        return self._page(request, "devices.html", table=Table.of(self._overview.devices(), query))

    def _devices_json(self, request: Request) -> Response:
        try:
            query = Query.parse(request.query_params)
        except QueryError as error:
            return self.error(request, 400, str(error))
        devices = self._overview.devices()
        return self._document(request, fleet_document(devices, query.matching(devices), self._overview.zone_fit))

    def _device(self, request: Request) -> Response:
        """Return a device's page, or its JSON if `.json` follows the deviceSn or the client prefers it.

        A deviceSn that itself ends in `.json` is looked up as it is first.
        """
        sn = _device_sn(request.scope["raw_path"], self._prefix)
        device_type = request.path_params["type"]
        as_json = prefers_json(request.headers.get("accept", ""))
        device = self._overview.device(device_type, sn) if sn is not None else None
        if device is None and sn is not None and sn.endswith(".json"):
            as_json = True
            device = self._overview.device(device_type, sn.removesuffix(".json"))
        if device is None:
            return self.error(request, 404, self._no_such_device(device_type, (sn or "").removesuffix(".json")))
        if as_json:
            return self._document(request, device_document(device))
        found = FieldSearch.of(device, request.query_params.get("q", ""))
        return self._page(request, "device.html", device=device, found=found)

    def _no_such_device(self, device_type: str, sn: str) -> str:
        shard = self._overview.shard
        if shard.owns(device_type, sn):
            return "There is no such device."
        own, other = f"shard {shard.index} of {shard.total}", owner(device_type, sn, shard.total)
        return f"There is no such device here: this is {own}, and a device of that name is polled by shard {other}."

    def _asset(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in self._assets:
            return self.error(request, 404, "There is no such page.")
        digest, body = self._assets[name]
        # the hash is in the URL, so the content of that URL never changes
        current = request.scope["query_string"].decode("latin-1") == digest
        cached = {"Cache-Control": "public, max-age=31536000, immutable"} if current else {}
        return Response(body, media_type=_ASSETS[name], headers=cached)

    def _page(self, request: Request, template: str, status: int = 200, **values: object) -> Response:
        path = request.scope["path"].removeprefix(self._prefix)
        values |= {"path": path, "now": self._overview.now, "fit": self._overview.zone_fit, **self._suspension()}
        text = self._templates.get_template(template).render(values)
        return _answer(request, text.encode("utf-8", "backslashreplace"), HTML, status)

    def _document(self, request: Request, facts: Mapping[str, object]) -> Response:
        head = {"simulated": self._simulated, "timestamp_seconds": self._overview.now, **self._suspension()}
        return _answer(request, encode({**head, **facts}), JSON)

    def _suspension(self) -> dict[str, str | None]:
        return {"suspended": self._overview.suspended, "suspension_remedy": self._overview.suspension_remedy}


def _answer(request: Request, body: bytes, content_type: str, status: int = 200) -> Response:
    headers = {"Content-Type": content_type, "Cache-Control": "no-store", "Vary": "Accept, Accept-Encoding"}
    if len(body) >= _WORTH_GZIP and accepts_gzip(request.headers.get("accept-encoding", "")):
        body = gzip([body])
        headers["Content-Encoding"] = "gzip"
    return Response(body, status, headers=headers)


def _device_sn(raw_path: bytes, prefix: str) -> str | None:
    """Return the deviceSn in a device's path, None if malformed. Starlette's decoded path would lose lone surrogates."""
    parts = raw_path.split(b"/", 3 + prefix.count("/"))
    try:
        return unquote_to_bytes(parts[3 + prefix.count("/")]).decode("utf-8", "surrogatepass")
    except (IndexError, UnicodeDecodeError):
        return None


def _read_assets() -> Iterator[tuple[str, tuple[str, bytes]]]:
    for name in _ASSETS:
        body = (resources.files("exporter.web") / "assets" / name).read_bytes()
        yield name, (sha256(body).hexdigest()[:12], body)
