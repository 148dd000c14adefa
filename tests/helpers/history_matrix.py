"""What backfill makes of every fault of history: the matrix that test_backfill_faults checks and the documentation shows."""

from collections.abc import Callable
from dataclasses import dataclass

from exporter.backfill import window
from exporter.backfill.rows import NO_TIME, OUTSIDE

SICK, WELL = "SICK", "WELL"


@dataclass(frozen=True)
class Case:
    """What a fault costs: the `requests` of the sick device, the warnings `said` once each, and which rows are `kept`."""

    requests: int
    said: tuple[str, ...] = ()
    kept: Callable[[int], bool] = lambda row: True
    fails: str = ""
    text: str = ""
    outcome: str = ""


#: Two days of a reading every 15 minutes: 192 rows, two pages. The words are the documentation's.
MATRIX = {
    "wrong_total": Case(
        6,
        (window.WRONG_TOTAL, window.SHIFTED),
        text="`total` is larger than the number of rows",
        outcome="read on to an empty page, and once more; two passes agree",
    ),
    "no_total": Case(2, (window.WRONG_TOTAL,), text="`total` is always 0", outcome="read to the page that is not full"),
    "shifting_pages": Case(
        4, (window.SHIFTED,), text="The pages shift while they are read", outcome="read again; both passes' rows count"
    ),
    "repeated_page": Case(
        4,
        fails="rows are missing; set history.window",
        text="Every page is the first one",
        outcome="the device fails, and is told the remedy",
    ),
    "last_page_again": Case(2, text="Beyond the last page the last comes again", outcome="that is the end"),
    "newest_first": Case(2, text="The newest row is first", outcome="put in order"),
    "shuffled_rows": Case(2, (window.UNORDERED,), text="The rows are in no order", outcome="put in order"),
    "doubled_rows": Case(3, (window.WRONG_TOTAL, window.DUPLICATES), text="Rows come twice", outcome="written once"),
    "untimed_rows": Case(
        2, (NO_TIME,), lambda row: bool(row % 100 % 10), text="Rows without a time, or with one that is none", outcome="dropped"
    ),
    "null_fields": Case(
        2, ("no field of the data is a number",), text="Fields are null, or all of a row", outcome="absent, never zero"
    ),
    "null_window": Case(2, text="Null instead of a page without rows", outcome="an empty window, if it is null once more"),
    "foreign_rows": Case(
        2,
        (
            "the data are those of another device",
            "the data are a single value, not an object of fields",
            OUTSIDE,
            window.WRONG_TOTAL,
        ),
        text="Rows of another device, of another time, or that are no rows",
        outcome="dropped",
    ),
    "iso_rows": Case(2, text="The times are in other forms of ISO 8601", outcome="read"),
    "unreadable_rows": Case(
        2,
        fails=f"none of its rows can be used: 192 times {NO_TIME}",
        text="No row has a time that says when",
        outcome="the device fails, and is told why",
    ),
    "other_days": Case(
        2,
        fails=f"none of its rows can be used: 192 times {OUTSIDE}",
        text="The range is ignored, all rows are of other days",
        outcome="the device fails, and is told why",
    ),
}


def table() -> str:
    """Return the matrix as the documentation shows it."""
    lines = ["| history | what becomes of it | said |", "|---|---|---|"]
    for case in MATRIX.values():
        said = "at the end" if case.fails else "; ".join(f"*{line}*" for line in case.said) or "nothing"
        lines.append(f"| {case.text} | {case.outcome} | {said} |")
    return "\n".join(lines)
