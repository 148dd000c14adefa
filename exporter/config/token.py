"""The API token: where it is read from, and how it is kept secret."""

from pathlib import Path
from typing import Final

from exporter.config.placeholders import has_placeholder, has_quote

#: The environment variable that overrides the config.
TOKEN_VARIABLE: Final = "ATESS_API_TOKEN"  # noqa: S105 - the variable's name

#: Characters. Anything shorter is not a secret, and hiding it would garble words that contain it.
_SHORTEST_SECRET: Final = 4


class TokenError(ValueError):
    """The token cannot be read or cannot be sent. The message has no part of the token."""


class Token:
    """The account's secret, sent verbatim as the `Authorization` header.

    Give either `value`, with the `source` to name in errors and the `origin` to name elsewhere, or the `path` of a file.
    White space around it is removed.
    Raises TokenError for an unreadable file, for text that an HTTP header cannot carry, and for a placeholder or quotes.
    """

    def __init__(
        self, *, value: str | None = None, path: Path | None = None, source: str = "the token", origin: str | None = None
    ) -> None:
        if (value is None) == (path is None):
            raise TypeError("either a value or a path")
        self._path = path
        #: The file, key or variable that it came from.
        self.origin = str(path) if path is not None else origin or source
        self._value = self._read(path) if path is not None else _checked(value or "", source)

    def reveal(self) -> str:
        """Return the secret itself, for the one header that needs it."""
        return self._value

    def hide_in(self, text: str) -> str:
        """Return `text` with the secret redacted, with or without its scheme (the scheme alone is not secret)."""
        for part in (self._value, self._value.rpartition(" ")[2]):
            if len(part) >= _SHORTEST_SECRET:
                text = text.replace(part, "<redacted>")
        return text

    def reread(self) -> bool:
        """Read the file again. Return whether the token changed; one given as text never does."""
        if self._path is None:
            return False
        fresh = self._read(self._path)
        changed = fresh != self._value
        self._value = fresh
        return changed

    def __repr__(self) -> str:
        return f"Token({self._path or 'given as text'})"

    @staticmethod
    def _read(path: Path) -> str:
        try:
            text = path.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError:
            raise TokenError(f"{path} is not text in UTF-8") from None
        except (OSError, ValueError) as error:
            # a path with a NUL raises ValueError
            raise TokenError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from None
        return _checked(text, str(path))


def _checked(text: str, source: str) -> str:
    token = text.strip()
    if not token:
        raise TokenError(f"{source} is empty")
    if not token.isascii() or not token.isprintable():
        raise TokenError(f"{source} has characters that an HTTP header cannot carry (one line of printable ASCII expected)")
    if token.startswith(f"{TOKEN_VARIABLE}="):
        raise TokenError(f"{source} begins with {TOKEN_VARIABLE}=; expected the token alone")
    if has_quote(token):
        raise TokenError(f"{source} has quotes, which would be sent with it; expected the token without them")
    if has_placeholder(token):
        raise TokenError(f"{source} holds a variable, which is not expanded here; expected the token itself")
    return token
