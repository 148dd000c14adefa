"""The spill: what is kept is there again, for the same run only, and for one process at a time."""

import threading
from pathlib import Path

import pytest

from exporter.backfill.plan import BackfillError, Source
from exporter.backfill.rows import HistoryPage, Row
from exporter.backfill.spill import Spill
from exporter.catalogue.types import ApiPath, Evidence

FACTS = {"range": "May", "page size": "100"}
ONE = Source("pbd", "A", ApiPath(path="pbd/data-list", evidence=Evidence.INFERRED))
TWO = Source("pcs", "A", ApiPath(path="pcs/data-list", evidence=Evidence.INFERRED))


def page(*times: int) -> HistoryPage:
    return HistoryPage(len(times), None, [Row(time, None, ("ppv",), (time,)) for time in times])


def test_pages_are_there_again_by_passes(tmp_path: Path) -> None:
    spill = Spill(tmp_path / "it", FACTS)
    assert spill.pages(ONE, 0) == []
    for place, entry in (((1, 1), page(1)), ((1, 2), page(2)), ((2, 1), page(3))):
        spill.add_page(ONE, 0, place, entry)
    spill.add_page(TWO, 0, (1, 1), page(9))
    spill.close()
    spill = Spill(tmp_path / "it", FACTS)
    assert spill.pages(ONE, 0) == [[page(1), page(2)], [page(3)]]
    assert spill.pages(TWO, 0) == [[page(9)]]
    spill.forget(ONE, 0)
    assert (spill.pages(ONE, 0), spill.pages(TWO, 0)) == ([], [[page(9)]])
    spill.close()


def test_a_whole_window_has_columns_in_place_of_pages(tmp_path: Path) -> None:
    spill = Spill(tmp_path / "it", FACTS)
    spill.add_page(ONE, 1, (1, 1), page(1))
    assert spill.finish(ONE, 1, {"ppv": ([5, 6], [1, 2.5]), "ipv": ([6], [10**30])}, {"odd": 2}) == 3
    assert spill.finish(ONE, 0, {"vpv": ([1], [0]), "ppv": ([1, 2], [7, 8])}, {"odd": 3, "other": 1}) == 3
    spill.finish(TWO, 0, {}, {})
    spill.close()
    spill = Spill(tmp_path / "it", FACTS)
    assert spill.pages(ONE, 1) == []
    assert (spill.complete_windows(ONE), spill.complete_windows(TWO), spill.samples) == ({0, 1}, {0}, 6)
    assert spill.fields(ONE) == ["vpv", "ppv", "ipv"]
    assert list(spill.columns(ONE, "ppv")) == [([1, 2], [7, 8]), ([5, 6], [1, 2.5])]
    assert list(spill.columns(TWO, "ppv")) == []
    assert spill.notes(ONE) == {"odd": 5, "other": 1}
    spill.remove()
    assert not (tmp_path / "it").exists()


def test_a_path_that_was_set_right_is_another_source(tmp_path: Path) -> None:
    spill = Spill(tmp_path / "it", FACTS)
    spill.finish(ONE, 0, {}, {})
    right = Source("pbd", "A", ApiPath(path="pbd/other", evidence=Evidence.CONFIGURED))
    # how well a path is known makes no difference
    same = Source("pbd", "A", ApiPath(path="pbd/data-list", evidence=Evidence.CONFIGURED))
    assert (spill.complete_windows(right), spill.complete_windows(same)) == (set(), {0})
    spill.close()


@pytest.mark.parametrize("facts", [{**FACTS, "range": "June"}, {**FACTS, "page size": "50"}, {**FACTS, "more": "x"}])
def test_another_run_is_refused_and_told_what_differs(tmp_path: Path, facts: dict[str, str]) -> None:
    Spill(tmp_path / "it", FACTS).close()
    with pytest.raises(BackfillError, match=r"it is from a run with another (range: May, now June|page size|more)"):
        Spill(tmp_path / "it", facts)
    # and leaves the folder to the right one
    Spill(tmp_path / "it", FACTS).close()


def test_two_at_once_are_refused(tmp_path: Path) -> None:
    spill = Spill(tmp_path / "it", FACTS)
    with pytest.raises(BackfillError, match="another run is using"):
        Spill(tmp_path / "it", FACTS)
    spill.close()
    Spill(tmp_path / "it", FACTS).close()


def test_what_fails_half_way_leaves_nothing(tmp_path: Path) -> None:
    spill = Spill(tmp_path / "it", FACTS)
    spill.add_page(ONE, 0, (1, 1), page(1))
    with pytest.raises(TypeError):
        spill.finish(ONE, 0, {"ppv": ([1], [1])}, {"odd": object()})  # type: ignore[dict-item]
    assert (spill.complete_windows(ONE), spill.pages(ONE, 0), list(spill.columns(ONE, "ppv"))) == (set(), [[page(1)]], [])
    spill.finish(ONE, 0, {"ppv": ([1], [1])}, {})
    spill.close()


def test_it_serves_several_threads(tmp_path: Path) -> None:
    spill = Spill(tmp_path / "it", FACTS)

    def work(number: int) -> None:
        source = Source("pbd", str(number), ONE.path)
        for window in range(20):
            spill.add_page(source, window, (1, 1), page(window))
            spill.finish(source, window, {"ppv": ([window], [number])}, {})

    threads = [threading.Thread(target=work, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert spill.samples == 80
    assert list(spill.columns(Source("pbd", "3", ONE.path), "ppv")) == [([window], [3]) for window in range(20)]
    spill.close()
