import pytest

from tools.prose import LONGEST, files, findings

PLAIN = """# Stale values

The exporter marks values stale after 15 minutes. `withheld` is a key, and "left out" a quote.

<!-- fields -->
Who is withheld vanishes.
<!-- end fields -->

| key | meaning |
|---|---|
| `a` | the patient one |

```sh
echo Have the listener in force
```

Who reads this? You. Have you a token?
"""


def words(count: int) -> str:
    return " ".join(f"a{number}" for number in range(count))


def found(text: str) -> list[tuple[int, str]]:
    return [(line, what) for line, what in findings(text)]


def test_plain_words_pass() -> None:
    assert found(PLAIN) == []


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("One.\n\nThe values are withheld.\n", 3, "'withheld': say stale"),
        ("A field is\nleft out.\n", 1, "'left out': say stale; or dropped"),
        ("One. Have `line` in\n`slot`.\n", 1, "'Have': say what the reader"),
        ("- One\n- Who tries many waits.\n", 2, "'Who': say it without"),
        ("| a |\n|---|\n| who is told 429 is told 429 |\n", 3, "'is told 429': say gets HTTP 429"),
        ("Two\n\nSome time ago, very very long.\n", 3, "There's a lexical illusion in 'very very'"),
        (f"One.\n\n{words(LONGEST + 1)}.\n", 3, f"a sentence of {LONGEST + 1} words, at most {LONGEST}: a0 a1"),
        (f"- {words(LONGEST)}\n- {words(LONGEST + 1)}\n", 2, f"a sentence of {LONGEST + 1} words"),
    ],
)
def test_what_is_wrong_is_found_where_it_is(text: str, line: int, what: str) -> None:
    assert [(number, message) for number, message in found(text) if what in message and number == line]


def test_a_sentence_of_the_greatest_length_passes() -> None:
    assert found(f"{words(LONGEST)}.\n") == []


def test_of_the_changelog_only_the_latest_section_is_read() -> None:
    (part,) = (part for path, part in files() if path.name == "CHANGELOG.md")
    assert part("# Changelog\n\n## [2]\n\nnew\n\n## [1]\n\nold\n") == "## [2]\n\nnew\n\n"
