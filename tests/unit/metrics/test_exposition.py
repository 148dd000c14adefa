import weakref

import pytest

from exporter.metrics.exposition import BLOCK, Column, Exposition


@pytest.fixture
def exposition() -> Exposition:
    return Exposition(lambda metric, field: f"What {field} means.")


def test_a_column_has_room_for_the_slots_it_was_asked_for_and_no_more(exposition: Exposition) -> None:
    column = exposition.column("m", "f", "pbd")
    assert not column.has(3 * BLOCK)
    for slot, first, blocks in (
        (3 * BLOCK, 3, 1),
        (4 * BLOCK - 1, 3, 1),
        (4 * BLOCK, 3, 2),
        (BLOCK + 1, 1, 4),
        (5 * BLOCK, 1, 5),
    ):
        column.reach(slot)
        assert (column.first, len(column.pieces), len(column.ends)) == (first, blocks, blocks * BLOCK)
    assert [column.has(slot) for slot in (BLOCK - 1, BLOCK, 6 * BLOCK - 1, 6 * BLOCK)] == [False, True, True, False]


def test_lines_come_and_go_in_any_slot_and_the_page_says_its_length(exposition: Exposition) -> None:
    column = exposition.column("m", "f", "pbd")
    header = b"# HELP m What f means.\n# TYPE m gauge\n"
    shown: dict[int, bytes] = {}
    for slot, line in (
        (30, b"z 1\n"),
        (9, b"i 1\n"),
        (2, b"b 22\n"),
        (0, b"a 1\n"),
        (2, b"b 3\n"),
        (7, b"h 1\n"),
        (9, b"i 333\n"),
    ):
        before = exposition.page()
        exposition.put(column, slot, line)
        shown[slot] = line
        page = exposition.page()
        assert bytes(page) == header + b"".join(shown[slot] for slot in sorted(shown))
        assert page.length == len(bytes(page))
        assert page.generation != before.generation
    for slot in (2, 2, 9, 30, 0, 100):
        exposition.take(column, slot)
        shown.pop(slot, None)
        page = exposition.page()
        assert bytes(page) == header + b"".join(shown[slot] for slot in sorted(shown))
        assert page.length == len(bytes(page))
    exposition.take(column, 7)
    assert (bytes(exposition.page()), exposition.page().length, exposition.gone) == (b"", 0, 1)
    # what had been handed out by then is as it was
    assert b"h 1" in bytes(page)


def test_columns_of_a_family_stay_when_another_goes(exposition: Exposition) -> None:
    columns = [exposition.column("m", "f", *key) for key in (("pbd",), ("pcs",), ("pbd", "x"))]
    assert len({id(column) for column in columns}) == 3
    assert exposition.column("m", "f", "pcs") is columns[1]
    for number, column in enumerate(columns):
        exposition.put(column, 0, b"%d\n" % number)
    exposition.take(columns[0], 0)
    family = exposition.family("m")
    assert family is not None
    assert [*family.columns.values()] == columns[1:]
    assert exposition.gone == 0


@pytest.mark.parametrize(
    ("text", "shown"),
    [("a\\b", r"a\\b"), ("two\nlines", r"two\nlines"), ('"quoted"', "'quoted'"), ("\ud800", r"\\ud800"), ("\u20ac", "\u20ac")],
)
def test_help_is_escaped(text: str, shown: str) -> None:
    column: Column = Exposition(lambda metric, field: text).column("m", None, "pbd")
    assert column.family.header.decode() == f"# HELP m {shown}\n# TYPE m gauge\n"


def test_who_asks_for_the_same_page_gets_the_same_and_nobody_else_keeps_it(exposition: Exposition) -> None:
    column = exposition.column("m", "f", "pbd")
    exposition.put(column, 0, b"a 1\n")
    page = exposition.page()
    assert exposition.page() is page
    exposition.put(column, 0, b"a 2\n")
    newer = exposition.page()
    assert (bytes(page).endswith(b"a 1\n"), bytes(newer).endswith(b"a 2\n")) == (True, True)
    kept = weakref.ref(newer)
    del newer
    assert kept() is None


def test_a_page_without_a_family_is_another_one(exposition: Exposition) -> None:
    column = exposition.column("m", "f", "pbd")
    page = exposition.page()
    # its only line never came
    exposition.take(column, 0)
    assert bytes(page) != bytes(exposition.page()) == b""
    assert page.generation != exposition.page().generation
