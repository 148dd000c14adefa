import signal
import sys

import pytest

from exporter.process.signals import Signals


def test_signals_that_came_before_anybody_waits_are_kept_in_order() -> None:
    signals = Signals(signal.SIGHUP, signal.SIGTERM)
    try:
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGHUP):
            signal.raise_signal(number)
        assert signals.ending == signal.SIGTERM
        assert [signals.wait() for _ in range(3)] == [signal.SIGHUP, signal.SIGTERM, signal.SIGHUP]
    finally:
        signals.restore()


def test_a_flood_of_signals_does_not_fill_the_stack() -> None:
    signals = Signals(signal.SIGHUP)
    handler = signal.getsignal(signal.SIGHUP)
    try:
        # in Python it would be a frame that the next signal interrupts, and so on
        assert not hasattr(handler, "__code__")
        for _ in range(10 * sys.getrecursionlimit()):
            signal.raise_signal(signal.SIGHUP)
        assert signals.ending is None
    finally:
        signals.restore()


def test_handed_back_they_do_what_they_did_before() -> None:
    before = signal.getsignal(signal.SIGINT)
    signals = Signals(signal.SIGINT)
    signal.raise_signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        signals.hand_back()
    assert signal.getsignal(signal.SIGINT) is before
