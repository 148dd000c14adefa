"""Published schemas of other programs' files."""

import subprocess
import sys
from pathlib import Path
from typing import Final

_CHECK: Final = Path(sys.executable).parent / "check-jsonschema"


def mistakes(schema: str, file: Path) -> str:
    """What check-jsonschema's own copy of `schema` finds wrong with `file`; empty if nothing. It asks no network."""
    command = [str(_CHECK), "--builtin-schema", schema, str(file)]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode in (0, 1), found.stderr
    return found.stdout + found.stderr if found.returncode else ""
