"""The `atess-exporter` command, also as `python -m exporter`."""

import signal
import sys

from exporter.process.signals import Signals


def main() -> int:
    """Run the command line. Return the exit code."""
    # before the slow imports, during which SIGHUP would end the process and SIGINT print a traceback
    signals = Signals(signal.SIGHUP, signal.SIGTERM, signal.SIGINT)

    from exporter import cli

    return cli.main(signals=signals)


if __name__ == "__main__":
    sys.exit(main())
