"""Content negotiation: the format and the compression that a client accepts."""

from collections.abc import Iterator
from typing import Final

TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"


def wants_openmetrics(accept: str) -> bool:
    """Return True if the Accept header rates OpenMetrics 1.0 (or any version) above the text format, which wins a tie."""
    openmetrics = text = 0.0
    anything = 0.0
    for media, parameters, quality in _entries(accept):
        if media == "application/openmetrics-text":
            if parameters.get("version", "1.0.0") == "1.0.0":
                openmetrics = max(openmetrics, quality)
        elif media in ("text/plain", "text/*"):
            text = max(text, quality)
        elif media == "*/*":
            anything = quality
    return openmetrics > max(text, anything)


def prefers_json(accept: str) -> bool:
    """Return True if the Accept header rates JSON above HTML, which wins a tie."""
    qualities = {media: quality for media, _, quality in _entries(accept)}
    return qualities.get("application/json", 0.0) > qualities.get("text/html", 0.0)


def accepts_gzip(accept_encoding: str) -> bool:
    """Return True if the Accept-Encoding header allows gzip."""
    qualities = {coding: quality for coding, _, quality in _entries(accept_encoding)}
    return qualities.get("gzip", qualities.get("x-gzip", qualities.get("*", 0.0))) > 0


def _entries(header: str) -> Iterator[tuple[str, dict[str, str], float]]:
    """Yield name, parameters and quality of an Accept header's entries. Quality is 0 to 1 (RFC 9110 12.4.2); 0 if invalid."""
    for entry in header.split(","):
        name, *rest = (part.strip() for part in entry.split(";"))
        parameters = {key.strip().lower(): value.strip().strip('"') for key, _, value in (part.partition("=") for part in rest)}
        try:
            quality = float(parameters.pop("q", "1"))
        except ValueError:
            quality = 0.0
        yield name.lower(), parameters, quality if 0 <= quality <= 1 else 0.0
