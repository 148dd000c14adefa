from exporter.polling.history import KEPT, PollHistory
from exporter.polling.status import PollResult


def test_before_the_first_poll_there_is_none() -> None:
    history = PollHistory()
    assert history.last is None
    assert history.polls == []


def test_the_latest_polls_are_kept_latest_first() -> None:
    history = PollHistory()
    polls = [PollResult(1_790_000_000.5 + number, number / 8, "timeout" if number % 3 else None) for number in range(3 * KEPT)]
    for number, poll in enumerate(polls, 1):
        history.add(poll)
        assert history.last == poll
        assert history.polls == polls[max(0, number - KEPT) : number][::-1]
