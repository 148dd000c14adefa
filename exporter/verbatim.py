"""Text that is used as it stands and that somebody wrote for a program that would have put something else in its place."""

import re
from typing import Final

#: What shells, Compose, systemd, Windows, Jinja and Helm put values in for.
_VARIABLE: Final = re.compile(r"\$\{|\$\(|(?:^|(?<=[\s/@=:]))\$+[A-Za-z_]|%[A-Za-z_][A-Za-z0-9_]*%|\{\{|\}\}", re.ASCII)

_QUOTES: Final = "\"'`"


def unexpanded(text: str) -> bool:
    """Return whether a variable stands in `text` by its name, as in `${NAME}`: nothing puts its value there."""
    return _VARIABLE.search(text) is not None


def quoted(text: str) -> bool:
    """Return whether `text`, or a word of it, is in quotes, or has one end of them."""
    return any(word[0] in _QUOTES or any(word.count(quote) % 2 for quote in _QUOTES) for word in text.split())
