"""The crash run, made small: what it counts must be right."""

import subprocess
import sys
from pathlib import Path

from conftest import PATIENCE

CRASH = Path(__file__).parents[1] / "benchmarks" / "crash.py"


def test_no_wait_is_lost_when_processes_are_killed():
    """Whoever is killed, each job ends as scripted for whoever resumes, in time, and is told."""
    done = subprocess.run(
        [sys.executable, str(CRASH), "--jobs=60", "--kills=3", "--longest=5", "--slack=10"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=3 * PATIENCE,
        check=False,
    )
    printed = done.stdout.decode()
    assert done.returncode == 0, printed
    counts = dict(line.rsplit(None, 1) for line in printed.splitlines()[:-1])
    assert counts["jobs"] == "60"
    assert counts["kills"] == "3"
    assert counts["  while another process shared the store"] == "1"
    for nothing in ("lost", "ended otherwise than scripted", "left in the store"):
        assert counts[nothing] == "0"
