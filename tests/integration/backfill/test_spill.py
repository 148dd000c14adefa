import multiprocessing
from pathlib import Path

from exporter.backfill.plan import BackfillError
from exporter.backfill.spill import Spill

FACTS = {"range": "May", "page size": "100"}


def try_to_open(folder: Path) -> str:
    try:
        Spill(folder, FACTS).close()
    except BackfillError as error:
        return str(error)
    return "opened"


def test_two_processes_at_once_are_refused(tmp_path: Path) -> None:
    spill = Spill(tmp_path / "it", FACTS)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert "another run is using" in pool.apply(try_to_open, [tmp_path / "it"])
        spill.close()
        assert pool.apply(try_to_open, [tmp_path / "it"]) == "opened"
