"""What can be run from the command line: the daemon and its subcommands, each a `run()` that returns the exit code."""

import sys


def fail(error: Exception, route_prefix: str = "") -> int:
    """Print why a command cannot run. Return the exit code.

    A mistake in a file begins with the file's name; an error of the system, with the program's.
    """
    text = f"atess-exporter: {error}" if isinstance(error, OSError) else str(error)
    if (address := getattr(error, "in_use", None)) is not None:
        # imported here because it is rare
        from exporter.commands.healthcheck import who_listens

        text += f"; {who_listens(address, route_prefix)}"
    print(text, file=sys.stderr)
    return 1
