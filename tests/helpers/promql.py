"""Which metrics and labels a PromQL expression names. Prometheus parses them all; this only tells what they speak of."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_TOKEN: Final = re.compile(
    r"""
    (?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    | (?P<duration>:?(?:\d+(?:ms|[smhdwy]))+)
    | (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
    | (?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)
    | (?P<sign>=~|!~|!=|<=|>=|==|[-+*/%^<>=(){}\[\],:@])
    | (?P<space>\s+)
    """,
    re.VERBOSE,
)
_WORDS: Final = frozenset({"and", "or", "unless", "bool", "offset", "inf", "nan", "start", "end", "atan2"})
_GROUPING: Final = frozenset({"by", "without", "on", "ignoring", "group_left", "group_right"})


@dataclass(frozen=True)
class Matcher:
    """One condition on a label."""

    label: str
    sign: str
    value: str

    @property
    def alternatives(self) -> list[str]:
        """The patterns of which one must match; a regular expression's are those between its outermost bars."""
        return _alternatives(self.value) if self.sign in ("=~", "!~") else [re.escape(self.value)]


@dataclass(frozen=True)
class Selector:
    """One set of series; `metric` is None where only matchers say which."""

    metric: str | None
    matchers: tuple[Matcher, ...]


@dataclass(frozen=True)
class Parts:
    """What an expression is made of: its selectors, the labels it groups by, and its plain numbers."""

    selectors: tuple[Selector, ...]
    labels: frozenset[str]
    numbers: frozenset[float]


def parts(expression: str) -> Parts:
    """The parts of `expression`. Raises ValueError for what is no PromQL at all."""
    tokens = [token for token in _tokens(expression) if token[0] != "space"] + [("end", "")]
    selectors: list[Selector] = []
    labels: set[str] = set()
    numbers: set[float] = set()
    at = 0
    while at < len(tokens):
        kind, text = tokens[at]
        following = tokens[at + 1][1] if at + 1 < len(tokens) else ""
        if kind == "number":
            numbers.add(float(text))
        elif text == "{":
            matchers, at = _matchers(tokens, at)
            selectors.append(Selector(None, matchers))
            continue
        elif kind == "name" and text in _GROUPING:
            end = tokens.index(("sign", ")"), at) if following == "(" else at
            labels.update(word for sort, word in tokens[at + 1 : end] if sort == "name")
            at = end
        elif kind == "name" and following != "(" and following not in _GROUPING and text.lower() not in _WORDS:
            matchers = ()
            if following == "{":
                matchers, at = _matchers(tokens, at + 1)
                at -= 1
            selectors.append(Selector(text, matchers))
        at += 1
    return Parts(tuple(selectors), frozenset(labels), frozenset(numbers))


def _tokens(expression: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(expression):
        match = _TOKEN.match(expression, at)
        if match is None or match.lastgroup is None:
            raise ValueError(f"not PromQL at {expression[at : at + 20]!r}")
        yield match.lastgroup, match[0]
        at = match.end()


def _matchers(tokens: list[tuple[str, str]], at: int) -> tuple[tuple[Matcher, ...], int]:
    """The matchers of the braces that open at `at`, and where what follows them begins."""
    end = tokens.index(("sign", "}"), at)
    inner = [token for token in tokens[at + 1 : end] if token[1] != ","]
    if len(inner) % 3:
        raise ValueError(f"not matchers: {inner}")
    found = [Matcher(inner[i][1], inner[i + 1][1], inner[i + 2][1][1:-1]) for i in range(0, len(inner), 3)]
    return tuple(found), end + 1


def _alternatives(pattern: str) -> list[str]:
    depth, found = 0, [""]
    for letter in pattern:
        depth += (letter in "([") - (letter in ")]")
        if letter == "|" and not depth:
            found.append("")
        else:
            found[-1] += letter
    return found
