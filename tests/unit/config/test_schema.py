import pytest

from exporter.config.schema import FieldFilter

FIELDS = {"ppv": 1, "ppv1": 2, "vbat": 3, "epvToday": 4}


@pytest.mark.parametrize(
    ("include", "exclude", "chosen"),
    [
        (["*"], [], {"ppv", "ppv1", "vbat", "epvToday"}),
        (["ppv*"], [], {"ppv", "ppv1"}),
        (["ppv", "vbat"], [], {"ppv", "vbat"}),
        (["*"], ["ppv?", "*Today"], {"ppv", "vbat"}),
        (["ppv*"], ["ppv1"], {"ppv"}),
        (["PPV"], [], set()),
        ([], [], set()),
        (["[pv]*"], ["p*"], {"vbat"}),
    ],
)
def test_a_field_is_chosen_by_include_and_not_exclude(include: list[str], exclude: list[str], chosen: set[str]) -> None:
    assert FieldFilter(include=include, exclude=exclude).of(FIELDS) == {name: FIELDS[name] for name in chosen}


def test_by_default_everything_is_chosen() -> None:
    assert FieldFilter().of(FIELDS) is FIELDS
