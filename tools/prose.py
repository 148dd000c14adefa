"""`python -m tools.prose`: check the English of the documentation. It exits with 1 if it finds anything.

Three checks: proselint, words that the project does not use, and the length of sentences. Code, generated parts, quotes and
the targets of links are not prose.
"""

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from proselint.checks import __register__  # type: ignore[import-untyped]
from proselint.config import DEFAULT  # type: ignore[import-untyped]
from proselint.registry import CheckRegistry  # type: ignore[import-untyped]
from proselint.tools import LintFile  # type: ignore[import-untyped]

#: Words in one sentence.
LONGEST: Final = 32

#: What is not said, and what is said instead.
WORDS: Final[Mapping[str, str]] = {
    r"withheld|vanish\w*|left out|leaves out": "stale; or dropped, of a field that cannot become a series",
    r"patience": "the silence that is allowed",
    r"(?:is|are) told \d+": "gets HTTP 429",
    r"finds us|too frequent": "rate limited",
    r"gates?|admission|listeners?": "access policy, middleware or server",
    r"in force": "in use",
    r"^Have(?!.*\?$)": "what the reader is to do, with another verb",
    r"^Who(?!.*\?$)": "it without the who, which reads as a question",
}

#: Of proselint: a forge and a terminal show straight quotes.
CHECKS: Final = {**DEFAULT["checks"], "typography": False}


class Finding(NamedTuple):
    """What is wrong, and in which line."""

    line: int
    what: str


def prose(text: str) -> str:
    """Return a Markdown text without all that is not prose, each line where it was. Each code becomes a word."""
    text = re.sub(r"<!-- ([\w ]+) -->.*?<!-- end \1 -->", _only_lines, text, flags=re.DOTALL)
    text = re.sub(r"^( *)(`{3,}).*?^\1\2", _only_lines, text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"<!--.*?-->|</?\w[^>]*>", _only_lines, text, flags=re.DOTALL)
    text = re.sub(r"``.+?``|`[^`]+`", lambda code: f"code{code.start()}{_only_lines(code)}", text, flags=re.DOTALL)
    text = re.sub(r"(!?\[[^\]]*\])\([^)]*\)", lambda link: link[1].strip("![]") + _only_lines(link), text, flags=re.DOTALL)
    text = re.sub(r'"[^"\n]{1,80}"', '"quoted"', text)
    return re.sub(r"https?://\S+", "address", text)


# once: the registry is one for the process
CheckRegistry().register_many(__register__)


def findings(text: str) -> Iterator[Finding]:
    """Yield all that is wrong with a Markdown text."""
    text = prose(text)
    # cells and lines of lists and headings end: nothing goes on from one into the next
    ended = re.sub(r"\n(?= *(?:[-*|#>]|\d+\.) ?|\s*\n)", ";\n", re.sub(r"\|", ";", text))
    for result in LintFile("text", re.sub(r"[*_#]", " ", ended)).lint({"max_errors": 1000, "checks": CHECKS}):
        message = " ".join(result.check_result.message.split())
        yield Finding(result.pos[0], f"{result.check_result.check_path}: {message}")
    for number, sentence in _sentences(text):
        for pattern, instead in WORDS.items():
            if found := re.search(rf"\b(?:{pattern})(?!\w)", sentence, re.DOTALL):
                yield Finding(number, f"{found[0].strip()!r}: say {instead}")
        words = len(re.findall(r"[\w'-]*\w", sentence))
        if words > LONGEST:
            yield Finding(number, f"a sentence of {words} words, at most {LONGEST}: {' '.join(sentence.split())[:60]} ...")


def _sentences(text: str) -> Iterator[tuple[int, str]]:
    """Yield each sentence with the number of its first line. Items of lists, cells of tables and headings are sentences too."""
    number = 1
    for part in re.split(r"(\n\s*\n|\n(?= *(?:[-*|#>]|\d+\.) ?)|(?<!\\)\||(?<=[.!?:]\*\*)\s+|(?<=[.!?])\s+)", text):
        sentence = re.sub(r"^[-*#>\d.]+ |\*\*", "", part.strip("| \n"))
        if sentence:
            yield number + part[: len(part) - len(part.lstrip())].count("\n"), sentence
        number += part.count("\n")


def _only_lines(match: re.Match[str]) -> str:
    return "\n" * match[0].count("\n")


def files() -> Iterator[tuple[Path, Callable[[str], str]]]:
    """Yield each file with what cuts the part of it that is checked: of the changelog only what is new."""
    for path in (Path("README.md"), Path("CONTRIBUTING.md"), Path("SECURITY.md"), *sorted(Path("docs").rglob("*.md"))):
        if not path.is_symlink():
            yield path, lambda text: text
    yield Path("CHANGELOG.md"), lambda text: re.split(r"(?m)(?=^## )", text + "\n## ")[1]


def main() -> int:
    """Check all files. Return the exit code."""
    wrong = 0
    for path, part in files():
        text = path.read_text(encoding="utf-8")
        checked = part(text)
        before = text[: text.index(checked)].count("\n")
        for line, what in sorted(set(findings(checked))):
            wrong += 1
            print(f"{path}:{before + line}: {what}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
