"""`python -m tests.helpers.fault_rounds URL ROUNDS`: a client that lives through every fault, in a process of its own.

The simulated cloud is another process, so whatever this one keeps, the client has left behind. After each round a line of JSON
says what there is: bytes of resident memory, threads, and file descriptors.
"""

import gc
import json
import sys
import threading

import psutil

from exporter import logs
from exporter.config.token import Token
from exporter.process.malloc import limit_malloc
from tests.helpers.fault_matrix import MATRIX, SICK, WELL, Bench
from tests.helpers.processes import TOKEN, SimulatedCloud


def main(url: str, rounds: int) -> None:
    """Print what the process holds after each of the rounds."""
    limit_malloc()
    logs.configure("debug", "logfmt", Token(value=TOKEN).hide_in)
    cloud = SimulatedCloud(url)
    bench = Bench(url, timeout=0.3, authorization=TOKEN)
    for _ in range(rounds):
        for fault in MATRIX:
            cloud.fault(fault, "pbd", SICK)
            try:
                bench.poll(SICK)
            finally:
                cloud.heal()
            bench.forgive()
            bench.poll(WELL)
        bench.poll(SICK)
        assert bench.state(SICK) == bench.state(WELL) == (1, 0, 0)
        gc.collect()
        process = psutil.Process()
        held = {
            "memory": process.memory_info().rss,
            "threads": threading.active_count(),
            "descriptors": process.num_fds(),
        }
        print(json.dumps(held), flush=True)  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
