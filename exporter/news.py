"""What the log was told already, so that a thing that goes on is told once at its level and then at debug."""

from collections.abc import Hashable


class News:
    """Remembers the last word about each thing. Safe to use from several threads."""

    def __init__(self) -> None:
        self._last: dict[Hashable, str] = {}

    def is_new(self, thing: Hashable, word: str) -> bool:
        """True unless `word` was the last about `thing`."""
        known = self._last.get(thing) == word
        self._last[thing] = word
        return not known

    def over(self, thing: Hashable) -> bool:
        """Forget `thing`, which is as it should be again. True if there was a word about it."""
        return self._last.pop(thing, None) is not None
