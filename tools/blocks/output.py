"""The output that a page shows, compared with what a run gave: what changes from run to run does not count."""

import re
from collections.abc import Sequence
from typing import Final

#: A line that stands for any lines.
GAP: Final = "..."

_UNITS: Final = "ms|s|sec|seconds?|min|minutes?|h|hours?|d|days?"
#: What changes, in the order in which it is replaced.
_MASKS: Final = [
    (re.compile(pattern), word)
    for pattern, word in (
        (r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?", "TIME"),
        (r"\b\d\d:\d\d(?::\d\d)?\b", "TIME"),
        # Unix times, as an integer or a float
        (r"\b1[6-9]\d{8}(?:\.\d+)?\b|\b1\.[6-9]\d*e\+09\b", "TIME"),
        # what a device reports; what the exporter says of it and of itself does count
        (r"^(atess_(?!device_|exporter_)\w+\{[^}]*\}) \S+$", r"\1 VALUE"),
        (rf"\b\d+(?:\.\d+)?(?: ?(?:{_UNITS}))\b", "DURATION"),
        (r"\b\d+\.\d+\.\d+(?:\.dev\d+|rc\d+)?\b(?!\.\d)", "VERSION"),
        (r"(?<![\d.])-?\d+\.\d+(?:e[+-]?\d+)?(?![\d.])", "NUMBER"),
        # ports that the system chose
        (r":(?:3[3-9]\d{3}|[45]\d{4}|60\d{3})\b", ":PORT"),
        (r"\bpid=\d+|\bPID \d+", "PID"),
    )
]


def masked(line: str) -> str:
    """Return a line with words in the place of what changes from run to run."""
    for pattern, word in _MASKS:
        line = pattern.sub(word, line)
    return line


def found_in(shown: Sequence[str], output: Sequence[str], *, gaps: bool) -> list[str] | None:
    """Return the lines `shown` as they are in `output`, or None if they are not there.

    A line `...` stands for any lines. With `gaps` there may be others anywhere, as in the log of a program that runs on.
    """
    if not shown:
        return None if output else []
    any_lines = r"(?:[^\n]*\n)*?" if gaps else ""
    parts = [any_lines]
    for line in shown:
        parts += [r"(?:[^\n]*\n)*?" if line.strip() == GAP else f"({re.escape(masked(line))}\n)", any_lines]
    text = "".join(f"{masked(line)}\n" for line in output)
    match = re.fullmatch("".join(parts), text)
    if match is None:
        return None
    places = iter([text.count("\n", 0, match.start(group + 1)) for group in range(len(match.groups()))])
    return [line if line.strip() == GAP else output[next(places)] for line in shown]
