"""Placeholders and quotes that another program would have replaced or removed, in text that is used as it is."""

import re
from typing import Final

#: What shells, Compose, systemd, Windows and templates expand; a plain `$NAME` or `%NAME%` only where a word begins and ends.
_PLACEHOLDER: Final = re.compile(
    r"\$\{|\$\(|\{\{|\}\}|(?<![^\s/:@=])(?:\$+[A-Za-z_]|%[A-Za-z_][A-Za-z0-9_]*%(?![^\s/:@]))",
    re.ASCII,
)

_QUOTES: Final = "\"'`"


def has_placeholder(text: str) -> bool:
    """Return whether `text` has a placeholder such as `${NAME}`, which nothing expands here."""
    return _PLACEHOLDER.search(text) is not None


def has_quote(text: str) -> bool:
    """Return whether a word of `text` begins with a quote, or has an odd number of one kind."""
    return any(word[0] in _QUOTES or any(word.count(quote) % 2 for quote in _QUOTES) for word in text.split())
