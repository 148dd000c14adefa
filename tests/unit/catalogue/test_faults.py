from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.catalogue.faults import NO_FAULT_WORDS, FaultWord, FaultWords, NamedBit, Severity
from exporter.catalogue.types import load_catalogue, load_fault_groups

TYPES_WITH_FAULTS = {"hps_central": 9, "hps_string": 9, "pcs": 8, "pbd": 6}


def words_of(name: str) -> FaultWords:
    return FaultWords(load_catalogue()[name].faults, load_fault_groups())


def active(name: str, **fields: float) -> list[tuple[str, str, str]] | None:
    found = words_of(name).active(fields)
    return None if found is None else [(fault.code, fault.name, fault.severity) for fault in found]


def test_the_protocol_s_206_faults_are_there() -> None:
    groups = load_fault_groups()
    counts = {name: [len(bits) for bits in group.words.values()] for name, group in groups.items()}
    assert counts == {"hps_pcs": [9, 16, 13, 16, 16, 16, 16, 13], "pbd": [15, 16, 16, 15, 15, 14]}
    named = [bit for group in groups.values() for bits in group.words.values() for bit in bits.values()]
    assert len(named) == 206
    assert Counter(bit.severity for bit in named) == {
        Severity.FAILURE: 16,
        Severity.FAULT: 154,
        Severity.STOP: 6,
        Severity.WARNING: 30,
    }


@pytest.mark.parametrize("name", ["hps_pcs", "pbd"])
def test_every_fault_has_a_text_for_its_owner(name: str) -> None:
    for bits in load_fault_groups()[name].words.values():
        for bit in bits.values():
            title, colon, explained = bit.text.partition(": ")
            assert colon, bit.text
            assert len(explained) > 10
            assert title[0].isupper()
            assert bit.text[-1] not in ".:;"
            assert "_" not in bit.text
            assert ("lightning surge" in bit.text) == ("thunder" in bit.name)
            assert "thunder" not in bit.text


@pytest.mark.parametrize("name", sorted(load_catalogue()))
def test_which_fields_hold_fault_words(name: str) -> None:
    words = load_catalogue()[name].faults
    assert list(words) == [f"sysFaultWord{number}" for number in range(1, TYPES_WITH_FAULTS.get(name, 0) + 1)]
    assert words.keys() <= load_catalogue()[name].known_fields
    for number, word in enumerate(words.values(), 1):
        assert (word.word, word.bits, word.bytes, word.no_data) == (number, 16, "swapped", (-1,))


@pytest.mark.parametrize("name", ["hps_central", "hps_string", "pcs"])
def test_the_sibling_platform_s_example_says_what_such_a_device_would(name: str) -> None:
    assert active(name, sysFaultWord1=0, sysFaultWord2=10240, sysFaultWord3=256) == [
        ("2.3", "bms_communication", "fault"),
        ("2.5", "bms", "fault"),
        ("3.0", "ac_no_utility", "fault"),
    ]


def test_the_words_of_a_pbd_have_their_own_bits() -> None:
    assert active("pbd", sysFaultWord2=0x4000, sysFaultWord4=0x0001, sysFaultWord6=0x0020) == [
        ("2.6", "bms_communication", "fault"),
        ("4.8", "epo_stop", "stop"),
        ("6.13", "pv2_l5_ocp", "fault"),
    ]


@pytest.mark.parametrize(
    "value",
    # no data; what is no whole number; and what 16 bits cannot hold: nothing says what that would mean
    [-1, -1.0, 0.5, 10240.46000000834465, -2, -32768, -0.5, 65536, 2**31, 2**64, 10**300, 1e300, -1e300, 5e-324],
)
def test_what_is_no_word_names_no_fault(value: float) -> None:
    words = words_of("hps_central")
    assert active("hps_central", sysFaultWord2=value) is None
    # nor does it hide what the other words say
    assert active("hps_central", sysFaultWord2=value, sysFaultWord3=256) == [("3.0", "ac_no_utility", "fault")]
    assert active("hps_central", sysFaultWord2=value, sysFaultWord3=0) == []
    assert words.unreadable({"sysFaultWord2": value, "sysFaultWord3": 0}) == ([] if value == -1 else ["sysFaultWord2"])


def test_a_whole_number_may_come_as_a_float() -> None:
    assert active("hps_central", sysFaultWord2=10240.0) == active("hps_central", sysFaultWord2=10240)
    assert words_of("hps_central").unreadable({"sysFaultWord2": 10240.0}) == []


def test_a_device_without_fault_words_says_nothing_of_faults() -> None:
    assert active("hps_central", ppv=1) is None
    assert active("bcu", sysFaultWord2=10240) is None
    assert NO_FAULT_WORDS.active({"sysFaultWord2": 10240}) is None
    assert active("hps_central", sysFaultWord2=0) == []


def test_a_bit_without_a_name_is_unknown() -> None:
    # D9 of word 1, and a word that the protocol does not have
    assert active("hps_central", sysFaultWord1=0x0002, sysFaultWord9=0x0100) == [
        ("1.9", "unknown", "unknown"),
        ("9.0", "unknown", "unknown"),
    ]
    (fault,) = words_of("hps_central").active({"sysFaultWord1": 2}) or ()
    assert fault.text == "Unknown: bit 9 of fault word 1, which nobody has described"


@given(st.integers(0, 2**16 - 1), st.integers(1, 8))
def test_every_bit_that_is_set_is_a_fault_and_no_other(number: int, word: int) -> None:
    found = active("hps_central", **{f"sysFaultWord{word}": int.from_bytes(number.to_bytes(2, "little"), "big")})
    assert [code for code, _, _ in found or ()] == [f"{word}.{bit}" for bit in range(16) if number >> bit & 1]


@pytest.mark.parametrize(
    ("word", "value", "codes"),
    [
        (FaultWord(word=7), 0x0801, ["7.0", "7.11"]),
        (FaultWord(word=7, bytes="swapped"), 0x0801, ["7.3", "7.8"]),
        (FaultWord(word=7, bits=32, bytes="swapped"), 1, ["7.24"]),
        (FaultWord(word=7, bits=8, bytes="swapped"), 0x81, ["7.0", "7.7"]),
        (FaultWord(word=7, bits=3), 8, None),
        (FaultWord(word=7, bits=64), 2**63, ["7.63"]),
        (FaultWord(word=7, no_data=(255, 65535)), 65535, None),
        (FaultWord(word=7, no_data=(255, 65535)), 254, [f"7.{bit}" for bit in range(1, 8)]),
    ],
)
def test_width_byte_order_and_what_no_data_is_are_data(word: FaultWord, value: int, codes: list[str] | None) -> None:
    found = FaultWords({"w": word}).active({"w": value})
    assert (None if found is None else [fault.code for fault in found]) == codes


def test_own_names_go_before_those_of_the_group() -> None:
    own = NamedBit(name="mine", severity=Severity.STOP, text="Mine: what I know of it")
    words = FaultWords({"w": FaultWord(word=2, group="hps_pcs", names={3: own})}, load_fault_groups())
    found = words.active({"w": 0b101000})
    assert [(fault.code, fault.name, fault.field) for fault in found or ()] == [("2.3", "mine", "w"), ("2.5", "bms", "w")]
    assert len(list(words)) == 16
