"""Text that is used as it stands, but was written for a program that would have put something else in its place."""

import re
from typing import Final

#: What shells, Compose, systemd, Windows and templates put values in for; a name only where one can begin and end.
_VARIABLE: Final = re.compile(
    r"\$\{|\$\(|\{\{|\}\}|(?<![^\s/:@=])(?:\$+[A-Za-z_]|%[A-Za-z_][A-Za-z0-9_]*%(?![^\s/:@]))",
    re.ASCII,
)

_QUOTES: Final = "\"'`"


def unexpanded(text: str) -> bool:
    """Return whether a variable stands in `text` by its name, such as `${NAME}`: nothing puts its value there."""
    return _VARIABLE.search(text) is not None


def quoted(text: str) -> bool:
    """Return whether a word of `text` begins with a quote, or has one without its other half."""
    return any(word[0] in _QUOTES or any(word.count(quote) % 2 for quote in _QUOTES) for word in text.split())
