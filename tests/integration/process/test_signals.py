import signal
import sys

from tests.helpers.processes import running

#: The signals reach another thread, so they interrupt nothing that the main thread waits for: as if they came just before that.
ELSEWHERE = """
import signal, threading
from exporter.process.signals import Signals

signals = Signals(signal.SIGHUP, signal.SIGTERM)
threading.Thread(target=threading.Event().wait, daemon=True).start()
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP, signal.SIGTERM])
print("waiting", flush=True)
while (number := signals.wait()) == signal.SIGHUP:
    print("reload", flush=True)
print(f"end by {number.name}", flush=True)
"""


def test_a_signal_wakes_the_main_thread_though_it_does_not_interrupt_it() -> None:
    with running([sys.executable, "-c", ELSEWHERE]) as process:
        process.wait_for("waiting")
        process.signal(signal.SIGHUP)
        process.wait_for("reload")
        process.signal(signal.SIGTERM)
        process.wait_for("end by SIGTERM")
        assert process.popen.wait(30) == 0
