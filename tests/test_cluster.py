"""The run on a Dask cluster, made small: what it counts must be right."""

import subprocess
from pathlib import Path

import pytest
from conftest import PATIENCE, python_command

pytest.importorskip("distributed", reason="the extra `distributed` is not installed")

pytestmark = pytest.mark.one_python

CLUSTER = Path(__file__).parents[1] / "benchmarks" / "cluster.py"


def test_no_wait_is_lost_when_workers_come_and_go():
    """Whichever worker dies or leaves, each job ends once, as scripted, and within the rate."""
    small = ("--only=run", "--jobs=300", "--workers=3", "--longest=4", "--max-rate=200")
    # The slack: on a busy machine, requests that left evenly spaced arrive in heaps.
    done = subprocess.run(
        python_command(str(CLUSTER), *small, "--slack=0.5"),
        capture_output=True,
        timeout=3 * PATIENCE,
        check=False,
    )
    printed = done.stdout.decode()
    assert done.returncode == 0, printed + done.stderr.decode()
    counts = dict(line.rsplit(None, 1) for line in printed.splitlines()[:-1])
    assert counts["jobs"] == "300"
    assert int(counts["shards of the killed worker"]) > 0
    twice = ("done-callbacks run twice", "ended twice")
    for nothing in ("lost", "ended otherwise than scripted", *twice):
        assert counts[nothing] == "0"
