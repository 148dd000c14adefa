"""The API token: where it comes from, and how it stays out of sight."""

from pathlib import Path
from typing import Final

from exporter.config.verbatim import quoted, unexpanded

#: The environment variable that goes before what the config says.
TOKEN_VARIABLE: Final = "ATESS_API_TOKEN"  # noqa: S105 - the variable's name

#: Characters; what is shorter is no secret, and to hide it would spoil the words that it happens to stand in.
_SHORTEST_SECRET: Final = 4


class TokenError(ValueError):
    """The token cannot be read or cannot be sent; the message never holds any of it."""


class Token:
    """The account's secret, sent verbatim as the `Authorization` header.

    `value` is text, which came from `source`, or `path` names a file that holds it (white space around it is dropped).
    Raises TokenError for an unreadable file, for text that cannot stand in an HTTP header, and for what stands where a token was
    meant: a variable's name, or a token in quotes.
    """

    def __init__(self, *, value: str | None = None, path: Path | None = None, source: str = "the token") -> None:
        if (value is None) == (path is None):
            raise TypeError("either a value or a path")
        self._path = path
        self._value = self._read(path) if path is not None else _checked(value or "", source)

    def reveal(self) -> str:
        """The secret itself, for the one header that needs it."""
        return self._value

    def hidden_in(self, text: str) -> str:
        """`text` without the secret, also where it stands without the scheme in front: that word alone is no secret."""
        for part in (self._value, self._value.rpartition(" ")[2]):
            if len(part) >= _SHORTEST_SECRET:
                text = text.replace(part, "<redacted>")
        return text

    def reread(self) -> bool:
        """Read the file again; True if the token is another one now. A token given as text never changes."""
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
            # a name with a NUL in it is a ValueError
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
    if quoted(token):
        raise TokenError(f"{source} has quotes, which would be sent with it; expected the token without them")
    if unexpanded(token):
        raise TokenError(f"{source} holds a variable, whose value nothing puts in here; expected the token itself")
    return token
