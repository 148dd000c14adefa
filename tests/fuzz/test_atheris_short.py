"""The coverage-guided harness works and finds nothing in a short run. The long one is `make fuzz`."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.fixtures import Sized

HARNESS = Path(__file__).with_name("atheris_answers.py")


@pytest.mark.skipif(platform.machine() != "x86_64", reason="atheris has no wheel for this platform")
def test_a_short_run_finds_nothing(sized: Sized, tmp_path: Path) -> None:
    runs = sized(short=3000, long=10_000)
    # one seed, so that a build fails for what changed and not for luck
    command = [sys.executable, str(HARNESS), f"-runs={runs}", "-seed=1", f"-artifact_prefix={tmp_path}/"]
    result = subprocess.run(command, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, errors="replace", check=False)
    assert result.returncode == 0, result.stderr[-5000:]
    assert f"Done {runs} runs" in result.stderr
