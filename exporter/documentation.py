"""The documentation site, for links into it."""

from typing import Final

#: Where it is. pyproject.toml and mkdocs.yml name the same address; tests hold them equal.
SITE: Final = "https://atess-exporter.github.io/atess-exporter/"


def field_url(field: str, device_type: str | None = None) -> str:
    """Return the address of what the reference says about a field of a type; of all types if None."""
    page = f"{device_type}/" if device_type else ""
    return f"{SITE}reference/fields/{page}#{field_anchor(field)}"


def field_anchor(field: str) -> str:
    """Return the anchor of a field. It is in lower case, so fields that differ in nothing else share one."""
    return field.lower()
