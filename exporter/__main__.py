"""The `atess-exporter` command, also as `python -m exporter`."""

import signal
import sys

from exporter.process.signals import Signals, end


def main() -> int:
    """Run the command line. Return the exit code."""
    # before the slow imports, during which SIGHUP would end the process and SIGINT print a traceback
    signals = Signals(signal.SIGHUP, signal.SIGTERM, signal.SIGINT)

    from exporter import cli

    code = cli.main(signals=signals)
    if code == 128 + signal.SIGINT:
        # a SIGINT during code that was made from text, as dataclasses are, stays marked as unhandled in CPython, caught or not:
        # the interpreter's own exit would replace the code by death from the signal
        end(code)
    return code


if __name__ == "__main__":
    sys.exit(main())
