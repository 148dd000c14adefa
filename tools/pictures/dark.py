"""The dark pictures of the documentation's site. As plain Markdown, on a forge, a page has the light ones alone."""

import re
from typing import Any, Final

_LIGHT: Final = re.compile(r"!\[([^\]]*)\]\(([^)\s]*)-light\.png\)")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Add the dark picture to each light one, as mkdocs-material tells them apart: a hook of mkdocs.yml."""
    return _LIGHT.sub(r"![\1](\2-light.png#only-light)\n![\1](\2-dark.png#only-dark)", markdown)
