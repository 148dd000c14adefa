"""What the servers say and are told."""

import sys
from collections.abc import Callable


def serve(url: str, **commands: Callable[[], None]) -> None:
    """Print where the server is, and run the command that each line of standard input names."""
    print(f"listening on {url}", flush=True)
    for line in sys.stdin:
        commands[line.strip()]()
        print("done", flush=True)
