from exporter.logs import LogOnce


def test_a_reason_is_new_once_and_again_when_it_changes() -> None:
    once = LogOnce()
    assert [once.is_new("list", reason) for reason in ("timeout", "timeout", "connection", "connection", "timeout")] == [
        True,
        False,
        True,
        False,
        True,
    ]


def test_subjects_are_apart() -> None:
    once = LogOnce()
    assert once.is_new("a", "timeout")
    assert once.is_new("b", "timeout")


def test_what_is_over_is_new_when_it_comes_back() -> None:
    once = LogOnce()
    once.is_new("list", "timeout")
    assert once.over("list")
    assert not once.over("list")
    assert once.is_new("list", "timeout")
