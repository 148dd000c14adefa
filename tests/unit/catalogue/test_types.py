import re

import pytest

from exporter.catalogue.types import (
    ApiPath,
    DeviceType,
    Evidence,
    FieldInfo,
    HelpTexts,
    Paths,
    load_catalogue,
)
from exporter.metrics.names import metric_name

TYPES = ["bcu", "hps_central", "hps_string", "mbms", "pbd", "pcs"]


def test_the_catalogue_has_the_six_types_with_their_paths_and_the_evidence() -> None:
    catalogue = load_catalogue()
    assert list(catalogue) == TYPES
    assert {name: (entry.paths.realtime.path, str(entry.paths.realtime.evidence)) for name, entry in catalogue.items()} == {
        "pbd": ("pbd/data-last", "D"),
        "hps_string": ("hps/data-last-small", "D"),
        "hps_central": ("hps/data-last", "U"),
        "pcs": ("pcs/data-last", "I"),
        "bcu": ("bms/bcu-data-last", "I"),
        "mbms": ("bms/mbms-data-last", "I"),
    }


def test_pbd_has_the_documented_76_numeric_fields_and_two_texts() -> None:
    fields = load_catalogue()["pbd"].fields
    assert len(fields) == 78
    assert {"deviceSn", "time"} < fields.keys()
    assert all(field.evidence is Evidence.DOCUMENTED for field in fields.values())


@pytest.mark.parametrize("name", TYPES)
def test_what_the_catalogue_says_of_a_field_is_of_the_agreed_form(name: str) -> None:
    for field, known in load_catalogue()[name].fields.items():
        assert metric_name(field)
        assert known.kind in {"instant", "daily_total", "lifetime_total", "status", "identifier", "limit", "timestamp"}
        assert known.unit in {None, "V", "A", "kWh", "min", "°C", "Hz", "kvar", "kVA", "%"}
        assert (known.meaning is None) == (known.basis is None)
        assert known.basis in {None, "D", "app", "S", "name"}
        if known.meaning:
            assert known.meaning[-1] != "."
            assert len(known.meaning) > 5


def test_no_help_claims_a_unit_for_an_active_power() -> None:
    helps = HelpTexts(load_catalogue().values())
    for name in helps.known:
        text = helps.of(name)
        if re.match(r"p(ac|pv)\d*$", name) or (name.endswith("Power") and not re.search("(?i)reactive|apparent", name)):
            assert not re.search(r", in k?W", text), text


def known(**types: FieldInfo) -> HelpTexts:
    path = Paths(realtime=ApiPath(path="x", evidence=Evidence.DOCUMENTED))
    return HelpTexts(DeviceType(type=name, title=name, paths=path, fields={"vbat": field}) for name, field in types.items())


@pytest.mark.parametrize(
    ("types", "text"),
    [
        ({"a": FieldInfo(kind="instant", evidence=Evidence.DOCUMENTED)}, "Not documented by the vendor. Enerclo field vbat."),
        (
            {"a": FieldInfo(kind="instant", evidence=Evidence.DOCUMENTED, unit="V")},
            "Not documented by the vendor, in V. Enerclo field vbat.",
        ),
        (
            {"a": FieldInfo(kind="instant", evidence=Evidence.DOCUMENTED, unit="V", meaning="Battery voltage", basis="D")},
            "Battery voltage, in V. Enerclo field vbat.",
        ),
        (
            {
                "a": FieldInfo(kind="instant", evidence=Evidence.DOCUMENTED, meaning="Battery voltage", basis="name"),
                "b": FieldInfo(kind="instant", evidence=Evidence.INFERRED),
                "c": FieldInfo(kind="instant", evidence=Evidence.USED, meaning="Battery voltage", basis="name"),
            },
            "a, c: Battery voltage (judging by its name); b: Not documented by the vendor. Enerclo field vbat.",
        ),
        (
            {
                "a": FieldInfo(
                    kind="status",
                    evidence=Evidence.CONFIGURED,
                    meaning="State",
                    basis="C",
                    values={1: "on", 0: "off"},
                    values_evidence=Evidence.CONFIGURED,
                )
            },
            "State (says the config) (0 off, 1 on; set in the config). Enerclo field vbat.",
        ),
    ],
)
def test_a_help_text_says_what_is_known_for_which_type(types: dict[str, FieldInfo], text: str) -> None:
    assert known(**types).of("vbat") == text


def test_a_field_that_nobody_knows_says_so() -> None:
    assert HelpTexts([]).of("newField") == "Not documented by the vendor. Enerclo field newField."


def test_settings_have_help() -> None:
    helps = HelpTexts(load_catalogue().values())
    assert helps.of("setting_cellFullChargeVoltage") == (
        "Voltage of a fully charged cell (judging by its name). Enerclo setting cellFullChargeVoltage."
    )
    assert helps.of("setting_valleyPeriodTime5_seconds").endswith("Enerclo setting valleyPeriodTime5, in seconds after midnight.")
    assert helps.of("setting_never_seen") == "Not documented by the vendor. Enerclo setting never_seen."
    assert "setting_valleyPeriodTime5_seconds" in helps.known
