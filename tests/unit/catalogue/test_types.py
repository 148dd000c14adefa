import re
from pathlib import Path

import pytest

from exporter.catalogue.types import (
    ApiPath,
    DeviceType,
    Evidence,
    FieldInfo,
    HelpTexts,
    Paths,
    field_documentation,
    load_catalogue,
    load_fault_groups,
)
from exporter.documentation import field_url
from exporter.metrics.names import metric_name
from tools.fault_rules import MARK

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
        assert known.unit in {None, "V", "A", "kWh", "min", "h", "s", "°C", "Hz", "kvar", "kVA", "%"}
        assert (known.meaning is None) == (known.basis is None)
        assert known.basis in {None, "D", "app", "S", "P", "I", "name", "disputed"}
        assert known.unit_basis in {None, "S"}
        assert known.unit or not known.unit_basis
        if known.meaning:
            assert known.meaning[-1] != "."
            assert len(known.meaning) > 5


#: Which words the facts about the API give to which numbers, by type and field.
RUNNING = dict(enumerate(("waiting", "self-check", "on grid", "fault", "permanent fault", "off grid", "PV only"))) | {
    -1: "lost",
    7: "switching to off grid",
    8: "switching to on grid",
}
MODES = dict(
    enumerate(
        (
            *("peak", "flat", "valley", "generator", "battery first", "load first", "peak shaving", "time schedule", "EMS"),
            *("DC source", "manual dispatch", "battery protection", "backup power", "PCS dispatch", "forced charging"),
            *("smart meter", "battery smart meter", "grid access control"),
        )
    )
)
BMS = dict(
    enumerate(
        ("hold", "charging and discharging disabled", "charging disabled", "discharging disabled", "charging", "discharging")
    )
)
PBD = {-1: "lost", 0: "hold", 1: "check", 2: "run", 3: "error", 4: "permanent error", 6: "PV only"}
WORDS: dict[tuple[str, str], dict[int, str]] = {
    **{(of, "bmsStatus"): BMS for of in TYPES},
    **{(of, "runModel"): MODES for of in ("hps_central", "hps_string", "pcs")},
    **{(of, "status"): RUNNING for of in ("hps_central", "pcs")},
    ("pbd", "status"): PBD,
    ("pbd", "runModel"): {0: "normal", 1: "EMS"},
}


@pytest.mark.parametrize("name", TYPES)
def test_every_number_of_every_field_has_the_documented_word_or_none(name: str) -> None:
    for field, known in load_catalogue()[name].fields.items():
        found = {value: word[0] for value in range(-1000, 1000) if (word := known.word(value))}
        assert found == WORDS.get((name, field), {}), field
        assert known.word(2.5) is None
        assert known.word(1e300) is None


def test_a_word_carries_its_evidence() -> None:
    known = load_catalogue()["hps_central"].fields["status"]
    assert {value for value in RUNNING if known.word(value) == (RUNNING[value], Evidence.SIBLING)} == {-1, 0, 2, 3}
    assert known.word(6) == ("PV only", Evidence.PROTOCOL)
    assert load_catalogue()["pbd"].fields["status"].word(-1) == ("lost", Evidence.SIBLING)
    assert "(-1 lost, 0 waiting, 2 on grid, 3 fault; documented for the sibling platform)" in known.words
    assert "8 switching to on grid; from the vendor's device protocol)" in known.words


@pytest.mark.parametrize(
    ("name", "field", "unit", "said"),
    [
        *((name, "selfTime", "s", "self-check") for name in ("hps_central", "pcs")),
        ("pbd", "checkTime", "s", "self-check (inferred, never seen)"),
        *((name, "loadPf", "%", "as on the sibling platform") for name in ("hps_central", "pcs")),
        *((name, "pf", None, "ratio (as on the sibling platform)") for name in ("hps_central", "pcs")),
        *((name, "mvpv", None, "Not a PV voltage") for name in ("pbd", "hps_central", "pcs")),
        *(("pcs", field, None, "a voltage by its name, a current by the vendor's") for field in ("vacu", "vacv", "vacw")),
        *(
            ("pcs", f"{field}{when}", "kWh", "direction not settled")
            for field in ("grid", "toGrid")
            for when in ("Today", "Total")
        ),
        ("pcs", "gridFreq", "Hz", "doubtful"),
        ("pcs", "temp5", "°C", "Transformer temperature (as in the vendor's device protocol)"),
        ("pcs", "bipv", "A", "Battery current (as in the vendor's device protocol)"),
        ("pcs", "vpvvw", "V", "Output voltage of phase V (as in the vendor's device protocol)"),
        ("hps_central", "pac", None, "Battery power (as the vendor's app shows it)"),
        ("hps_central", "pac2", "kVA", "Apparent power of the load (as the vendor's app shows it)"),
        ("hps_central", "fac", "Hz", "Output frequency (as the vendor's app shows it)"),
        ("hps_central", "bActivePower", None, "Grid power (as the vendor's app shows it)"),
    ],
)
def test_a_field_says_what_is_known_of_it_and_how(name: str, field: str, unit: str | None, said: str) -> None:
    known = load_catalogue()[name].fields[field]
    assert known.unit == unit
    text = HelpTexts([load_catalogue()[name]]).of(field)
    assert said in text
    assert (f", in {unit}" in text) == (unit is not None)


