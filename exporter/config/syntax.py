"""Mistakes in YAML: the line where one was made rather than where the parser gave up, and what to do about it."""

import re
from itertools import takewhile
from typing import Any, Final

import yaml

_NOT_INDENTED: Final = ("did not find expected key", "did not find expected '-' indicator")


def explain(text: str, error: yaml.MarkedYAMLError, loader: Any) -> tuple[int, str] | None:
    """Return the line of a mistake in `text`, counted from 1, and what it is; None if there is no place.

    `loader` is the loader that raised `error`. Nothing that is written in the file is repeated: there may be a token in it.
    """
    mark = error.problem_mark or error.context_mark
    if mark is None:
        return None
    lines = text.splitlines()
    content = lines[mark.line] if mark.line < len(lines) else ""
    problem, context = str(error.problem), error.context or ""
    opened = error.context_mark.line if error.context_mark else mark.line
    if "quoted scalar" in context:
        return opened + 1, "a quote opens here and is not closed"
    if (quote := _quote_before(text, loader, mark.line)) is not None:
        return quote + 1, f"a quote opens here and closes only on line {mark.line + 1}"
    if "\t" in content[: _indent(content)] or "'\\t'" in problem:
        return mark.line + 1, "a tab where spaces are expected"
    if "flow" in context and mark.line > opened and problem.startswith("did not find expected ','"):
        return opened + 1, f"a bracket opens here and is not closed: {problem}"
    if "could not find expected ':'" in problem:
        dash = opened < len(lines) and re.match(r"\s*-\S", lines[opened])
        return opened + 1, "put a space after the dash" if dash else "put a colon after this key"
    if "cannot start any token" in problem:
        return mark.line + 1, "put this value in quotes: YAML takes its first character for something else"
    if problem.startswith((*_NOT_INDENTED, "mapping values are not allowed")):
        found = _misplaced(lines, mark.line, mark.column, problem)
        if found is not None:
            return found
    first = next((number for number, line in enumerate(lines) if _has_content(line)), 0)
    if "<document start>" in problem and lines[first][:1] == " ":
        return first + 1, "remove the space at the beginning of this line"
    return mark.line + 1, f"{problem} ({context})" if context else problem


def _misplaced(lines: list[str], line: int, column: int, problem: str) -> tuple[int, str] | None:
    """Return what is wrong with a key that stands where none is expected, or with the line above; None if that is not clear."""
    content = lines[line] if line < len(lines) else ""
    above = next((number for number in range(line - 1, -1, -1) if _has_content(lines[number])), None)
    if not problem.startswith(_NOT_INDENTED) and ": " in content[:column]:
        return line + 1, "put the value in quotes: it has a colon and a space in it"
    if above is None or not _has_content(content):
        return None
    before = lines[above].split(" #")[0].strip()
    if not problem.startswith(_NOT_INDENTED):
        if re.fullmatch(r"[\w-]+", before):
            return above + 1, "put a colon after this key"
        if re.fullmatch(r"[\w-]+:\S.*", before) and _indent(content) == _indent(lines[above]):
            return above + 1, "put a space after the colon"
    if _start(content) != _start(lines[above]):
        if _indent(content) != _indent(lines[above]):
            return line + 1, "indent this line like the one above"
        if not content.lstrip().startswith("- "):
            return line + 1, "indent this line like the text after the dash above"
    return None


def _quote_before(text: str, loader: Any, line: int) -> int | None:
    """Return where a quoted text begins that ends on `line`, if it begins on another one."""
    found = None
    try:
        for token in takewhile(lambda token: token.start_mark.line <= line, yaml.scan(text, Loader=loader)):
            if isinstance(token, yaml.ScalarToken) and token.style in ("'", '"') and token.end_mark.line == line:
                found = token.start_mark.line if token.start_mark.line < line else None
    except yaml.YAMLError:
        pass
    return found


def _has_content(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _start(line: str) -> int:
    """Return where the text of a line begins, after the dash of a list's item."""
    return _indent(line.replace("-", " ", 1)) if line.lstrip().startswith("- ") else _indent(line)
