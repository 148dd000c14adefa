import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.api.client import MAX_DEPTH, is_deep


def nested(levels: int, inside: str = "") -> str:
    return '[{"a":' * (levels // 2) + "[" * (levels % 2) + inside + "]" * (levels % 2) + "}]" * (levels // 2)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32-be"])
@pytest.mark.parametrize(
    ("text", "deep"),
    [
        ("", False),
        ("[" + ",".join(["[{}]"] * MAX_DEPTH) + "]", False),
        (nested(MAX_DEPTH), False),
        (nested(MAX_DEPTH + 1), True),
        (nested(MAX_DEPTH - 1, ",".join(["[]"] * 3)), False),
        (nested(MAX_DEPTH - 1, ",".join(["[]", "[[]]", "[]"])), True),
        ("[" * 100_000, True),
        (json.dumps(["[" * 1000, "{" * 1000]), False),
        (json.dumps(['"' + "[" * 1000, '\\"' + "[" * 1000, "\\"]), False),
        (nested(MAX_DEPTH + 1, json.dumps("]" * 1000)), True),
        (nested(MAX_DEPTH + 1, json.dumps('"\\')), True),
    ],
)
def test_only_levels_count_and_only_those_outside_of_strings(text: str, deep: bool, encoding: str) -> None:
    assert is_deep(text.encode(encoding)) is deep


def test_a_lone_surrogate_is_text_like_any_other() -> None:
    assert not is_deep(json.dumps("\ud800", ensure_ascii=False).encode("utf-8", "surrogatepass") + b"[]" * (MAX_DEPTH + 1))


def depth(value: object) -> int:
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inside is None else 1 + max(map(depth, inside), default=0)


texts = st.text(st.sampled_from('[]{}"\\,:a'), max_size=6)
values = st.recursive(texts, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=9)


@given(values, st.integers(MAX_DEPTH - 8, MAX_DEPTH + 1))
def test_it_agrees_with_the_parsed_value(value: object, outer: int) -> None:
    for _ in range(outer):
        value = [value]
    assert is_deep(json.dumps(value).encode()) is (depth(value) > MAX_DEPTH)
