"""Scraping as Prometheus does: one kept connection, gzip, now the text format and now OpenMetrics."""

import http.client
import os
import time
import zlib
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Final
from urllib.parse import urlsplit

from prometheus_client.openmetrics.parser import text_string_to_metric_families

_ACCEPT: Final = {
    False: "text/plain;version=0.0.4",
    True: "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5",
}
_TYPE: Final = {False: "text/plain; version=0.0.4", True: "application/openmetrics-text; version=1.0.0"}


@dataclass(frozen=True, slots=True)
class Scrape:
    """A page that was asked for at `began` and whose answer began at `answered`, both monotonic."""

    began: float
    answered: float
    openmetrics: bool
    body: bytes


class ScrapeError(Exception):
    """The exporter did not answer as it should."""


class Scraper:
    """One connection to the exporter, made again when it broke; `connections` says how often."""

    def __init__(self, url: str) -> None:
        self._address = urlsplit(url).netloc
        self._connection: http.client.HTTPConnection | None = None
        self.connections = 0

    def scrape(self, *, openmetrics: bool) -> Scrape:
        """Fetch /metrics."""
        began, answered, response, body = self._get("/metrics", {"Accept": _ACCEPT[openmetrics], "Accept-Encoding": "gzip"})
        if response.status != 200 or response.headers["Content-Encoding"] != "gzip":
            raise ScrapeError(f"status {response.status}, encoding {response.headers['Content-Encoding']}")
        if not response.headers["Content-Type"].startswith(_TYPE[openmetrics]):
            raise ScrapeError(f"type {response.headers['Content-Type']}")
        try:
            return Scrape(began, answered, openmetrics, zlib.decompress(body, wbits=31))
        except zlib.error as error:
            raise ScrapeError(f"broken gzip: {error}") from None

    def illness(self) -> str | None:
        """Return what /-/healthy reports as wrong, or None if it answers 200."""
        _, _, response, body = self._get("/-/healthy", {})
        return None if response.status == 200 else f"status {response.status}: {body[:200].decode(errors='replace').strip()}"

    def close(self) -> None:
        """Give the connection up."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _get(self, path: str, headers: dict[str, str]) -> tuple[float, float, http.client.HTTPResponse, bytes]:
        if self._connection is None or self._connection.sock is None:
            self._connection = http.client.HTTPConnection(self._address, timeout=10)
            self._connection.connect()
            self.connections += 1
        began = time.monotonic()
        try:
            self._connection.request("GET", path, headers=headers)
            response = self._connection.getresponse()
            answered = time.monotonic()
            return began, answered, response, response.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise ScrapeError(f"{type(error).__name__}: {error}") from None


class SecondOpinion:
    """prometheus_client's own parser on a page now and then, in a process of its own: it takes seconds for a page.

    Here it would hold up the simulated cloud, which runs in this process.
    """

    def __init__(self) -> None:
        self._pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=os.nice, initargs=(10,))
        self._asked: Future[int] | None = None
        self._expected = 0
        self.pages = 0
        self.problems: list[str] = []

    def ask(self, page: bytes, samples: int) -> None:
        """Parse an exposition that should have so many samples, unless the last one is still being parsed."""
        if self._asked is not None and not self._asked.done():
            return
        self._conclude()
        self._expected = samples
        self._asked = self._pool.submit(count_samples, page)

    def close(self) -> None:
        """Wait for what is under way."""
        self._conclude()
        self._pool.shutdown()

    def _conclude(self) -> None:
        if self._asked is None:
            return
        self.pages += 1
        try:
            found = self._asked.result(120)
            if found != self._expected:
                self.problems.append(f"prometheus_client finds {found} samples where {self._expected} were read")
        except Exception as error:  # noqa: BLE001 - whatever the parser raises, it did not like the page
            self.problems.append(f"prometheus_client: {type(error).__name__}: {error}"[:300])
        self._asked = None


def count_samples(page: bytes) -> int:
    """Return the samples on an OpenMetrics page. Raises whatever the parser finds wrong with it."""
    families = text_string_to_metric_families(page.decode())
    return sum(len(family.samples) for family in families)