def test_times_are_minutes_of_the_day_and_hours_in_total() -> None:
    times = {
        (name, field): known
        for name, of_type in load_catalogue().items()
        for field, known in of_type.fields.items()
        if field.endswith(("TimeToday", "TimeTotal"))
    }
    assert len(times) == 28
    for (_, field), known in times.items():
        assert known.unit == ("min" if field.endswith("Today") else "h"), field
        assert field.endswith("Today") or known.unit_basis == "S", field


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
                    values={Evidence.CONFIGURED: {1: "on", 0: "off"}},
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


@pytest.mark.parametrize("field", ["vbat", "eBatChargeTotal", "sysFaultWord1"])
def test_the_help_of_a_field_ends_with_where_it_is_documented(field: str) -> None:
    assert HelpTexts(load_catalogue().values()).of(field).endswith(f" Enerclo field {field}. {field_url(field)}")


def test_no_help_leads_to_what_is_not_documented() -> None:
    described = FieldInfo(kind="instant", evidence=Evidence.CONFIGURED, meaning="New", basis="C")
    pbd = load_catalogue()["pbd"]
    helps = HelpTexts([pbd.model_copy(update={"fields": {**pbd.fields, "newField": described}})])
    assert helps.of("newField") == "New (says the config). Enerclo field newField."


def test_a_page_s_link_is_to_the_field_as_devices_of_its_type_have_it() -> None:
    catalogue = load_catalogue()
    for name, known in catalogue.items():
        for field in known.known_fields:
            assert field_documentation(name, field) == field_url(field, name)
    assert field_documentation("pbd", "newField") is None
    assert field_documentation("pbd", "atsBypass") is None
    assert field_documentation("heater", "vbat") is None


def test_settings_have_help() -> None:
    helps = HelpTexts(load_catalogue().values())
    assert helps.of("setting_cellFullChargeVoltage") == (
        "Voltage of a fully charged cell (judging by its name). Enerclo setting cellFullChargeVoltage."
    )
    assert helps.of("setting_valleyPeriodTime5_seconds").endswith("Enerclo setting valleyPeriodTime5, in seconds after midnight.")
    assert helps.of("setting_never_seen") == "Not documented by the vendor. Enerclo setting never_seen."
    assert "setting_valleyPeriodTime5_seconds" in helps.known


def _sources() -> dict[str, str]:
    """All text that people wrote, but for tests: what is made from the catalogue is left out."""
    found = {}
    for folder in ("exporter", "grafana", "prometheus", "tools", "benchmarks", "docs", "deploy", "."):
        pattern = "*" if folder == "." else "**/*"
        for path in Path(folder).glob(pattern):
            if path.suffix in (".py", ".yaml", ".yml", ".html", ".js", ".css", ".md") and path.is_file():
                text = path.read_text(encoding="utf-8").partition(MARK)[0]
                if not text.startswith("# Made from"):
                    found[str(path)] = re.sub(r"<!-- ([\w ]+) -->.*?<!-- end \1 -->", "", text, flags=re.DOTALL)
    return found


def test_a_word_stands_in_one_place_only() -> None:
    words = "exporter/catalogue/words"
    sources = _sources()
    of_states = {word for known in WORDS.values() for word in known.values() if " " in word}
    of_faults = {bit.text for group in load_fault_groups().values() for bits in group.words.values() for bit in bits.values()}
    assert len(of_states) > 15
    assert len(of_faults) > 150
    for phrases, home in ((of_states, f"{words}/states.yaml"), (of_faults, words)):
        for phrase in phrases:
            places = [path for path, text in sources.items() if phrase in text]
            assert places, phrase
            assert all(path.startswith(home) for path in places), (phrase, places)


@pytest.mark.parametrize("word", ["standby", "0 disconnected", "1 online"])
def test_words_that_were_wrong_are_gone(word: str) -> None:
    texts = _sources() | {str(path): path.read_text(encoding="utf-8") for path in Path("grafana/dashboards").glob("*.json")}
    texts |= {str(path): path.read_text(encoding="utf-8") for path in Path("docs").rglob("*.md")}
    texts.pop("CHANGELOG.md")
    assert [path for path, text in texts.items() if word in text] == []
