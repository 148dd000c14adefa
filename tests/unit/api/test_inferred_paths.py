import structlog

from exporter.api.inferred_paths import InferredPaths
from exporter.catalogue.types import ApiPath, Evidence

INFERRED = ApiPath(path="pcs/setting", evidence=Evidence.INFERRED)


def test_an_inferred_path_that_is_not_found_often_enough_is_switched_off_and_told_once() -> None:
    paths = InferredPaths("settings_path")
    with structlog.testing.capture_logs() as lines:
        assert [paths.record_not_found("pcs", INFERRED, sn, 3) for sn in ("A", "B", "C", "D")] == [False, False, True, True]
    assert paths.is_off(INFERRED, 3)
    assert lines == [
        {
            "event": "inferred path not found, switching it off: set the right one",
            "log_level": "warning",
            "type": "pcs",
            "path": "pcs/setting",
            "key": "types.pcs.settings_path",
        }
    ]


def test_a_fleet_that_grows_asks_again_until_enough_are_not_found() -> None:
    paths = InferredPaths("settings_path")
    assert paths.record_not_found("pcs", INFERRED, "A", 1)
    assert not paths.is_off(INFERRED, 3)


def test_a_path_that_is_more_than_inferred_is_never_switched_off() -> None:
    paths = InferredPaths("settings_path")
    for evidence in set(Evidence) - {Evidence.INFERRED}:
        path = ApiPath(path="pcs/setting", evidence=evidence)
        assert not paths.record_not_found("pcs", path, "A", 1)
        assert not paths.is_off(path, 1)


def test_one_device_that_is_not_found_again_and_again_is_one() -> None:
    paths = InferredPaths("settings_path")
    assert not any(paths.record_not_found("pcs", INFERRED, "A", 2) for _ in range(5))
    assert paths.record_not_found("pcs", INFERRED, "B", 2)


def test_a_path_that_answered_is_the_right_one_and_stays_on() -> None:
    paths = InferredPaths("settings_path")
    paths.record_answer(INFERRED)
    assert not any(paths.record_not_found("pcs", INFERRED, sn, 2) for sn in ("A", "B", "C"))
    assert not paths.is_off(INFERRED, 2)
    late = InferredPaths("settings_path")
    assert late.record_not_found("pcs", INFERRED, "A", 1)
    # asked before it was off, and answered after it
    late.record_answer(INFERRED)
    assert not late.is_off(INFERRED, 1)
