from exporter.logs import LogOnce


def test_a_thing_is_news_once_and_again_when_the_word_changes() -> None:
    news = LogOnce()
    assert [news.is_new("list", word) for word in ("timeout", "timeout", "connection", "connection", "timeout")] == [
        True,
        False,
        True,
        False,
        True,
    ]


def test_things_are_apart() -> None:
    news = LogOnce()
    assert news.is_new("a", "timeout")
    assert news.is_new("b", "timeout")


def test_what_is_over_is_told_once_and_news_when_it_comes_back() -> None:
    news = LogOnce()
    news.is_new("list", "timeout")
    assert news.over("list")
    assert not news.over("list")
    assert news.is_new("list", "timeout")
