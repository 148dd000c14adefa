from pathlib import Path
from textwrap import indent

import pytest

from exporter.catalogue.faults import Fault
from exporter.config.load import Config, ConfigError, load
from tests.helpers.processes import TOKEN

HEAD = "devices:\n  hps_central: [TND1]\n  genset: [GEN1]\ntypes:\n  genset:\n    path: genset/data-last\n    faults:\n"


def config(tmp_path: Path, faults: str, of_ours: str = "") -> Config:
    """The config with these fault words of the type genset, and of hps_central."""
    text = HEAD + indent(faults, "      ") + "\n"
    if of_ours:
        text += "  hps_central:\n    faults:\n" + indent(of_ours, "      ")
    path = tmp_path / "config.yaml"
    path.write_text(text)
    return load(path, {"ATESS_API_TOKEN": TOKEN})


def found(config: Config, kind: str, **fields: float) -> list[Fault]:
    return list(config.fault_words[kind].active(fields) or ())


OWN = """\
alarms:
  word: 1
  bits: 32
  no_data: [4294967295]
  names:
    0: {name: low_oil, severity: warning, text: "Oil: there is too little of it"}
    31: {name: no_fuel, severity: stop, text: "Fuel: the tank is empty"}
sysFaultWord2: {word: 2, group: hps_pcs, bytes: swapped}
"""


def test_a_type_of_ones_own_has_its_own_faults(tmp_path: Path) -> None:
    own = config(tmp_path, OWN)
    faults = found(own, "genset", alarms=0x80000003, sysFaultWord2=10240)
    assert [(fault.code, fault.name, fault.severity, fault.text) for fault in faults] == [
        ("1.0", "low_oil", "warning", "Oil: there is too little of it"),
        ("1.1", "unknown", "unknown", "Unknown: bit 1 of fault word 1, which nobody has described"),
        ("1.31", "no_fuel", "stop", "Fuel: the tank is empty"),
        ("2.3", "bms_communication", "fault", "BMS communication: nothing is heard from the battery management system"),
        ("2.5", "bms", "fault", "BMS: the battery management system itself reports a fault"),
    ]
    assert own.fault_words["genset"].active({"alarms": 4294967295}) is None
    # hexadecimal text is no number there, whatever the field's name
    assert own.kinds["genset"]["alarms"] is own.kinds["genset"]["status"]
    assert {"alarms", "sysFaultWord2"} <= own.types["genset"].known_fields


def test_ours_can_be_corrected(tmp_path: Path) -> None:
    corrections = """\
sysFaultWord2: {bytes: in_order, names: {5: {name: mine, severity: stop, text: "Mine: what I know"}}}
sysFaultWord3:
sysFaultWord9: {names: {0: {name: seen, severity: warning, text: "Seen: I know it"}}}
"""
    own = config(tmp_path, "{}", corrections)
    faults = found(own, "hps_central", sysFaultWord2=0x0028, sysFaultWord3=256, sysFaultWord4=256, sysFaultWord9=256)
    assert [(fault.code, fault.name) for fault in faults] == [
        ("2.3", "bms_communication"),
        ("2.5", "mine"),
        ("4.0", "ac_grid_curr_dc_high"),
        ("9.0", "seen"),
    ]


@pytest.mark.parametrize(
    ("faults", "mistake"),
    [
        ("w: {}", "8: types.genset.faults.w.word: missing; a fault word of your own needs its number"),
        ("w: {word: x}", "8: types.genset.faults.w.word: expected a whole number, got 'x'"),
        ("w: {word: 1, bits: 65}", "8: types.genset.faults.w.bits: Input should be less than or equal to 64, got '65'"),
        (
            "w: {word: 1, bits: 12, bytes: swapped}",
            "8: types.genset.faults.w.bits: expected whole bytes (8, 16, 24, ...), as they are swapped; got 12",
        ),
        ("w: {word: 1, bytes: little}", "8: types.genset.faults.w.bytes: expected 'in_order' or 'swapped', got 'little'"),
        ("w: {word: 1, group: pcs}", "8: types.genset.faults.w.group: expected one of hps_pcs, pbd, got 'pcs'"),
        ("w: {word: 1, no_data: -1}", "8: types.genset.faults.w.no_data: expected a list, got '-1'"),
        (
            "w: {word: 1, nams: {}}",
            "8: types.genset.faults.w.nams: unknown key; expected one of word, bits, bytes, no_data, group, names",
        ),
        (
            "w:\n  word: 1\n  names:\n    16: {name: a, severity: fault, text: b}",
            "11: types.genset.faults.w.names.16: expected the number of a bit from 0 to 15",
        ),
        (
            "w: {word: 1, names: {x: {name: a, severity: stop, text: b}}}",
            "8: types.genset.faults.w.names.x: expected a whole number, got 'x'",
        ),
        ("w: {word: 1, names: {0: {name: a, severity: fault}}}", "8: types.genset.faults.w.names.0.text: missing"),
        (
            "w: {word: 1, names: {0: {name: a, severity: bad, text: b}}}",
            "8: types.genset.faults.w.names.0.severity: expected 'failure', 'fault', 'stop' or 'warning', got 'bad'",
        ),
        (
            "w: {word: 1, names: {0: {name: No Oil, severity: fault, text: b}}}",
            "8: types.genset.faults.w.names.0.name: expected a name in lower case letters, digits and _ other than unknown, "
            "got 'No Oil'",
        ),
        (
            "w: {word: 1, names: {0: {name: a, severity: fault, text: b, code: 3}}}",
            "8: types.genset.faults.w.names.0.code: unknown key; expected one of name, severity, text",
        ),
        ("v: {word: 1}\nw: {word: 1}", "9: types.genset.faults.w.word: fault word 1 is v already"),
        ("time: {word: 1}", "8: types.genset.faults.time: expected a field that holds a number"),
        ("w: 3", "8: types.genset.faults.w: expected a mapping of keys to values, got '3'"),
    ],
)
def test_a_mistake_is_one_line_with_its_place_and_what_was_expected(tmp_path: Path, faults: str, mistake: str) -> None:
    with pytest.raises(ConfigError) as raised:
        config(tmp_path, faults)
    assert [problem.partition("config.yaml:")[2] for problem in raised.value.problems] == [mistake]


def test_two_fields_cannot_be_the_same_word_of_ours_either(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"types\.hps_central.faults\.sysFaultWord2\.word: fault word 3 is sysFaultWord3 already"
    ):
        config(tmp_path, "{}", "sysFaultWord2: {word: 3}")
    swapped = config(tmp_path, "{}", "sysFaultWord2: {word: 3}\nsysFaultWord3: {word: 2}")
    assert [fault.code for fault in found(swapped, "hps_central", sysFaultWord3=256)] == ["2.0"]
