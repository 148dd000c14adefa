"""What can be run from the command line: the daemon and its subcommands, each a `run()` that returns the exit code."""

import sys


def fail(error: Exception) -> int:
    """Print why a command cannot run. Return the exit code.

    A mistake in a file begins with the file's name; an error of the system, with the program's.
    """
    print(f"atess-exporter: {error}" if isinstance(error, OSError) else error, file=sys.stderr)
    return 1
