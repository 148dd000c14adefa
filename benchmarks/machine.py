"""What the benchmark runs on, in words that name nobody's machine."""

import os
import platform
import re
from pathlib import Path


def describe() -> str:
    """Return a description of processor, cores, system and Python."""
    found = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
    processor = found[1] if found else platform.machine()
    python = platform.python_version()
    load = f"load when it began {os.getloadavg()[0]:.1f}"
    return f"{processor}, {os.cpu_count()} cores, {platform.system()}, Python {python}; {load}"
