"""`python -m exporter` is the `atess-exporter` command."""

import sys

from exporter.cli import main

sys.exit(main())
