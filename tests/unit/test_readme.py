from tests.readme import README, written_anew


def test_the_generated_parts_of_the_readme_are_current() -> None:
    text = README.read_text(encoding="utf-8")
    assert text == written_anew(text), "run: python -m tests.readme"
