"""What a client accepts: the exposition's format and its compression."""

from collections.abc import Iterator
from typing import Final

TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"


def wants_openmetrics(accept: str) -> bool:
    """True if the Accept header rates OpenMetrics 1.0 (or any version) above the text format; the text format wins a tie."""
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
    """True if the Accept header rates JSON above HTML; HTML wins a tie."""
    qualities = {media: quality for media, _, quality in _entries(accept)}
    return qualities.get("application/json", 0.0) > qualities.get("text/html", 0.0)


def accepts_gzip(accept_encoding: str) -> bool:
    """True if the Accept-Encoding header allows gzip."""
    qualities = {coding: quality for coding, _, quality in _entries(accept_encoding)}
    return qualities.get("gzip", qualities.get("x-gzip", qualities.get("*", 0.0))) > 0


def _entries(header: str) -> Iterator[tuple[str, dict[str, str], float]]:
    """The entries of an Accept header: name, parameters, and quality from 0 to 1 (RFC 9110 12.4.2; nonsense counts as 0)."""
    for entry in header.split(","):
        name, *rest = (part.strip() for part in entry.split(";"))
        parameters = {key.strip().lower(): value.strip().strip('"') for key, _, value in (part.partition("=") for part in rest)}
        try:
            quality = float(parameters.pop("q", "1"))
        except ValueError:
            quality = 0.0
        yield name.lower(), parameters, quality if 0 <= quality <= 1 else 0.0
