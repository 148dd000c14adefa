import random
import re

import pytest

from exporter.doctor.identities import MadeUp


def test_the_same_form_and_always_the_same() -> None:
    made = MadeUp(random.Random(1))
    one, other = made.of("UMD0D23202"), made.of("UMD0D23203")
    assert re.fullmatch(r"[A-Z]{3}\d[A-Z]\d{5}", one)
    assert one != other
    assert made.of("UMD0D23202") == one
    # another spelling of the same, with its space
    assert made.of(" umd0d23202 ") == f" {one.lower()} "


def test_one_to_one_even_where_there_are_few_of_a_form() -> None:
    made = MadeUp(random.Random(1))
    given = [str(number) for number in range(10)] + list("abcdefghijklmnopqrstuvwxyz")
    found = [made.of(one) for one in given]
    assert len(set(found)) == len(given)
    assert not any(one.casefold() == other.casefold() for one, other in zip(given, found, strict=True))


@pytest.mark.parametrize("identity", ["ไทย-12", "ß", "a b/c:d", "---", "ǅ1"])
def test_any_text_is_an_identity(identity: str) -> None:
    made = MadeUp(random.Random(1))
    assert made.of(identity) == made.of(identity)
    assert made.of(identity) != identity or not any(character.isalnum() for character in identity)
