import weakref

import pytest

from exporter.metrics.exposition import Exposition


@pytest.fixture
def exposition() -> Exposition:
    return Exposition(lambda metric, field: f"What {field} means.")


HEADER = b"# HELP m What f means.\n# TYPE m gauge\n"


def put(exposition: Exposition, block: int, device: str, value: float, metric: str = "m") -> None:
    exposition.put([exposition.make(metric, "t", "f")], block, f'd="{device}"', [value], [None])


def take(exposition: Exposition, block: int, device: str) -> None:
    if family := exposition.family("m", "t"):
        exposition.take(family, block, f'd="{device}"')


def test_lines_come_and_go_in_any_block_and_the_page_says_its_length(exposition: Exposition) -> None:
    shown: dict[str, float] = {}
    blocks = {"z": 30, "i": 9, "b": 2, "a": 0, "ab": 2, "h": 9, "": 2}
    for device, value in (
        ("z", 1),
        ("i", 1),
        ("b", 22),
        ("a", 1),
        ("b", 3),
        ("ab", 4.5),
        ("h", 1),
        ("", 7),
        ("ab", 1),
        ("i", 333),
    ):
        before = exposition.snapshot()
        put(exposition, blocks[device], device, value)
        shown[device] = value
        page = exposition.snapshot()
        text = bytes(page)
        assert text.startswith(HEADER)
        lines = text.removeprefix(HEADER).decode().splitlines(keepends=True)
        assert sorted(lines) == sorted(f'm{{d="{name}"}} {number!r}\n' for name, number in shown.items())
        assert page.length == len(text)
        assert page is not before
    for device, block in (("b", 2), ("b", 2), ("i", 9), ("z", 0), ("z", 30), ("a", 0), ("a", 100), ("", 2), ("ab", 2)):
        take(exposition, block, device)
        if blocks[device] == block:
            shown.pop(device, None)
        page = exposition.snapshot()
        lines = bytes(page).removeprefix(HEADER).decode().splitlines(keepends=True)
        assert sorted(lines) == sorted(f'm{{d="{name}"}} {number!r}\n' for name, number in shown.items())
        assert page.length == len(bytes(page))
    assert exposition.family("m", "t") is not None
    take(exposition, 9, "h")
    assert (bytes(exposition.snapshot()), exposition.snapshot().length, exposition.family("m", "t")) == (b"", 0, None)
    # what had been handed out by then is as it was
    assert b'd="h"} 1\n' in bytes(page)


def test_a_line_stays_where_it_is_when_its_value_changes(exposition: Exposition) -> None:
    for value in (1, 22, 3):
        for device in "abc":
            put(exposition, 0, device, value)
        assert bytes(exposition.snapshot()) == HEADER + b"".join(b'm{d="%b"} %d\n' % (name, value) for name in (b"a", b"b", b"c"))


def test_only_what_changed_and_has_a_family_is_put(exposition: Exposition) -> None:
    families = [exposition.make("m", "t", "f"), None, exposition.make("n", "t", "g")]
    exposition.put(families, 0, "", [1, 2, 3], [None] * 3)
    blocks = [family.blocks[0] for family in families if family]
    exposition.put(families, 0, "", [1, 3, 4], [1, 2, 3])
    after = [family.blocks[0] for family in families if family]
    assert after[0] is blocks[0]
    assert (blocks[1], after[1]) == (b"\nn{} 3", b"\nn{} 4")


def test_all_lines_are_taken_whose_labels_begin_alike(exposition: Exposition) -> None:
    for device in ('a",x="1', 'a",x="2', "b", 'a",x="3', "aa"):
        put(exposition, 0, device, 1)
    take(exposition, 0, "a")
    assert bytes(exposition.snapshot()) == HEADER + b'm{d="b"} 1\nm{d="aa"} 1\n'


def test_a_block_without_lines_can_be_released_and_the_last_line_takes_its_family_along(exposition: Exposition) -> None:
    put(exposition, 1000, "z", 1)
    put(exposition, 3, "a", 1)
    family = exposition.family("m", "t")
    assert family is not None
    assert list(family.blocks) == [1000, 3]
    take(exposition, 7, "none")
    assert list(family.blocks) == [1000, 3]
    take(exposition, 1000, "z")
    assert bytes(exposition.snapshot()) == HEADER + b'm{d="a"} 1\n'
    for block in (1000, 3, 0):
        exposition.release(block)
    assert list(family.blocks) == [3]
    take(exposition, 3, "a")
    assert exposition._families == {}


def test_what_is_taken_from_a_family_that_is_gone_leaves_its_successor_alone(exposition: Exposition) -> None:
    put(exposition, 0, "a", 1)
    old = exposition.make("m", "t", "f")
    take(exposition, 0, "a")
    put(exposition, 0, "a", 2)
    exposition.take(old, 0, 'd="a"')
    assert bytes(exposition.snapshot()) == HEADER + b'm{d="a"} 2\n'


def test_what_is_dropped_is_on_no_page_made_after_it(exposition: Exposition) -> None:
    put(exposition, 0, "a", 1)
    put(exposition, 0, "a", 1, metric="n")
    # somebody who still sends it, so that other scrapes of the same exposition share it
    page = exposition.snapshot()
    exposition.drop(lambda family: family.name == "n")
    assert bytes(exposition.snapshot()) == HEADER + b'm{d="a"} 1\n'
    assert b"\nn{" in bytes(page)


def test_a_device_that_is_renamed_leaves_the_families_of_others_as_they_are(exposition: Exposition) -> None:
    put(exposition, 0, "a", 1, metric="n")
    put(exposition, 1, "b", 1)
    exposition.relabel(0, 'd="a"', 'd="A"')
    assert b'\nn{d="A"} 1\n' in bytes(exposition.snapshot())
    # its last line takes the family along, header and all
    take(exposition, 1, "b")
    assert b"# TYPE m " not in bytes(exposition.snapshot())


@pytest.mark.parametrize("text", ['\nm{d="a"} 1', '\nm{d="a', "\n", "\r", 'm{d="a"} 1', 'x",d="a'])
def test_text_that_looks_like_a_line_is_not_taken_for_one(exposition: Exposition, text: str) -> None:
    odd = text.replace("\n", "\\n").replace('"', '\\"')
    put(exposition, 0, odd, 5)
    put(exposition, 0, "a", 1)
    put(exposition, 0, "a", 2)
    assert bytes(exposition.snapshot()) == HEADER + f'm{{d="{odd}"}} 5\nm{{d="a"}} 2\n'.encode()
    take(exposition, 0, "a")
    assert bytes(exposition.snapshot()) == HEADER + f'm{{d="{odd}"}} 5\n'.encode()


def test_families_are_in_order_of_their_names_each_in_one_group(exposition: Exposition) -> None:
    for metric in ("m", "c", "x"):
        for block in range(3):
            put(exposition, block, str(block), 1, metric)
    page = bytes(exposition.snapshot()).decode().splitlines()
    assert [line.partition("{")[0] for line in page if not line.startswith("#")] == [*"cccmmmxxx"]
    assert page.count("# TYPE c gauge") == page.count("# TYPE m gauge") == 1


@pytest.mark.parametrize(
    ("text", "shown"),
    [("a\\b", r"a\\b"), ("two\nlines", r"two\nlines"), ('"quoted"', "'quoted'"), ("\ud800", r"\\ud800"), ("\u20ac", "\u20ac")],
)
def test_help_is_escaped(text: str, shown: str) -> None:
    exposition = Exposition(lambda metric, field: text)
    put(exposition, 0, "a", 1)
    assert bytes(exposition.snapshot()).decode().startswith(f"# HELP m {shown}\n# TYPE m gauge\n")


def test_who_asks_for_the_same_page_gets_the_same_and_nobody_else_keeps_it(exposition: Exposition) -> None:
    put(exposition, 0, "a", 1)
    page = exposition.snapshot()
    assert exposition.snapshot() is page
    put(exposition, 0, "a", 2)
    newer = exposition.snapshot()
    assert (bytes(page).endswith(b'd="a"} 1\n'), bytes(newer).endswith(b'd="a"} 2\n')) == (True, True)
    kept = weakref.ref(newer)
    del newer
    assert kept() is None


def test_a_page_without_a_family_is_another_one(exposition: Exposition) -> None:
    put(exposition, 0, "a", 1)
    page = exposition.snapshot()
    take(exposition, 0, "a")
    assert bytes(page) != bytes(exposition.snapshot()) == b""
